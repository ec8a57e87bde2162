/* ingress/tls.h
 *
 * Purpose    Secrets → certificates, and which of them a host shows.
 * Ownership  Certificates lie in the model's arena; facts in the cache, or in the compile's scratch.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_TLS_H
#define YETT_INGRESS_TLS_H

#include "ingress/compiler.h"

/* Decides host->certificate by the spec.tls of `ingress`, the first in order that has this host and any
 * spec.tls. What does not fit leaves NULL, the default certificate, and is reported. */
void ingress_tls_decide(struct compiler *c, struct route_host *host,
                        const struct kube_object *ingress);

/* The pair of --default-ssl-certificate, else the fallback of the options. */
void ingress_tls_default(struct compiler *c);

/* Reports the names of spec.tls that no rule of any Ingress serves. */
void ingress_tls_names_check(struct compiler *c, const struct kube_object *ingress);

#endif
