/* tls/context_internal.h
 *
 * Purpose    What the rest of the room needs of a context: its OpenSSL object.
 * Roles      Inside the room only. */
#ifndef YETT_TLS_CONTEXT_INTERNAL_H
#define YETT_TLS_CONTEXT_INTERNAL_H

#include "tls/context.h"
#include "tls/pair.h"

struct tls_context {
    size_t refs;
    SSL_CTX *ssl_ctx;
};

/* As tls_context_new(), for a pair that was read before and stays the caller's. */
YETT_MUST_USE int tls_context_from_pair(const struct tls_pair *pair,
                                        struct tls_context **ret_context);

/* Set in every context, defined by the codec: which context serves this server name. */
int tls_codec_on_server_name(SSL *ssl, int *ret_alert, void *ctx);

#endif
