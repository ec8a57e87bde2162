/* tls/policy_internal.h
 *
 * Purpose    A policy's way into OpenSSL's objects.
 * Roles      Inside the room only. */
#ifndef YETT_TLS_POLICY_INTERNAL_H
#define YETT_TLS_POLICY_INTERNAL_H

#include "tls/library.h"
#include "tls/policy.h"

/* What every context has, whatever its role and policy, then `policy`. False: one of its texts is not
 * valid; the context is of no use then. */
bool tls_policy_apply(SSL_CTX *ssl_ctx, const struct tls_policy *policy);

#endif
