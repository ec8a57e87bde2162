/* ingress/admit.h
 *
 * Purpose    Judge an Ingress before it is stored: what would become of it, and of others, among what is
 *            there now. Only the hosts that it has are compiled, once with it and once as they are.
 * Ownership  The caller's memory; ingress_verdict_deinit().
 * Roles      control. Pure: nothing that is served knows of it.
 * Limits     Costs the compilation of the Ingresses that share a host with this one; without a model to
 *            ask for these, a walk over all Ingresses, too.
 * See        docs/webhook.md */
#ifndef YETT_INGRESS_ADMIT_H
#define YETT_INGRESS_ADMIT_H

#include "ingress/compile.h"
#include "kube/decode.h"

struct ingress_verdict {
    bool is_ours;             /* else there is nothing to say */
    struct diag_list refused; /* not empty: it must not be stored */
    struct diag_list warned;
};

/* `model` is what ingress_compile() made of the store as it is; NULL: that is not there, or out of date.
 * `before`: the Ingress as it is stored, NULL: it is new; `after`: as it would be; each the first object
 * of its bundle. Neither need be in the store; what is there under that name is not looked at. What the
 * decoder said of them counts, too.
 *
 * Refused is what could never serve, whatever else comes (a host or path that is none, an annotation's
 * value, a host and path that another has), and what would take a host and path from another. What was
 * as wrong before is no reason to refuse: else nobody could change a label of it. What may come later (a
 * Service, a Secret) is warned of. */
void ingress_admit(const struct kube_store *store, const struct ingress_options *options,
                   const struct route_model *model, const struct kube_bundle *before,
                   const struct kube_bundle *after, struct ingress_verdict *ret_verdict);
void ingress_verdict_deinit(struct ingress_verdict *verdict);

#endif
