/* tls/context.h
 *
 * Purpose    What a server shows and accepts in handshakes: one context per certificate, made once
 * per worker and carried over from image to image by the certificate's id. Ownership  Counted by
 * reference: the worker's cache holds one, each connection another. Lifetime   tls_context_new() …
 * tls_context_unref(); sessions outlive their image. Roles      proxy, control. */
#ifndef YETT_TLS_CONTEXT_H
#define YETT_TLS_CONTEXT_H

#include "base/span.h"

struct tls_context;

enum tls_context_result { TLS_CONTEXT_OK = 0, TLS_CONTEXT_BAD_PAIR, TLS_CONTEXT_BAD_AUTHORITIES };

/* TLS 1.2 and 1.3, server preference, no renegotiation, no compression, no tickets, ALPN http/1.1,
 * buffers released while idle. */
YETT_MUST_USE int tls_context_new(struct span chain_pem, struct span key_pem,
                                  struct tls_context **ret_context);
/* From now on a handshake needs a client certificate that one of these signed (PEM, one or several).
 * Before the context's first use. */
YETT_MUST_USE int tls_context_require_client(struct tls_context *context,
                                             struct span authorities_pem);
struct tls_context *tls_context_ref(struct tls_context *context);
struct tls_context *tls_context_unref(struct tls_context *context);

#endif
