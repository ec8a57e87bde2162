/* proxy/client/h2_client.h
 *
 * Purpose    HTTP/2 on a client's connection: many streams, an exchange for each, and an orderly end.
 * Ownership  Owned by the connection, whose speaker it is; owns the session and the sides of its streams.
 * Limits     http2-max-concurrent-streams; and of all clients' streams as many as connections are allowed:
 *            each costs about as much as one. Past that they are refused.
 * See        docs/internals/exchange.md, docs/internals/http2.md */
#ifndef YETT_PROXY_CLIENT_H2_CLIENT_H
#define YETT_PROXY_CLIENT_H2_CLIENT_H

#include "proxy/client/connection.h"

/* HTTP/2 is spoken from now on; what came of it may stand in the stream's input. Then ops->advance. */
void h2_client_begin(struct connection *connection);

/* A head that HTTP/1 refuses for its version is the one of HTTP/2's preface: a client that knows beforehand
 * whom it speaks to, on a port in the clear where HTTP/2 is on (RFC 9113, 3.3). */
bool h2_client_is_meant(const struct connection *connection, struct span bytes);

#endif
