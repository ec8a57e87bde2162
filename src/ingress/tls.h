/* ingress/tls.h
 *
 * Purpose    Which certificates a host shows.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_TLS_H
#define YETT_INGRESS_TLS_H

#include "ingress/compiler.h"

/* Decides host->certificate by the spec.tls of the first of `claims`; what does not fit leaves NULL, the
 * default certificate, and is reported. Any of them that is of its namespace may bring another, with a key of
 * another type. */
void ingress_tls_decide(struct compiler *c, struct route_host *host,
                        const struct tls_claim *claims);

/* The pair of --default-ssl-certificate, else the fallback of the options. */
void ingress_tls_default(struct compiler *c);

/* The parameters of DHE in the Secret of ssl-dh-param, into the settings of the model. */
void ingress_tls_dh(struct compiler *c);

/* Reports the names of spec.tls that no rule of any Ingress serves. */
void ingress_tls_names_check(struct compiler *c, const struct kube_object *ingress);

#endif
