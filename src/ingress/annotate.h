/* ingress/annotate.h
 *
 * Purpose    What the annotations of one Ingress say, by the table annotations.h.
 * Ownership  Texts borrow from the object.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_ANNOTATE_H
#define YETT_INGRESS_ANNOTATE_H

#include "ingress/compile.h"
#include "ingress/config.h"
#include "ingress/report.h"

/* auth-tls-*: what clients of the Ingress' hosts must show. */
struct ingress_client_auth {
    const struct kube_pair *secret; /* "namespace/name", valid unless is_broken; NULL: none */
    const struct kube_pair *guard;  /* asks for a check all the same, where there is no secret */
    enum route_client_auth_mode mode;
    uint32_t depth;
    struct span error_page, match_cn;
    bool passes_certificate;
    bool is_broken; /* told already: nobody is let in */
};

/* proxy-ssl-*: they count beside a Secret only. */
struct ingress_backend_tls {
    const struct kube_pair *secret; /* "namespace/name", valid; NULL: none */
    struct span name, ciphers;
    uint32_t versions, depth;
    bool verifies, sends_name;
};

struct ingress_annotations {
    struct route_policy policy;
    bool ssl_redirect, force_ssl_redirect, preserve_trailing_slash;
    struct ingress_client_auth client_auth;
    struct ingress_backend_tls backend_tls;
    struct span tls_ciphers; /* empty: as the settings say */
    enum route_cipher_choice cipher_choice;
    const struct kube_pair *passthrough; /* NULL: none */
    bool is_dropped;                     /* makes no routes */
    bool is_denied;                      /* all its rules answer 503 */
    struct span denied_but_path;         /* set: rules of another path than this answer 503 */
    bool has_policy;                     /* `policy` is not simply the ConfigMap's */
};

struct ingress_annotations ingress_annotations_read(const struct kube_object *ingress,
                                                    const struct ingress_config *config,
                                                    const struct ingress_options *options,
                                                    struct ingress_cache *cache,
                                                    struct diag_list *diags);

/* Calls `with` for each annotation of the Ingress that names a Secret, as "namespace/name". */
void ingress_annotations_secrets(const struct kube_object *ingress,
                                 const struct ingress_options *options,
                                 void (*with)(void *ctx, struct span value), void *ctx);

/* Where an annotation stands; its field lies in `arena`. */
struct place ingress_annotation_place(const struct kube_object *ingress,
                                      const struct kube_pair *annotation, struct arena *arena);

#endif
