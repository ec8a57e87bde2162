/* control/replicas.h
 *
 * Purpose    Which Pods are replicas of ours: those in the same namespace that have our Pod's labels, but for
 *            the labels that tell one revision or one Pod from another.
 * Ownership  Nodes and texts borrow from the parsed Pod (control/api_object.h).
 * Roles      controller. */
#ifndef YETT_CONTROL_REPLICAS_H
#define YETT_CONTROL_REPLICAS_H

#include "base/buf.h"
#include "kube/node.h"

/* The label selector of `pod` and its like: "app=yett,part-of=x". Empty: it has no such labels. */
void replicas_selector_append(const struct kube_node *pod, struct buf *out);

bool replica_is_ready(const struct kube_node *pod);
/* It runs, and nobody has asked it to end. */
bool replica_is_staying(const struct kube_node *pod);

#endif
