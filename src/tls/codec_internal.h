/* tls/codec_internal.h
 *
 * Purpose    What a codec is made of, for the files that ask or answer for it.
 * Roles      Inside the room only. */
#ifndef YETT_TLS_CODEC_INTERNAL_H
#define YETT_TLS_CODEC_INTERNAL_H

#include "tls/codec.h"
#include "tls/context_internal.h"
#include "tls/wire.h"

enum codec_state { CODEC_HANDSHAKE, CODEC_ESTABLISHED, CODEC_FAILED };

enum { CODEC_FIRST_BYTES = 8 }; /* "CONNECT " */

struct tls_codec {
    SSL *ssl;
    struct tls_wire wire;
    struct tls_context *context;
    tls_choose_fn *choose; /* NULL in the client's role */
    void *choose_ctx;
    uint64_t peer;           /* the client's role: whose sessions; 0: nobody's */
    int64_t session_until_s; /* of the session that was offered, as sessions.h has it */
    char *server_name;
    const char *failure; /* static text, in CODEC_FAILED */
    enum codec_state state;
    bool is_chosen;          /* the context is the one for the hello */
    uint8_t server_name_len; /* RFC 6066: at most 255 */
    uint8_t first_len;
    char first[CODEC_FIRST_BYTES]; /* what the peer said first */
};

/* The codec that a callback of OpenSSL's is about. The reading side is ours even while OpenSSL buffers
 * what it writes. */
static inline struct tls_codec *codec_of(const SSL *ssl)
{
    return container_of(tls_wire_of_bio(SSL_get_rbio(ssl)), struct tls_codec, wire);
}

#endif
