/* kube/pack.h
 *
 * Purpose    An object in one block of exactly its size, for those that are kept by the ten thousand;
 *            and whether two objects are equal.
 * Ownership  A packed object owns all its texts and arrays; kube_object_free() frees it.
 * Limits     What an object is made of stands in the tables of kube/pack.c: a field that is missing there
 *            is neither kept nor compared. */
#ifndef YETT_KUBE_PACK_H
#define YETT_KUBE_PACK_H

#include "kube/types.h"

YETT_MUST_USE struct kube_object *kube_object_pack(const struct kube_object *object);
/* NULL is fine; returns NULL. */
struct kube_object *kube_object_free(struct kube_object *object);

/* In all but where they stand in a file, and their resource_version. */
bool kube_object_eq(const struct kube_object *a, const struct kube_object *b);

#endif
