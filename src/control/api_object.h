/* control/api_object.h
 *
 * Purpose    A few fields out of an object that the API server sent, of a kind that no decoder of kube/
 *            knows: a Lease, a Pod, a Node.
 * Ownership  Nodes and texts live in the arena.
 * Roles      controller.
 * Errors     What is missing, or of another type than it should be, is absent. */
#ifndef YETT_CONTROL_API_OBJECT_H
#define YETT_CONTROL_API_OBJECT_H

#include "kube/node.h"

/* NULL: `json` is not one JSON object. */
const struct kube_node *api_object_parse(struct arena *arena, struct span json);

/* `path` is "metadata.labels": keys without dots in them. `object` may be NULL. */
const struct kube_node *api_object_find(const struct kube_node *object, const char *path);
/* Of a string; empty: absent. */
struct span api_object_text(const struct kube_node *object, const char *path);
/* Of a number from 0 to UINT32_MAX; else 0. */
uint32_t api_object_u32(const struct kube_node *object, const char *path);
/* Items of a list; 0: absent. */
size_t api_object_len(const struct kube_node *list);

#endif
