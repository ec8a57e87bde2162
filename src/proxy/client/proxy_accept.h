/* proxy/client/proxy_accept.h
 *
 * Purpose    The PROXY protocol on a new connection: the header that a balancer sends before all else tells
 *            whose connection it is.
 * Roles      proxy.
 * Limits     The header must come from a trusted address (proxy-real-ip-cidr), whole within
 *            proxy-protocol-header-timeout; else the connection is closed, and counted.
 * See        net/proxy_header.h */
#ifndef YETT_PROXY_CLIENT_PROXY_ACCEPT_H
#define YETT_PROXY_CLIENT_PROXY_ACCEPT_H

struct connection;

/* The header is awaited; connection_begin() follows it. */
void proxy_accept_begin(struct connection *connection);

#endif
