/* tls/client.h
 *
 * Purpose    The other role: what we ask of a server and show it. One context for each identity that a
 *            connection to a backend may have.
 * Ownership  As context.h; everything is copied. The context keeps the sessions of its peers.
 * Roles      proxy.
 * See        RFC 8446, RFC 6125, RFC 6066 */
#ifndef YETT_TLS_CLIENT_H
#define YETT_TLS_CLIENT_H

#include "tls/context.h"

struct tls_client {
    struct tls_policy policy; /* http2: ALPN h2 alone; else no ALPN, as nginx speaks to backends */
    bool verify;              /* the chain, by `ca_pem`, and the name */
    uint32_t depth;           /* intermediate CAs */
    struct span ca_pem, crl_pem; /* looked at where `verify` */
    struct span verify_name;     /* DNS name or address; empty: any name will do */
    struct span server_name;     /* SNI; empty, or an address: none is sent */
    struct tls_pair_pem pair;    /* empty: none is shown */
};

/* Returns a tls_context_result. */
YETT_MUST_USE int tls_context_new_client(const struct tls_client *client,
                                         struct tls_context **ret_context);

#endif
