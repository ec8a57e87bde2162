/* proxy/body/stream_body.h
 *
 * Purpose    A body on a stream: framed as HTTP/1 does, or raw bytes up to the end of the connection's
 *            direction (tunnels).
 * Ownership  Both borrow their stream, whose owner runs the exchange when the stream may go on.
 * See        body.h for the framing; RFC 9112, 6 and 7 */
#ifndef YETT_PROXY_BODY_STREAM_BODY_H
#define YETT_PROXY_BODY_STREAM_BODY_H

#include "proxy/body/body.h"
#include "proxy/body/body_sink.h"
#include "proxy/body/body_source.h"
#include "proxy/stream/stream.h"

struct stream_source {
    struct body_source base;
    struct stream *stream;
    struct body_reader reader;
    uint32_t full_reads; /* in a row, up to PROXY_BULK_READS */
    bool is_raw;
};

/* `length` is that of HTTP_BODY_LENGTH. With HTTP_BODY_TO_END, a TLS connection that ends without close_notify
 * is SOURCE_CUT (RFC 9112, 9.8). */
void stream_source_init(struct stream_source *source, struct stream *stream,
                        enum http_body_kind kind, uint64_t length);
/* Bytes as they are, up to the end, however that is said: what they carry knows by itself whether it is whole. */
void stream_source_init_raw(struct stream_source *source, struct stream *stream);

struct stream_sink {
    struct body_sink base;
    struct stream *stream;
    enum http_body_kind framing;
    bool ends_output; /* the end of what it takes is the end of what we say */
    bool ended;
};

void stream_sink_init(struct stream_sink *sink, struct stream *stream, enum http_body_kind framing);
/* Bytes as they are; their end is sent as a half-close. */
void stream_sink_init_raw(struct stream_sink *sink, struct stream *stream);

#endif
