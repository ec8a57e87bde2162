/* proxy/client/tls_accept.h
 *
 * Purpose    The TLS handshake with a client: the connection's first speaker on a TLS port.
 * See        docs/internals/exchange.md */
#ifndef YETT_PROXY_CLIENT_TLS_ACCEPT_H
#define YETT_PROXY_CLIENT_TLS_ACCEPT_H

#include "proxy/client/connection.h"

/* Begins the handshake; closes the connection where there is nothing to show in one. */
void tls_accept_begin(struct connection *connection);

#endif
