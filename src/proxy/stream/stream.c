#include "proxy/stream/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "net/socket.h"
#include "proxy/limits.h"

int stream_init(struct stream *stream, struct loop *loop, struct iobuf_pool *pool, int fd,
                void (*on_events)(struct loop_watch *watch, uint32_t events))
{
    *stream = (struct stream){ .watch = { -1, 0, on_events }, .loop = loop, .pool = pool };

    int r = loop_watch_add(loop, &stream->watch, fd, LOOP_READ | LOOP_WRITE | LOOP_END);
    if (r < 0)
        close(fd);
    return r;
}

void stream_close(struct stream *stream)
{
    int fd = stream->watch.fd;

    stream->in = iobuf_put(stream->pool, stream->in);
    stream->out = iobuf_put(stream->pool, stream->out);
    if (stream->pipe)
        stream->pipe = pipe_put(&stream->pool->pipes, stream->pipe);
    stream->tls = tls_codec_free(stream->tls);
    if (fd < 0)
        return;
    loop_watch_forget(stream->loop, &stream->watch);
    close(fd);
}

static int stream_fail(struct stream *stream, int error)
{
    stream->error = error;
    stream->output_failed = false;
    stream->may_read = stream->may_write = false;
    return STREAM_FAILED;
}

/* Nothing can be sent any more. What the peer said before it stopped listening may still be read. */
static int stream_fail_output(struct stream *stream, int error)
{
    stream->error = error;
    stream->output_failed = true;
    stream->may_write = false;
    stream->may_read = true;
    return STREAM_FAILED;
}

bool stream_begin_tls(struct stream *stream, struct tls_codec *codec)
{
    stream->tls = codec;
    if (!stream->in)
        return true;
    size_t len = iobuf_len(stream->in);
    size_t taken = tls_codec_feed(codec, iobuf_span(stream->in));
    stream->in = iobuf_put(stream->pool, stream->in);
    return taken == len;
}

void stream_note_events(struct stream *stream, uint32_t events)
{
    if (events & (LOOP_READ | LOOP_END | LOOP_HANGUP | LOOP_ERROR))
        stream->may_read = true;
    if (events & (LOOP_WRITE | LOOP_HANGUP | LOOP_ERROR))
        stream->may_write = true;
    if (events & (LOOP_END | LOOP_HANGUP))
        stream->peer_ended = true;
    if ((events & LOOP_HANGUP) && !stream->connecting && !stream->error)
        stream_fail_output(stream, -EPIPE);
}

/* recv(2) into `at`: STREAM_OK with *ret_len > 0, or another result. A short count means that the
 * socket is empty, which saves the call that would say EAGAIN; unless the peer's end waits behind. */
static int socket_read(struct stream *stream, char *at, size_t room, size_t *ret_len)
{
    if (stream->error && !stream->output_failed)
        return STREAM_FAILED;
    if (!stream->may_read)
        return STREAM_WAIT;

    ssize_t n = recv(stream->watch.fd, at, room, 0);
    if (n == 0) {
        stream->peer_ended = true;
        return STREAM_END;
    }
    if (n == -1) {
        if (stream->error || (errno != EAGAIN && errno != EINTR))
            return stream_fail(stream, -errno);
        stream->may_read = errno == EINTR;
        return STREAM_WAIT;
    }
    if ((size_t)n < room && !stream->peer_ended)
        stream->may_read = false;
    *ret_len = (size_t)n;
    return STREAM_OK;
}

