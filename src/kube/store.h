/* kube/store.h
 *
 * Purpose    The objects of a cluster (or of a directory) by kind, namespace and name.
 * Ownership  Borrows objects; whoever puts one in takes it out before it dies.
 * Lifetime   kube_store_init() … kube_store_deinit().
 * Limits     None; memory goes with what is in it, however often objects come and go. */
#ifndef YETT_KUBE_STORE_H
#define YETT_KUBE_STORE_H

#include "base/map.h"
#include "kube/types.h"

struct kube_store {
    struct map by_key[KUBE_KINDS_LEN]; /* "namespace/name" → store_entry (store.c) */
    struct map slices_by_service;      /* "namespace/service" → slice_set: its EndpointSlices */
};

void kube_store_init(struct kube_store *store);
void kube_store_deinit(struct kube_store *store);

/* Inserts. Where one of that kind, namespace and name is there already, the newcomer is left out
 * and the one that stands is returned; NULL: inserted. */
const struct kube_object *kube_store_put(struct kube_store *store,
                                         const struct kube_object *object);
/* Takes `object` out. One that was left out, or another of the same name, is not touched. */
void kube_store_remove(struct kube_store *store, const struct kube_object *object);

const struct kube_object *kube_store_find(const struct kube_store *store, enum kube_kind kind,
                                          struct span namespace, struct span name);
size_t kube_store_len(const struct kube_store *store, enum kube_kind kind);
/* Next object of a kind, in no particular order, from *cursor = 0 until NULL. */
const struct kube_object *kube_store_next(const struct kube_store *store, enum kube_kind kind,
                                          size_t *cursor);

struct kube_slice_list {
    const struct kube_object **items; /* borrowed until the store changes */
    size_t len;
};

/* EndpointSlices of the Service, sorted by name, so that their order is the same in every run. */
struct kube_slice_list kube_store_slices(const struct kube_store *store, struct span namespace,
                                         struct span service);

#endif
