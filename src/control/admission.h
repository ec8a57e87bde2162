/* control/admission.h
 *
 * Purpose    An AdmissionReview in, an AdmissionReview out: is this Ingress to be stored?
 * Ownership  Borrows everything until it returns.
 * Roles      controller. Pure: no system calls; what it is asked changes nothing.
 * Units      Unix time in seconds.
 * Limits     ADMISSION_WARNING_BYTES and ADMISSION_WARNINGS_BYTES, which are the API server's;
 *            ADMISSION_MESSAGE_BYTES for the reason of a refusal, ADMISSION_NODES_MAX for a review.
 * See        https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ */
#ifndef YETT_CONTROL_ADMISSION_H
#define YETT_CONTROL_ADMISSION_H

#include "control/http_server.h"
#include "ingress/compile.h"

enum {
    ADMISSION_WARNING_BYTES = 256,   /* one */
    ADMISSION_WARNINGS_BYTES = 4096, /* all together */
    ADMISSION_MESSAGE_BYTES = 4096,
    /* Lists, maps and scalars of a review: several times what the largest sensible Ingress has, and less
     * memory than would hurt. */
    ADMISSION_NODES_MAX = 400000,
};

/* The state that is judged against. */
struct admission_state {
    const struct kube_store *store;
    const struct ingress_options *options;
    const struct route_model *model; /* compiled from the store as it is; NULL: it is not */
    bool has_all_secrets;            /* else those that nobody refers to yet are not in the store */
    bool selects_namespaces;         /* only those in the store are ours */
    int64_t now_s;
};

enum admission_outcome {
    ADMISSION_ALLOWED = 0,
    ADMISSION_REFUSED,
    ADMISSION_NOT_OURS,   /* another class, kind or operation: allowed */
    ADMISSION_UNREADABLE, /* no review that we understand: HTTP status 400 */
    ADMISSION_OUTCOMES_LEN
};

/* Fills in *answer. */
enum admission_outcome admission_answer(const struct admission_state *state, struct span body,
                                        struct http_answer *answer);

#endif
