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

/* Would tls_context_new() make a context of the pair? */
bool tls_context_accepts(const struct tls_pair *pair);

/* Set in every context, defined by the codec: which context serves this server name. */
int tls_codec_on_server_name(SSL *ssl, int *ret_alert, void *ctx);

#endif
