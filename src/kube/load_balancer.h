/* kube/load_balancer.h
 *
 * Purpose    What status.loadBalancer.ingress says, as one number: enough to tell whether it is what it
 *            should be, at eight bytes an object. The order of the list and its ports make no
 *            difference.
 * Limits     Not cryptographic: who forges a collision fools nobody but himself.
 * See        https://kubernetes.io/docs/reference/kubernetes-api/networking-resources/ingress-v1/ */
#ifndef YETT_KUBE_LOAD_BALANCER_H
#define YETT_KUBE_LOAD_BALANCER_H

#include <stdint.h>

#include "base/span.h"

/* Of the empty list. */
enum { KUBE_LOAD_BALANCER_NONE = 0 };

/* `hash` with one entry more; either text may be empty. */
uint64_t kube_load_balancer_add(uint64_t hash, struct span ip, struct span hostname);

#endif
