/* ingress/secrets.h
 *
 * Purpose    Which Secrets the Ingresses of ours and the flags refer to.
 * Ownership  Borrows from store and options.
 * Roles      control, cli. Pure. */
#ifndef YETT_INGRESS_SECRETS_H
#define YETT_INGRESS_SECRETS_H

#include "ingress/compile.h"

/* Calls `with` for each mention; a Secret may be mentioned more than once, and need not be there. */
void ingress_secrets_each(const struct kube_store *store, const struct ingress_options *options,
                          void (*with)(void *ctx, struct span namespace, struct span name),
                          void *ctx);

#endif
