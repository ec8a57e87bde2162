/* tls/websocket.h
 *
 * Purpose    What both ends of a WebSocket's opening over HTTP/1.1 calculate. Here, because OpenSSL does it.
 * See        RFC 6455, 4.1 and 4.2.2 */
#ifndef YETT_TLS_WEBSOCKET_H
#define YETT_TLS_WEBSOCKET_H

#include <stdint.h>

#include "base/span.h"

enum {
    TLS_WEBSOCKET_NONCE_BYTES = 16,
    TLS_WEBSOCKET_KEY_BYTES = 24,    /* base64 of a nonce */
    TLS_WEBSOCKET_ACCEPT_BYTES = 28, /* and of a SHA-1 */
};

/* Sec-WebSocket-Key of a nonce. Texts have no NUL at their end. */
void tls_websocket_key(const uint8_t nonce[TLS_WEBSOCKET_NONCE_BYTES],
                       char ret_key[TLS_WEBSOCKET_KEY_BYTES]);
/* Sec-WebSocket-Accept that answers a key. */
void tls_websocket_accept(const char key[TLS_WEBSOCKET_KEY_BYTES],
                          char ret_accept[TLS_WEBSOCKET_ACCEPT_BYTES]);

#endif
