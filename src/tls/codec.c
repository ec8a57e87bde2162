#include "tls/codec.h"

#include <openssl/err.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tls/codec_internal.h"

/* OpenSSL holds the protocol's state; the codec holds the ciphertext on both sides of it, and the
 * rules: how much may wait, which context answers, and that a failure is final.
 *
 * OpenSSL keeps its errors in a queue per thread, and SSL_get_error() looks there: what one
 * connection leaves behind would be read as the failure of the next. So the queue is empty whenever
 * OpenSSL is called, and emptied again when it failed. */

enum {
    RECORD_BYTES_MAX = SSL3_RT_MAX_PLAIN_LENGTH,
    RECORD_OVERHEAD_MAX = 256, /* header, nonce, tag; and a key update that goes ahead of it */
    RECORD_BYTES_WORTH = 4096, /* with less room than this, waiting is better than a small record */
};

static void codec_set_state(struct tls_codec *codec, enum codec_state state)
{
    invariant(codec->state != CODEC_FAILED && state > codec->state);
    codec->state = state;
}

static struct tls_codec *codec_make(struct tls_context *context)
{
    struct tls_codec *codec = mem_alloc_zero(sizeof(*codec));

    codec->context = tls_context_ref(context);
    codec->ssl = SSL_new(context->ssl_ctx);
    invariant(codec->ssl != NULL);
    BIO *bio = tls_wire_bio_new(&codec->wire);
    SSL_set_bio(codec->ssl, bio, bio);
    return codec;
}

struct tls_codec *tls_codec_new(struct tls_context *initial, tls_choose_fn *choose,
                                void *choose_ctx)
{
    struct tls_codec *codec = codec_make(initial);

    codec->choose = choose;
    codec->choose_ctx = choose_ctx;
    SSL_set_accept_state(codec->ssl);
    return codec;
}

/* A copy, since OpenSSL spoils what it offered once: that tickets be used once (RFC 8446, C.4) is for
 * the privacy of those who would be recognised by them, which a gate is anyway. */
static void session_offer(struct tls_codec *codec)
{
    const SSL_SESSION *kept = tls_sessions_find(codec->context->sessions, codec->peer,
                                                clock_wall_s(), &codec->session_until_s);
    SSL_SESSION *copy = kept ? SSL_SESSION_dup(kept) : NULL;

    if (copy) /* refused where it cannot be resumed any more: then without one */
        (void)SSL_set_session(codec->ssl, copy);
    SSL_SESSION_free(copy);
}

struct tls_codec *tls_codec_new_client(struct tls_context *context, uint64_t peer)
{
    struct tls_codec *codec = codec_make(context);

    codec->peer = peer;
    if (context->server_name)
        invariant(SSL_set_tlsext_host_name(codec->ssl, context->server_name) == 1);
    if (peer != 0)
        session_offer(codec);
    SSL_set_connect_state(codec->ssl);
    ERR_clear_error();
    return codec;
}

struct tls_codec *tls_codec_free(struct tls_codec *codec)
{
    if (!codec)
        return NULL;
    /* Connections just end; that is no reason not to resume their sessions (RFC 5246, 7.2.1). */
    if (codec->state == CODEC_ESTABLISHED)
        SSL_set_shutdown(codec->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(codec->ssl);
    tls_wire_deinit(&codec->wire);
    tls_context_unref(codec->context);
    mem_free(codec->server_name);
    return mem_free(codec);
}

/* OpenSSL's words for what went wrong; of a server's certificate, what is wrong with that, where anybody
 * asked. */
static const char *failure_text(const struct tls_codec *codec)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    long verdict = SSL_get_verify_result(codec->ssl);

