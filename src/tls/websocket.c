#include "tls/websocket.h"

#include "base/bug.h"
#include "tls/library.h"

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum { SHA1_BYTES = 20, GUID_BYTES = sizeof(guid) - 1 };

/* EVP_EncodeBlock() ends its text in NUL. */
static void base64_put(const uint8_t *bytes, int len, char *at, size_t text_bytes)
{
    unsigned char text[TLS_WEBSOCKET_ACCEPT_BYTES + 1];

    invariant(EVP_EncodeBlock(text, bytes, len) == (int)text_bytes);
    memcpy(at, text, text_bytes);
}

void tls_websocket_key(const uint8_t nonce[TLS_WEBSOCKET_NONCE_BYTES],
                       char ret_key[TLS_WEBSOCKET_KEY_BYTES])
{
    base64_put(nonce, TLS_WEBSOCKET_NONCE_BYTES, ret_key, TLS_WEBSOCKET_KEY_BYTES);
}

void tls_websocket_accept(const char key[TLS_WEBSOCKET_KEY_BYTES],
                          char ret_accept[TLS_WEBSOCKET_ACCEPT_BYTES])
{
    char text[TLS_WEBSOCKET_KEY_BYTES + GUID_BYTES];
    uint8_t digest[SHA1_BYTES];

    memcpy(text, key, TLS_WEBSOCKET_KEY_BYTES);
    memcpy(text + TLS_WEBSOCKET_KEY_BYTES, guid, GUID_BYTES);
    invariant(EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) == 1);
    base64_put(digest, SHA1_BYTES, ret_accept, TLS_WEBSOCKET_ACCEPT_BYTES);
}
