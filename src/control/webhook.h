/* control/webhook.h
 *
 * Purpose    The validating admission webhook: HTTPS on --validating-webhook, any path, POST.
 * Ownership  Borrows the loop, the listening descriptor, the reconcile, and what the options point at.
 * Lifetime   webhook_new() … webhook_free(), which ends all connections.
 * Roles      controller.
 * Limits     WEBHOOK_CONNECTIONS_MAX, WEBHOOK_BODY_BYTES, WEBHOOK_BODIES_BYTES, WEBHOOK_IDLE_MS, and those
 *            of control/http_server.h.
 * Errors     -errno of the loop from webhook_new(). Before the first compilation every review is answered
 *            503, and the failurePolicy of the ValidatingWebhookConfiguration decides.
 * See        docs/webhook.md */
#ifndef YETT_CONTROL_WEBHOOK_H
#define YETT_CONTROL_WEBHOOK_H

#include "control/admission.h"
#include "control/reconcile.h"
#include "control/tls_files.h"

enum {
    WEBHOOK_CONNECTIONS_MAX = 64,    /* an API server keeps a few; there are a few of those */
    WEBHOOK_BODY_BYTES = 3 << 20,    /* what the API server takes at most as a request */
    WEBHOOK_BODIES_BYTES = 12 << 20, /* of all that come in at a time */
    WEBHOOK_IDLE_MS = 60000,         /* the API server's own limit is 30 s at most */
};

struct webhook;

struct webhook_options {
    const struct ingress_options *ingress;
    struct tls_files_paths files;
    bool has_all_secrets, selects_namespaces; /* as struct admission_state has them */
};

YETT_MUST_USE int webhook_new(struct loop *loop, int listen_fd, const struct reconcile *reconcile,
                              const struct webhook_options *options, struct webhook **ret_webhook);
struct webhook *webhook_free(struct webhook *webhook);

struct webhook_facts {
    uint64_t counts[ADMISSION_OUTCOMES_LEN]; /* of reviews, by how they ended */
    uint64_t last_us;                        /* how long the last one took */
};

const struct webhook_facts *webhook_facts(const struct webhook *webhook);

#endif
