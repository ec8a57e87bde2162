/* ingress/backend_tls.h
 *
 * Purpose    What an Ingress says of TLS towards its backends (proxy-ssl-*) → a part of its policy, and
 *            diagnostics.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_BACKEND_TLS_H
#define YETT_INGRESS_BACKEND_TLS_H

#include "ingress/compiler.h"

/* NULL where the Ingress says nothing; where it asks for what cannot be done (reported) the Ingress is denied. */
const struct route_backend_tls *ingress_backend_tls_get(struct compiler *c,
                                                        const struct kube_object *ingress,
                                                        struct ingress_annotations *annotations);

#endif
