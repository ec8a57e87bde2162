/* proxy/exchange/client_auth.h
 *
 * Purpose    Client certificates: whose requests a host takes, and what its backends hear of them. The
 *            handshake asks for a certificate and never fails for it; each request is judged.
 * Ownership  An identity is counted: the connection holds the newest, each exchange the one that it was judged
 *            by.
 * Limits     PROXY_CLIENT_IDENTITY_BYTES_MAX of header fields about a client.
 * See        docs/tls.md, docs/internals/tls.md; RFC 9110, 15.5.20 */
#ifndef YETT_PROXY_EXCHANGE_CLIENT_AUTH_H
#define YETT_PROXY_EXCHANGE_CLIENT_AUTH_H

#include "proxy/exchange/exchange.h"
#include "proxy/head_out.h"

struct client_identity;
struct tls_peer;

enum client_auth_result {
    CLIENT_AUTH_PASSES = 0,
    CLIENT_AUTH_ANSWERED,  /* the answer was begun */
    CLIENT_AUTH_ELSEWHERE, /* asks for the host's error page now: to be routed anew */
};

/* Judges the request by what `host` asks of its clients (host->client_auth is not IMAGE_NONE). */
YETT_MUST_USE int client_auth_run(struct exchange *exchange, const struct image_host *host);

struct client_identity *client_identity_unref(struct client_identity *identity);
/* What the client was found to be; of one that was not judged, that it showed nothing. */
const struct tls_peer *client_auth_peer(const struct exchange *exchange);

/* The same for a log; empty where the host asks for nothing. */
void client_auth_record(const struct exchange *exchange, struct access_client *ret_client);

/* Fields that tell backends of the client: nobody but the gate sends them. */
bool client_auth_is_field(struct span name);
/* Writes them, in PROXY_CLIENT_IDENTITY_BYTES_MAX at the most; of a host that asks (exchange->client_auth). */
void client_auth_put(const struct exchange *exchange, struct head_out *out);

#endif
