/* control/http_stream.h
 *
 * Purpose    The bytes of one connection of an HTTP server, plain or over TLS alike.
 * Ownership  The stream owns its descriptor and its codec; http_stream_close() ends both.
 * Roles      controller.
 * Errors     -EAGAIN: not now; any other -errno: the connection is of no use any more. */
#ifndef YETT_CONTROL_HTTP_STREAM_H
#define YETT_CONTROL_HTTP_STREAM_H

#include <sys/types.h>

#include "base/span.h"
#include "tls/codec.h"

struct http_stream {
    int fd;
    struct tls_codec *codec; /* NULL: plain */
};

/* `context` NULL: plain. */
void http_stream_open(struct http_stream *stream, int fd, struct tls_context *context);
/* With the alert that ends a TLS stream, where the peer takes it now. */
void http_stream_close(struct http_stream *stream);

/* The number of bytes read into `at`; 0: the peer has said all. */
YETT_MUST_USE ssize_t http_stream_read(struct http_stream *stream, char *at, size_t room);
/* The number of bytes taken, which are on their way or wait in the codec. */
YETT_MUST_USE ssize_t http_stream_write(struct http_stream *stream, struct span bytes);
/* Sends what waits; 0: nothing does. */
YETT_MUST_USE int http_stream_flush(struct http_stream *stream);
bool http_stream_has_output(const struct http_stream *stream);

#endif
