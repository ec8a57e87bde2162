/* ingress/secrets.h
 *
 * Purpose    Which Secrets the Ingresses of ours, the ConfigMap and the flags refer to.
 * Ownership  Borrows from store and options.
 * Roles      control, cli; the ingress room. Pure. */
#ifndef YETT_INGRESS_SECRETS_H
#define YETT_INGRESS_SECRETS_H

#include "ingress/compile.h"

typedef void ingress_secret_fn(void *ctx, struct span namespace, struct span name);

/* May annotations name Secrets of other namespaces than the Ingress'? The ConfigMap says. */
bool ingress_secrets_may_cross(const struct kube_store *store,
                               const struct ingress_options *options);

/* Calls `with` for each mention by this Ingress; with `may_cross`, of other namespaces too. A Secret may be
 * mentioned more than once, and need not be there. */
void ingress_secrets_of(const struct kube_object *ingress, const struct ingress_options *options,
                        bool may_cross, ingress_secret_fn *with, void *ctx);

/* The same for what no Ingress mentions, but flags and the ConfigMap do. */
void ingress_secrets_common(const struct kube_store *store, const struct ingress_options *options,
                            ingress_secret_fn *with, void *ctx);

/* All of both, of the Ingresses that are ours. */
void ingress_secrets_each(const struct kube_store *store, const struct ingress_options *options,
                          ingress_secret_fn *with, void *ctx);

#endif