    if (!codec->choose && SSL_get_verify_mode(codec->ssl) != SSL_VERIFY_NONE &&
        verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return reason ? reason : "unknown";
}

static int codec_fail(struct tls_codec *codec)
{
    codec_set_state(codec, CODEC_FAILED);
    codec->failure = failure_text(codec);
    if (codec->peer != 0) /* the session may be why; RFC 8446, 6.2, has it discarded anyway */
        tls_sessions_drop(codec->context->sessions, codec->peer);
    if (tls_codec_saw_plain_http(codec)) /* an alert would only be noise before the answer */
        wire_queue_shift(&codec->wire.out, wire_queue_len(&codec->wire.out));
    return TLS_CODEC_FAILED;
}

/* What it means that OpenSSL did not do what it was asked. */
static int codec_outcome(struct tls_codec *codec, int ssl_result)
{
    int r;

    switch (SSL_get_error(codec->ssl, ssl_result)) {
    case SSL_ERROR_WANT_READ:
        r = TLS_CODEC_WANT_INPUT;
        break;
    case SSL_ERROR_WANT_WRITE:
        r = TLS_CODEC_WANT_DRAIN;
        break;
    case SSL_ERROR_ZERO_RETURN:
        r = TLS_CODEC_CLOSED;
        break;
    default: /* an open set: all else is an error */
        r = codec_fail(codec);
        break;
    }
    ERR_clear_error();
    return r;
}

static bool peer_has_ended(const struct tls_codec *codec)
{
    return codec->state == CODEC_FAILED ||
           (SSL_get_shutdown(codec->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

static void first_bytes_keep(struct tls_codec *codec, struct span bytes)
{
    size_t n = MIN(bytes.len, (size_t)(CODEC_FIRST_BYTES - codec->first_len));

    memcpy(codec->first + codec->first_len, bytes.ptr, n);
    codec->first_len += (uint8_t)n;
}

size_t tls_codec_feed(struct tls_codec *codec, struct span ciphertext)
{
    size_t waiting = wire_queue_len(&codec->wire.in);

    if (peer_has_ended(codec))
        return ciphertext.len;
    ciphertext = span_upto(ciphertext, TLS_CODEC_INPUT_MAX - waiting);
    if (codec->first_len < CODEC_FIRST_BYTES && ciphertext.len > 0)
        first_bytes_keep(codec, ciphertext);
    wire_queue_push(&codec->wire.in, ciphertext);
    return ciphertext.len;
}

int tls_codec_step(struct tls_codec *codec)
{
    if (codec->state != CODEC_HANDSHAKE)
        return codec->state == CODEC_FAILED ? TLS_CODEC_FAILED : TLS_CODEC_OK;

    ERR_clear_error();
    int done = SSL_do_handshake(codec->ssl);
    if (done != 1)
        return codec_outcome(codec, done);
    codec_set_state(codec, CODEC_ESTABLISHED);
    return TLS_CODEC_OK;
}

int tls_codec_read(struct tls_codec *codec, char *at, size_t room, size_t *ret_len)
{
    int r = tls_codec_step(codec);
    size_t len;

    invariant(room > 0);
    if (r != TLS_CODEC_OK)
        return r;
    /* Reading may make OpenSSL answer, to a key update for one. */
    if (wire_queue_len(&codec->wire.out) >= TLS_CODEC_OUTPUT_MAX)
        return TLS_CODEC_WANT_DRAIN;

    ERR_clear_error();
    int done = SSL_read_ex(codec->ssl, at, room, &len);
    if (done != 1)
        return codec_outcome(codec, done);
    *ret_len = len;
    return TLS_CODEC_OK;
}

/* How much of `left` bytes the next record shall hold; 0: the output is at its cap. */
static size_t record_bytes(const struct tls_codec *codec, size_t left)
{
    size_t used = wire_queue_len(&codec->wire.out);
    size_t room = used < TLS_CODEC_OUTPUT_MAX ? TLS_CODEC_OUTPUT_MAX - used : 0;

    if (room < RECORD_OVERHEAD_MAX + MIN(left, (size_t)RECORD_BYTES_WORTH))
        return 0;
    left = MIN(left, (size_t)RECORD_BYTES_MAX);
    return MIN(left, room - RECORD_OVERHEAD_MAX);
}

int tls_codec_write(struct tls_codec *codec, struct span plaintext, size_t *ret_taken)
{
    size_t taken = 0, n;

    if (codec->state == CODEC_FAILED)
        return TLS_CODEC_FAILED;
    invariant(codec->state == CODEC_ESTABLISHED);
    invariant(!(SSL_get_shutdown(codec->ssl) & SSL_SENT_SHUTDOWN));

    while (taken < plaintext.len) {
        size_t bytes = record_bytes(codec, plaintext.len - taken);
        if (bytes == 0)
            break;
        ERR_clear_error();
        int done = SSL_write_ex(codec->ssl, plaintext.ptr + taken, bytes, &n);
        if (done != 1) {
            int r = codec_outcome(codec, done);
            if (r == TLS_CODEC_FAILED || taken == 0)
                return r;
            break;
        }
        taken += n;
    }
    if (taken == 0 && plaintext.len > 0)
        return TLS_CODEC_WANT_DRAIN;
    *ret_taken = taken;
    return TLS_CODEC_OK;
}

void tls_codec_shutdown(struct tls_codec *codec)
{
    if (codec->state != CODEC_ESTABLISHED ||
        (SSL_get_shutdown(codec->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    ERR_clear_error();
    SSL_shutdown(codec->ssl); /* the alert has room in the queue; there is nothing to wait for */
    ERR_clear_error();
}

struct span tls_codec_pending(const struct tls_codec *codec)
{
    const struct wire_queue *out = &codec->wire.out;
    size_t len = wire_queue_len(out);

    return len > 0 ? span_of(out->ptr + out->at, len) : SPAN_EMPTY;
}

void tls_codec_sent(struct tls_codec *codec, size_t bytes)
{
    wire_queue_shift(&codec->wire.out, bytes);
}

bool tls_codec_has_input(const struct tls_codec *codec)
{
    return !peer_has_ended(codec) &&
           (wire_queue_len(&codec->wire.in) > 0 || SSL_pending(codec->ssl) > 0);
}

void tls_codec_relax(struct tls_codec *codec)
{
    wire_queue_trim(&codec->wire.in);
    wire_queue_trim(&codec->wire.out);
    if (codec->state == CODEC_ESTABLISHED)
        SSL_free_buffers(codec->ssl); /* leaves them where a record is only half there */
}

bool tls_codec_saw_plain_http(const struct tls_codec *codec)
{
    size_t letters = 0;

    if (codec->state != CODEC_FAILED)
        return false;
    while (letters < codec->first_len && codec->first[letters] >= 'A' &&
           codec->first[letters] <= 'Z')
        letters++;
    return letters > 0 && (letters == codec->first_len || codec->first[letters] == ' ');
}
