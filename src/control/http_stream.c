#include "control/http_stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"

/* A codec that asks for input may hold most of one record (16 KB and its overhead) already. */
enum { CIPHERTEXT_BYTES = TLS_CODEC_INPUT_MAX - 17000 };

static struct tls_context *same_for_all(void *ctx, struct span server_name)
{
    (void)server_name;
    return ctx;
}

void http_stream_open(struct http_stream *stream, int fd, struct tls_context *context)
{
    *stream = (struct http_stream){ .fd = fd };
    if (context)
        stream->codec = tls_codec_new(context, same_for_all, context);
}

void http_stream_close(struct http_stream *stream)
{
    if (stream->codec) {
        tls_codec_shutdown(stream->codec);
        (void)!http_stream_flush(stream);
        stream->codec = tls_codec_free(stream->codec);
    }
    close(stream->fd);
    stream->fd = -1;
}

static ssize_t socket_read(const struct http_stream *stream, char *at, size_t room)
{
    ssize_t n = recv(stream->fd, at, room, 0);

    if (n == -1)
        return errno == EINTR ? -EAGAIN : -errno;
    return n;
}

static ssize_t socket_write(const struct http_stream *stream, struct span bytes)
{
    ssize_t n = send(stream->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

    if (n == -1)
        return errno == EINTR ? -EAGAIN : -errno;
    return n;
}

bool http_stream_has_output(const struct http_stream *stream)
{
    return stream->codec && tls_codec_pending(stream->codec).len > 0;
}

int http_stream_flush(struct http_stream *stream)
{
    while (http_stream_has_output(stream)) {
        ssize_t n = socket_write(stream, tls_codec_pending(stream->codec));
        if (n < 0)
            return (int)n;
        tls_codec_sent(stream->codec, (size_t)n);
    }
    return 0;
}

/* One read of the socket for the codec: its length, 0 at the end. */
static ssize_t codec_feed(struct http_stream *stream)
{
    char ciphertext[CIPHERTEXT_BYTES];
    ssize_t n = socket_read(stream, ciphertext, sizeof(ciphertext));

    if (n > 0)
        invariant(tls_codec_feed(stream->codec, span_of(ciphertext, (size_t)n)) == (size_t)n);
    return n;
}

static ssize_t codec_read(struct http_stream *stream, char *at, size_t room)
{
    for (;;) {
        size_t len = 0;
        int result = tls_codec_read(stream->codec, at, room, &len);
        int flushed = http_stream_flush(stream); /* of the handshake, or an alert */

        switch ((enum tls_codec_result)result) {
        case TLS_CODEC_OK:
            return (ssize_t)len;
        case TLS_CODEC_CLOSED:
            return 0;
        case TLS_CODEC_FAILED:
            return -EPROTO;
        case TLS_CODEC_WANT_DRAIN:
            if (flushed < 0)
                return flushed;
            continue;
        case TLS_CODEC_WANT_INPUT:
            break;
        }
        ssize_t n = codec_feed(stream);
        if (n <= 0)
            return n == 0 ? -ECONNRESET : n; /* cut off before close_notify */
    }
}

ssize_t http_stream_read(struct http_stream *stream, char *at, size_t room)
{
    return stream->codec ? codec_read(stream, at, room) : socket_read(stream, at, room);
}

ssize_t http_stream_write(struct http_stream *stream, struct span bytes)
{
    size_t taken = 0;

    if (!stream->codec)
        return socket_write(stream, bytes);
    int result = tls_codec_write(stream->codec, bytes, &taken);
    int flushed = http_stream_flush(stream);
    if (result == TLS_CODEC_OK)
        return (ssize_t)taken;
    if (result != TLS_CODEC_WANT_DRAIN)
        return -EPROTO;
    return flushed < 0 ? flushed : -EAGAIN;
}
