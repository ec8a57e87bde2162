#include "control/ours.h"

void ours_init(struct ours *ours, const struct kube_store *store,
               const struct ingress_options *options)
{
    diag_list_init(&ours->unheard);
    ours->classes = ingress_classes_read(store, options, &ours->unheard);
}

void ours_deinit(struct ours *ours)
{
    diag_list_deinit(&ours->unheard);
}

bool ours_has(struct ours *ours, const struct kube_object *ingress)
{
    return ingress_is_ours(&ours->classes, ingress, &ours->unheard) &&
           !ingress_is_forbidden_catch_all(ours->classes.options, ingress);
}
