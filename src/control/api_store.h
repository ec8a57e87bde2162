/* control/api_store.h
 *
 * Purpose    What the API server has told: the objects behind a source's kube_store, what changed in it
 *            since it was settled last, and what is wrong with single objects.
 * Ownership  Owns every object that it is given. One that was replaced or removed lives until the next
 *            api_store_settle(), for whoever is told of the change.
 * Lifetime   api_store_init() … api_store_deinit().
 * Roles      controller. No calls, no clock.
 * Limits     Objects that equal what is there already, as kube_object_eq() has it, are no change. */
#ifndef YETT_CONTROL_API_STORE_H
#define YETT_CONTROL_API_STORE_H

#include "control/source.h"

struct api_store {
    struct source *source;
    struct kube_store hidden; /* of namespaces that are not selected: not in the source's store */
    bool
        selects_namespaces; /* only what lies in a namespace whose Namespace object is here is shown */
    struct span shown_namespace; /* whose Services are shown all the same: the default backend's */
    struct map diags;            /* "kind/namespace/name" → struct object_diags */
    struct source_change change;
    VEC(struct kube_object *) former;
};

/* Which objects of a kind a listing tells of. */
struct api_scope {
    struct span namespace; /* empty: all */
    struct span name;      /* empty: all */
    struct span service;   /* of EndpointSlices: empty: all */
};

/* `source` is told of changed statuses. */
void api_store_init(struct api_store *store, struct source *source);
void api_store_deinit(struct api_store *store);

/* Takes a packed object over. */
void api_store_put(struct api_store *store, struct kube_object *object);
void api_store_remove(struct api_store *store, enum kube_kind kind, struct span namespace,
                      struct span name);
/* Removes one that nobody refers to any more: no change. */
void api_store_forget(struct api_store *store, enum kube_kind kind, struct span namespace,
                      struct span name);
/* Shown or not; NULL: not there. */
const struct kube_object *api_store_find(const struct api_store *store, enum kube_kind kind,
                                         struct span namespace, struct span name);

/* Belongs into the source's store, by its kind and namespace. */
bool api_store_shows(const struct api_store *store, const struct kube_object *object);

/* Identifies an object among those of its kind, for api_store_sweep(). */
uint64_t api_object_id(struct span namespace, struct span name);
/* Removes all of that kind and scope whose api_object_id() is not in `told`. Calls on_gone for each that
 * is, before it is removed; may be NULL. */
void api_store_sweep(struct api_store *store, enum kube_kind kind, const struct api_scope *scope,
                     const struct idmap *told,
                     void (*on_gone)(void *ctx, const struct kube_object *object), void *ctx);

/* What is wrong with one object, in place of what was; takes a copy. Empty: nothing. */
void api_store_set_diags(struct api_store *store, enum kube_kind kind, struct span namespace,
                         struct span name, const struct diag_list *diags);
/* Appends all of these, in the order of kinds, namespaces and names. */
void api_store_diags_append(const struct api_store *store, struct diag_list *diags);

/* Frees what was replaced, and starts another change. */
void api_store_settle(struct api_store *store);

#endif
