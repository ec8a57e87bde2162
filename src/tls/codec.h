/* tls/codec.h
 *
 * Purpose    One TLS connection, in either role, without I/O: ciphertext in, plaintext out, and back.
 *            feed() what the socket gave; then step() and read() until they want more; take what is to be
 *            sent after every call.
 * Ownership  The codec owns its buffers and holds its context. Spans from tls_codec_pending() borrow until
 *            the next call.
 * Lifetime   tls_codec_new() or tls_codec_new_client() … tls_codec_free(). A server's choice of context
 *            happens during the handshake, by `choose`, which runs inside step() and must not call back
 *            into the codec.
 * Roles      proxy, control.
 * Limits     TLS_CODEC_INPUT_MAX bytes of fed but unread ciphertext: feed() takes less than offered then.
 *            TLS_CODEC_OUTPUT_MAX bytes of unsent ciphertext: write() takes less than offered then, and
 *            read() waits, so that a peer who does not listen is not listened to.
 * See        RFC 8446, RFC 6066 */
#ifndef YETT_TLS_CODEC_H
#define YETT_TLS_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"
#include "tls/context.h"

enum {
    TLS_CODEC_INPUT_MAX = 32768, /* two full records */
    TLS_CODEC_OUTPUT_MAX =
        65536, /* four: one write of the socket's, and enough to hide its delay */
};

enum tls_codec_result {
    TLS_CODEC_OK = 0,
    TLS_CODEC_WANT_INPUT, /* feed more */
    TLS_CODEC_WANT_DRAIN, /* output waits: send it first */
    TLS_CODEC_CLOSED,     /* close_notify came: a clean end of what the peer says */
    TLS_CODEC_FAILED,     /* protocol error, for good; an alert may wait to be sent */
};

struct tls_codec;

/* The context for a server name (lower case, no final dot; empty: none sent), without taking a
 * reference for the caller; NULL: refuse the handshake (unrecognized_name). Runs once, on the client's
 * first word: before a session is resumed, so that none is resumed where another context rules. */
typedef struct tls_context *tls_choose_fn(void *ctx, struct span server_name);

/* The server's role. Starts with `initial`, which is held until the handshake chose another. */
YETT_MUST_USE struct tls_codec *tls_codec_new(struct tls_context *initial, tls_choose_fn *choose,
                                              void *choose_ctx);
/* The client's role, with a context of client.h: step() brings the first flight. `peer` names the server
 * among those that the context serves; a session with it is resumed, and kept for the next time. 0: no
 * session. */
YETT_MUST_USE struct tls_codec *tls_codec_new_client(struct tls_context *context, uint64_t peer);
struct tls_codec *tls_codec_free(struct tls_codec *codec);

/* Takes ciphertext; returns how many bytes it took. After FAILED or CLOSED it takes all and drops
 * it. */
YETT_MUST_USE size_t tls_codec_feed(struct tls_codec *codec, struct span ciphertext);

/* Drives the handshake: OK once it is done, and ever after. */
YETT_MUST_USE int tls_codec_step(struct tls_codec *codec);

/* Decrypts into `at`; *ret_len is set for OK (and is then > 0). Drives the handshake where that is
 * not done. The end of the socket before CLOSED is a truncated stream. */
YETT_MUST_USE int tls_codec_read(struct tls_codec *codec, char *at, size_t room, size_t *ret_len);

/* Encrypts, into records as large as TLS has them. OK: *ret_taken bytes were taken, which is less
 * than offered when the output came to its cap. WANT_DRAIN: nothing was taken for that reason. Only
 * after the handshake and before tls_codec_shutdown(). */
YETT_MUST_USE int tls_codec_write(struct tls_codec *codec, struct span plaintext,
                                  size_t *ret_taken);

/* Queues close_notify: we have said all. Reading goes on. Nothing before the handshake is done, nor
 * after FAILED or an earlier call. */
void tls_codec_shutdown(struct tls_codec *codec);

/* Ciphertext to be sent, in order; then say how much of it was. */
struct span tls_codec_pending(const struct tls_codec *codec);
void tls_codec_sent(struct tls_codec *codec, size_t bytes);

/* True where fed ciphertext or decrypted plaintext waits inside: read before polling. */
bool tls_codec_has_input(const struct tls_codec *codec);
/* Gives back buffers that hold nothing; call when a connection falls idle. */
void tls_codec_relax(struct tls_codec *codec);

/* After FAILED: the peer spoke HTTP instead of TLS. No alert waits then, so that the caller can
 * answer in plain text. */
bool tls_codec_saw_plain_http(const struct tls_codec *codec);
/* After FAILED: OpenSSL's words for it, or what is wrong with the server's certificate, for a log line;
 * static text. Otherwise empty. */
struct span tls_codec_failure(const struct tls_codec *codec);

/* "TLSv1.3", "TLS_AES_128_GCM_SHA256", the server name sent; "" before they are known. */
struct span tls_codec_protocol(const struct tls_codec *codec);
struct span tls_codec_cipher(const struct tls_codec *codec);
struct span tls_codec_server_name(const struct tls_codec *codec);

enum tls_alpn { TLS_ALPN_NONE, TLS_ALPN_HTTP1, TLS_ALPN_HTTP2 };

/* After the handshake: what was agreed on. */
enum tls_alpn tls_codec_alpn(const struct tls_codec *codec);

#endif
