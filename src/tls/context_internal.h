/* tls/context_internal.h
 *
 * Purpose    What the rest of the room needs of a context: its OpenSSL object, and how to make one.
 * Roles      Inside the room only. */
#ifndef YETT_TLS_CONTEXT_INTERNAL_H
#define YETT_TLS_CONTEXT_INTERNAL_H

#include "tls/context.h"
#include "tls/pair.h"
#include "tls/sessions.h"

enum { TLS_DIGEST_BYTES = 32 };

struct tls_context {
    size_t refs;
    SSL_CTX *ssl_ctx;
    struct tls_tickets *tickets;                 /* server; borrowed; NULL: no resumption */
    unsigned char client_auth[TLS_DIGEST_BYTES]; /* server: of what is asked of clients */
    struct tls_sessions *sessions;               /* client: one for each peer */
    char *server_name;                           /* client: SNI; NULL: none is sent */
};

/* One reference and an SSL_CTX of that method, with nothing set. */
struct tls_context *tls_context_make(const SSL_METHOD *method);

static inline void tls_context_unrefp(struct tls_context **context)
{
    *context = tls_context_unref(*context);
}

/* False: the pair is damaged, does not match, or is too weak. */
bool tls_context_add_pair(struct tls_context *context, const struct tls_pair_pem *pem);
/* Would tls_context_add_pair() take it? */
bool tls_context_accepts(const struct tls_pair *pair);
/* False: no certificate, or something damaged. */
bool tls_context_add_authorities(struct tls_context *context, struct span ca_pem,
                                 struct span crl_pem);

/* Set in every server context, defined by the codec: which context serves this hello. */
int tls_codec_on_client_hello(SSL *ssl, int *ret_alert, void *ctx);
/* Likewise, for tickets: as SSL_CTX_set_tlsext_ticket_key_evp_cb() has it. */
int tls_codec_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int protects);
/* Set in every client context: a session came that can be resumed. */
int tls_codec_on_session(SSL *ssl, SSL_SESSION *session);

#endif
