/* ingress/annotate_reading.h
 *
 * Purpose    What the two files that read annotations share: annotate.c has their table, annotate_tls.c the
 *            readers of those about TLS, on either side.
 * Roles      annotate.c and annotate_tls.c only. */
#ifndef YETT_INGRESS_ANNOTATE_READING_H
#define YETT_INGRESS_ANNOTATE_READING_H

#include "ingress/annotate.h"
#include "ingress/report.h"

enum annotation_state { SUPPORTED, UNSUPPORTED, REFUSED, GONE };
enum annotation_effect { KEEP, DENY, DENY_OTHER_PATHS, DROP };

struct annotation_row {
    struct span name;
    enum annotation_state state;
    enum annotation_effect effect;
    const char *inert, *mend;
};

struct annotation_reading {
    struct ingress_annotations result;
    const struct kube_object *object;
    const struct ingress_config *config;
    struct ingress_cache *cache;
    struct diag_list *diags;
};

/* One annotation under work: its row, where there is one, and the pair. */
struct annotation_finding {
    const struct annotation_row *row;
    const struct kube_pair *pair;
};

void annotation_report(struct annotation_reading *reading, struct annotation_finding at,
                       enum diag_severity severity, enum diag_code code, struct span what,
                       struct span mend);
/* "… is not what NAME takes; CONSEQUENCE", and the mend "write WANTED". */
void annotation_invalid(struct annotation_reading *reading, struct annotation_finding at,
                        enum diag_severity severity, const char *wanted, const char *consequence);

typedef void annotation_read_fn(struct annotation_reading *reading, struct annotation_finding at);

annotation_read_fn annotation_read_auth_tls_secret;
annotation_read_fn annotation_read_auth_tls_verify_client;
annotation_read_fn annotation_read_auth_tls_verify_depth;
annotation_read_fn annotation_read_auth_tls_error_page;
annotation_read_fn annotation_read_auth_tls_match_cn;
annotation_read_fn annotation_read_proxy_ssl_secret;
annotation_read_fn annotation_read_proxy_ssl_verify;
annotation_read_fn annotation_read_proxy_ssl_verify_depth;
annotation_read_fn annotation_read_proxy_ssl_name;
annotation_read_fn annotation_read_proxy_ssl_server_name;
annotation_read_fn annotation_read_proxy_ssl_protocols;
annotation_read_fn annotation_read_proxy_ssl_ciphers;
annotation_read_fn annotation_read_ssl_ciphers;
annotation_read_fn annotation_read_ssl_prefer_server_ciphers;
annotation_read_fn annotation_read_ssl_passthrough;

#endif