static int socket_write(struct stream *stream, struct span bytes, size_t *ret_sent)
{
    *ret_sent = 0;
    if (stream->error)
        return STREAM_FAILED;
    if (!stream->may_write)
        return STREAM_WAIT;

    ssize_t n = send(stream->watch.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    if (n == -1) {
        if (errno != EAGAIN && errno != EINTR)
            return stream_fail_output(stream, -errno);
        stream->may_write = errno == EINTR;
        return STREAM_WAIT;
    }
    *ret_sent = (size_t)n;
    if ((size_t)n < bytes.len) {
        stream->may_write = false;
        return STREAM_WAIT;
    }
    return STREAM_OK;
}

static void in_relax(struct stream *stream)
{
    if (stream->in && iobuf_len(stream->in) == 0)
        stream->in = iobuf_put(stream->pool, stream->in);
}

/* ---- past us: from one socket to another, in the clear ---- */

/* What says something of the call, not of the connection: whoever reads next may have more luck. */
static bool is_of_call(int error)
{
    return error == -EAGAIN || error == -EINTR || error == -EINVAL || error == -ENOMEM ||
           error == -EPERM || error == -ENOSYS;
}

size_t stream_splice(struct stream *to, struct stream *from, size_t max)
{
    struct pipe_pool *pipes = &to->pool->pipes;

    invariant(!to->tls && !from->tls && !stream_has_output(to));
    if (!from->may_read || from->error)
        return 0;
    struct pipe *pipe = pipe_take(pipes);
    if (!pipe)
        return 0;
    in_relax(from);
    ssize_t n = pipe_fill(pipe, from->watch.fd, max);
    if (n > 0) {
        to->pipe = pipe;
        return (size_t)n;
    }
    pipe_put(pipes, pipe);
    if (n < 0 && !is_of_call((int)n))
        stream_fail(from, (int)n); /* the kernel tells it once */
    return 0;
}

/* The pipe holds bytes, so EAGAIN is the socket's; a short count may have any reason. Apart from
 * stream_flush(), which is short for most. */
YETT_COLD static int pipe_flush(struct stream *stream)
{
    struct pipe_pool *pipes = &stream->pool->pipes;

    while (stream->pipe->bytes > 0) {
        if (stream->error)
            return STREAM_FAILED;
        if (!stream->may_write)
            return STREAM_WAIT;
        ssize_t n = pipe_drain(pipes, stream->pipe, stream->watch.fd);
        if (n == -EAGAIN)
            stream->may_write = false;
        else if (n < 0 && n != -EINTR)
            return stream_fail_output(stream, (int)n);
    }
    stream->pipe = pipe_put(pipes, stream->pipe);
    return STREAM_OK;
}

/* ---- TLS: ciphertext between socket and codec ---- */

static int tls_output_flush(struct stream *stream)
{
    for (;;) {
        struct span pending = tls_codec_pending(stream->tls);
        size_t sent;

        if (pending.len == 0)
            return STREAM_OK;
        int r = socket_write(stream, pending, &sent);
        tls_codec_sent(stream->tls, sent);
        if (r != STREAM_OK)
            return r;
    }
}

/* A codec that asks for input may hold most of one record (16 KB and its overhead) already. */
enum { TLS_READ_BYTES = TLS_CODEC_INPUT_MAX - 17000 };

/* Feeds the codec with one read of the socket. */
static int tls_input_feed(struct stream *stream)
{
    char ciphertext[TLS_READ_BYTES];
    size_t len;

    int r = socket_read(stream, ciphertext, sizeof(ciphertext), &len);
    if (r != STREAM_OK)
        return r;
    /* The codec asked for input, so it has at least this much room. */
    size_t taken = tls_codec_feed(stream->tls, span_of(ciphertext, len));
    invariant(taken == len);
    return STREAM_OK;
}

static int tls_result_take(struct stream *stream, int result)
{
    switch ((enum tls_codec_result)result) {
    case TLS_CODEC_OK:
        return STREAM_OK;
    case TLS_CODEC_WANT_INPUT:
        return tls_input_feed(stream);
    case TLS_CODEC_WANT_DRAIN:
        return tls_output_flush(stream);
    case TLS_CODEC_CLOSED:
        stream->peer_ended = stream->tls_ended = true;
        return STREAM_END;
    case TLS_CODEC_FAILED:
        break;
    }
    (void)!tls_output_flush(stream); /* the alert, if it goes out */
    return stream_fail(stream, -EPROTO);
}

static int tls_handshake(struct stream *stream)
{
    while (!stream->handshake_done) {
        int step = tls_codec_step(stream->tls);

        stream->handshake_done = step == TLS_CODEC_OK;
        int r = tls_output_flush(stream);
        if (r == STREAM_FAILED || (r == STREAM_WAIT && step == TLS_CODEC_WANT_DRAIN))
            return r;
        r = tls_result_take(stream, step);
        if (r != STREAM_OK)
            return r == STREAM_END ? stream_fail(stream, -ECONNRESET) : r;
    }
    return STREAM_OK;
}

static int tls_read(struct stream *stream, char *at, size_t room, size_t *ret_len)
{
    int r = tls_handshake(stream);

    while (r == STREAM_OK) {
        int read = tls_codec_read(stream->tls, at, room, ret_len);
        if (read == TLS_CODEC_OK)
            return STREAM_OK;
        r = tls_result_take(stream, read);
    }
    return r;
}

static int tls_write(struct stream *stream, struct span bytes, size_t *ret_taken)
{
    *ret_taken = 0;
    int r = tls_handshake(stream);

    while (r == STREAM_OK && *ret_taken < bytes.len) {
        size_t taken;
        int write = tls_codec_write(stream->tls, span_from(bytes, *ret_taken), &taken);

        if (write == TLS_CODEC_OK)
            *ret_taken += taken;
        r = tls_result_take(stream, write);
    }
    int flushed = r == STREAM_FAILED ? r : tls_output_flush(stream);
    return r == STREAM_OK ? flushed : r;
}

/* ---- either way ---- */

int stream_handshake(struct stream *stream)
{
    return stream->tls ? tls_handshake(stream) : STREAM_OK;
}

/* TLS may hold decrypted bytes that no readiness will ever announce. */
static bool has_more_to_read(const struct stream *stream)
{
    return stream->may_read || (stream->tls && tls_codec_has_input(stream->tls));
}

int stream_fill(struct stream *stream)
{
    size_t len = 0;

    if (stream->error && !stream->output_failed)
        return STREAM_FAILED;
    if (!has_more_to_read(stream) && (!stream->tls || stream->handshake_done)) {
        in_relax(stream);
        return STREAM_WAIT;
    }
    if (!stream->in)
        stream->in = iobuf_take(stream->pool);
    if (iobuf_room(stream->in) == 0)
        return STREAM_OK;

    char *at = stream->in->data + stream->in->end;
    int r = stream->tls ? tls_read(stream, at, iobuf_room(stream->in), &len)
                        : socket_read(stream, at, iobuf_room(stream->in), &len);
    if (r == STREAM_OK)
        stream->in->end += (uint32_t)len;
    else
        in_relax(stream);
    return r;
}

int stream_send(struct stream *stream, struct span bytes, size_t *ret_taken)
{
    *ret_taken = 0;
    if (stream_has_output(stream)) {
        int r = stream_flush(stream);
        if (r != STREAM_OK)
            return r;
    }
    return stream->tls ? tls_write(stream, bytes, ret_taken)
                       : socket_write(stream, bytes, ret_taken);
}

int stream_flush(struct stream *stream)
{
    if (stream->pipe) {
        int r = pipe_flush(stream);
        if (r != STREAM_OK)
            return r;
    }
    if (stream->out) {
        while (iobuf_len(stream->out) > 0) {
            size_t taken;
            struct span bytes = iobuf_span(stream->out);
            int r = stream->tls ? tls_write(stream, bytes, &taken)
                                : socket_write(stream, bytes, &taken);

            iobuf_consume(stream->out, taken);
            if (r != STREAM_OK)
                return r;
        }
        stream->out = iobuf_put(stream->pool, stream->out);
    }
    return stream->tls ? tls_output_flush(stream) : STREAM_OK;
}

size_t stream_output_bytes(const struct stream *stream)
{
    return (stream->pipe ? stream->pipe->bytes : 0) + iobuf_len(stream->out) +
           (stream->tls ? tls_codec_pending(stream->tls).len : 0);
}

struct iobuf *stream_out(struct stream *stream)
{
    if (!stream->out)
        stream->out = iobuf_take(stream->pool);
    return stream->out;
}

struct iobuf *stream_out_room(struct stream *stream, size_t bytes)
{
    struct iobuf *out = stream_out(stream);

    if (iobuf_room(out) < bytes)
        out = stream->out = iobuf_enlarge(stream->pool, out);
    return out;
}

void stream_relax(struct stream *stream)
{
    in_relax(stream);
    if (stream->out && iobuf_len(stream->out) == 0)
        stream->out = iobuf_put(stream->pool, stream->out);
    if (stream->tls)
        tls_codec_relax(stream->tls);
}

void stream_end_output(struct stream *stream)
{
    if (stream->output_ended || stream->watch.fd < 0)
        return;
    stream->output_ended = true;
    if (stream->tls) {
        tls_codec_shutdown(stream->tls);
        (void)!tls_output_flush(stream);
    }
    socket_end_output(stream->watch.fd);
}
