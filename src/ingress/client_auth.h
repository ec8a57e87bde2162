/* ingress/client_auth.h
 *
 * Purpose    What the Ingresses of a host say of its clients' certificates (auth-tls-*) → one rule for the
 *            host, and diagnostics.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_CLIENT_AUTH_H
#define YETT_INGRESS_CLIENT_AUTH_H

#include "ingress/compiler.h"

/* The Ingress says something of client certificates, be it right or wrong. */
bool ingress_client_auth_is_said(const struct ingress_client_auth *said);
/* Where it says so. */
struct place ingress_client_auth_place(struct compiler *c, const struct owned *owned);

/* For all hosts that are being compiled. A host whose Ingresses cannot do what they say, or do not say the
 * same, lets nobody in. */
void ingress_client_auth_walk(struct compiler *c);

#endif
