/* control/ours.h
 *
 * Purpose    Which Ingresses are ours by class, for those who ask apart from a compile: whose status is written,
 *            whom an Event concerns. What there is to say of classes, the compiler says.
 * Ownership  Borrows store and options.
 * Lifetime   ours_init() … ours_deinit(), between which the store stays as it is: one look at the
 *            IngressClasses serves for many Ingresses.
 * Roles      controller. */
#ifndef YETT_CONTROL_OURS_H
#define YETT_CONTROL_OURS_H

#include "ingress/class.h"

struct ours {
    struct diag_list unheard;
    struct ingress_classes classes;
};

void ours_init(struct ours *ours, const struct kube_store *store,
               const struct ingress_options *options);
void ours_deinit(struct ours *ours);
bool ours_has(struct ours *ours, const struct kube_object *ingress);

#endif
