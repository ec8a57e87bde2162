/* tls/context.h
 *
 * Purpose    What a server shows, accepts and asks for in handshakes: one context for each way in which
 *            that differs, made once per worker and carried over from image to image.
 * Ownership  Counted by reference: the worker's cache holds one, each connection another. Texts and pairs
 *            are copied; tickets are borrowed (tickets.h).
 * Lifetime   tls_context_new_server() … tls_context_unref(); connections outlive their image.
 * Roles      proxy, control.
 * Limits     TLS_AUTHORITIES_BYTES_MAX for each text of a bundle.
 * See        RFC 8446, RFC 5280 */
#ifndef YETT_TLS_CONTEXT_H
#define YETT_TLS_CONTEXT_H

#include "base/compiler.h"
#include "tls/policy.h"
#include "tls/tickets.h"

struct tls_context;

enum tls_context_result {
    TLS_CONTEXT_OK = 0,
    TLS_CONTEXT_BAD_PAIR,
    TLS_CONTEXT_BAD_POLICY,
    TLS_CONTEXT_BAD_AUTHORITIES,
};

/* As a Secret cannot be larger. */
enum { TLS_AUTHORITIES_BYTES_MAX = 1 << 20 };

struct tls_pair_pem {
    struct span chain, key; /* leaf first */
};

enum tls_client_mode {
    TLS_CLIENT_OFF, /* not asked for */
    TLS_CLIENT_ASK, /* asked for; a missing or bad one does not fail the handshake (peer.h judges) */
    TLS_CLIENT_REQUIRE, /* a missing or bad one fails the handshake */
};

struct tls_client_auth {
    enum tls_client_mode mode;
    uint32_t depth; /* intermediate CAs between a client's certificate and one of the bundle */
    struct span ca_pem, crl_pem; /* with a CRL, each CA of a chain needs one */
    struct span
        scope; /* whatever else must be the same for a session to be resumed: a host's name */
};

struct tls_server {
    struct tls_pair_pem pairs[2]; /* of different kinds of keys: the client's algorithms choose */
    size_t pairs_len;
    struct tls_policy policy; /* http2: ALPN h2 before http/1.1; else http/1.1 alone */
    struct tls_client_auth client_auth;
    struct tls_tickets *tickets; /* for policy.resumption */
};

/* No renegotiation, no compression, no early data, buffers released while idle. A session is resumed only
 * where the chains, client_auth, and of the policy versions, ciphers and groups are what they were. */
YETT_MUST_USE int tls_context_new_server(const struct tls_server *server,
                                         struct tls_context **ret_context);

/* At least one certificate, and nothing damaged; `crl_pem` may be empty. */
bool tls_authorities_are_valid(struct span ca_pem, struct span crl_pem);

struct tls_context *tls_context_ref(struct tls_context *context);
struct tls_context *tls_context_unref(struct tls_context *context);

#endif
