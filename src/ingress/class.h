/* ingress/class.h
 *
 * Purpose    Whose Ingress is it? IngressClass, the legacy annotation, the options.
 * Ownership  Borrows from the store.
 * Roles      The ingress room; control, which writes the status of what is ours and reads its Secrets.
 * See        https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class */
#ifndef YETT_INGRESS_CLASS_H
#define YETT_INGRESS_CLASS_H

#include "ingress/compile.h"

struct ingress_classes {
    const struct kube_store *store;
    const struct ingress_options *options;
    bool
        default_is_ours; /* the default IngressClass is, and it applies to Ingresses without class */
    /* The verdict of the last name: most Ingresses of a cluster name the same class. */
    struct span last_name;
    bool last_is_ours;
};

/* Also reports two default classes, where the default concerns us. */
struct ingress_classes ingress_classes_read(const struct kube_store *store,
                                            const struct ingress_options *options,
                                            struct diag_list *diags);

/* Silent where it is another's. Diagnostics about the class of one that is ours go to `diags`. */
bool ingress_is_ours(struct ingress_classes *classes, const struct kube_object *ingress,
                     struct diag_list *diags);

/* --disable-catch-all passes it over. */
bool ingress_is_forbidden_catch_all(const struct ingress_options *options,
                                    const struct kube_object *ingress);

#endif
