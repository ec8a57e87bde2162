/* ingress/change.h
 *
 * Purpose    What changed in a store since a model was compiled from it: which objects, and the hosts that
 *            their Ingresses had or have.
 * Ownership  The change copies what it is given.
 * Lifetime   ingress_change_init() … ingress_change_deinit().
 * Limits     INGRESS_CHANGE_MAX objects; past it `is_whole` says that all may have changed.
 * Roles      control. */
#ifndef YETT_INGRESS_CHANGE_H
#define YETT_INGRESS_CHANGE_H

#include "kube/types.h"

/* Where more changed at once, a whole compile is as good. */
enum { INGRESS_CHANGE_MAX = 1024 };

struct ingress_touched {
    enum kube_kind kind;
    struct span namespace, name; /* of an EndpointSlice: its Service's */
};

struct ingress_change {
    struct arena texts;
    VEC(struct ingress_touched) objects;
    VEC(struct span) hosts; /* as written; empty: any */
    bool is_whole;
};

void ingress_change_init(struct ingress_change *change);
void ingress_change_deinit(struct ingress_change *change);

/* Notes that `object` came or goes; for one that changed, both its old and its new form. */
void ingress_change_add(struct ingress_change *change, const struct kube_object *object);
/* Adds all of `from`. */
void ingress_change_merge(struct ingress_change *change, const struct ingress_change *from);

#endif
