/* proxy/l4/passthrough.h
 *
 * Purpose    TLS that is not ours to end: the server name is read off the ClientHello, and the connection
 *            passed on as it is where an Ingress says so. All others are terminated as ever.
 * Roles      proxy.
 * Limits     TLS_HELLO_BYTES_MAX, PROXY_TLS_HANDSHAKE_TIMEOUT_MS: until then the hello must be whole.
 * See        tls/hello.h, proxy/l4/passage.h */
#ifndef YETT_PROXY_L4_PASSTHROUGH_H
#define YETT_PROXY_L4_PASSTHROUGH_H

struct connection;

/* A ClientHello is awaited. */
void passthrough_begin(struct connection *connection);

#endif
