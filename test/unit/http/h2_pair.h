/* test/unit/http/h2_pair.h
 *
 * Purpose    A session with a log of its events, another one of the other role to talk to it, and frames
 *            written by hand for what no honest session says.
 * Lifetime   side_init() … side_deinit(). */
#ifndef YETT_TEST_HTTP_H2_PAIR_H
#define YETT_TEST_HTTP_H2_PAIR_H

#include "base/buf.h"
#include "base/mem.h"
#include "http/h2_limits.h"
#include "http/h2_session.h"

enum { SIDE_STREAMS_MAX = 300 };

/* One end of a connection. Events are logged as words: "head 1 GET /|data 1 5|end 1|". */
struct side {
    struct h2_session *session;
    struct buf log;
    struct h2_stream *streams[SIDE_STREAMS_MAX]; /* given by events, in order */
    unsigned streams_len;
    bool consumes; /* credits content at once */
    uint64_t now_ms;
    int result; /* of the last feed */
};

static inline void side_on_head(void *ctx, struct h2_stream *stream, const struct http_head *head)
{
    struct side *side = ctx;

    if (head->status == 0 && side->streams_len < SIDE_STREAMS_MAX)
        side->streams[side->streams_len++] = stream;
    if (head->status == 0)
        buf_printf(&side->log, "head %u " SPAN_FMT " " SPAN_FMT, h2_stream_id(stream),
                   SPAN_ARG(head->method_text), SPAN_ARG(head->target));
    else
        buf_printf(&side->log, "head %u %u", h2_stream_id(stream), head->status);
    buf_append(&side->log, head->body == HTTP_BODY_NONE ? SPAN(" whole|") : SPAN("|"));
}

static inline void side_on_bad_head(void *ctx, struct h2_stream *stream, enum h1_fault fault)
{
    struct side *side = ctx;

    side->streams[side->streams_len++] = stream;
    buf_printf(&side->log, "bad %u %u|", h2_stream_id(stream), h1_fault_status(fault));
}

static inline void side_on_data(void *ctx, struct h2_stream *stream, struct span piece)
{
    struct side *side = ctx;

    buf_printf(&side->log, "data %u %zu|", h2_stream_id(stream), piece.len);
    if (side->consumes)
        h2_stream_consume(stream, piece.len);
}

static inline void side_on_end(void *ctx, struct h2_stream *stream,
                               const struct http_header *trailers, uint32_t trailers_len)
{
    struct side *side = ctx;

    buf_printf(&side->log, "end %u", h2_stream_id(stream));
    for (uint32_t i = 0; i < trailers_len; i++)
        buf_printf(&side->log, " " SPAN_FMT "=" SPAN_FMT, SPAN_ARG(http_header_name(&trailers[i])),
                   SPAN_ARG(http_header_value(&trailers[i])));
    buf_append(&side->log, SPAN("|"));
}

static inline void side_on_writable(void *ctx, struct h2_stream *stream)
{
    struct side *side = ctx;

    buf_printf(&side->log, "writable %u|", h2_stream_id(stream));
}

static inline void side_on_reset(void *ctx, struct h2_stream *stream, enum h2_error error)
{
    struct side *side = ctx;

    buf_printf(&side->log, "reset %u %d|", h2_stream_id(stream), (int)error);
}

static inline void side_on_goaway(void *ctx, enum h2_error error)
{
    struct side *side = ctx;

    buf_printf(&side->log, "goaway %d|", (int)error);
}

static inline void side_on_pong(void *ctx)
{
    struct side *side = ctx;

    buf_append(&side->log, SPAN("pong|"));
}

static const struct h2_events side_events = {
    .on_head = side_on_head,
    .on_bad_head = side_on_bad_head,
    .on_data = side_on_data,
    .on_end = side_on_end,
    .on_writable = side_on_writable,
    .on_reset = side_on_reset,
    .on_goaway = side_on_goaway,
    .on_pong = side_on_pong,
};

static inline void side_init(struct side *side, enum h2_role role)
{
    struct h2_options options = {
        .role = role,
        .streams_max = 16,
        .stream_window_bytes = 65535,
        .connection_window_bytes = 100000,
        .extended_connect = true,
        .head = { .head_bytes = 16384, .target_bytes = 1024, .headers = 64 },
    };

    *side = (struct side){ .consumes = true, .now_ms = 1000 };
    side->session = h2_session_new(&options, &side_events, side);
}

static inline void side_deinit(struct side *side)
{
    for (unsigned i = 0; i < side->streams_len; i++)
        side->streams[i] = h2_stream_free(side->streams[i]);
    side->session = h2_session_free(side->session);
    buf_deinit(&side->log);
}

/* The user lets go of a stream that an event gave. */
static inline void side_let_go(struct side *side, unsigned index)
{
    side->streams[index] = h2_stream_free(side->streams[index]);
}

/* Everything that a side has to say. */
static inline void side_say(struct side *side, struct buf *out)
{
    size_t len;

    do {
        char *at = buf_reserve(out, 20000);
        len = h2_session_pull(side->session, at, 20000);
        out->len += len;
    } while (len > 0);
}

static inline void side_hear(struct side *side, struct span bytes)
{
    side->result = h2_session_feed(side->session, bytes, side->now_ms);
}

/* Lets both talk until neither has anything to say. */
static inline void pair_settle(struct side *a, struct side *b)
{
    for (;;) {
        struct buf from_a = { 0 }, from_b = { 0 };
        side_say(a, &from_a);
        side_hear(b, buf_span(&from_a));
        side_say(b, &from_b);
        side_hear(a, buf_span(&from_b));
        bool silent = from_a.len == 0 && from_b.len == 0;
        buf_deinit(&from_a);
        buf_deinit(&from_b);
        if (silent)
            return;
    }
}

/* ---- frames by hand ---- */

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PRIORITY,
    FRAME_RST_STREAM,
    FRAME_SETTINGS,
    FRAME_PUSH_PROMISE,
    FRAME_PING,
    FRAME_GOAWAY,
    FRAME_WINDOW_UPDATE,
    FRAME_CONTINUATION,
};
enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8 };

static inline void frame_put(struct buf *out, unsigned type, unsigned flags, uint32_t stream,
                             struct span payload)
{
    const unsigned char head[] = {
        (unsigned char)(payload.len >> 16),
        (unsigned char)(payload.len >> 8),
        (unsigned char)payload.len,
        (unsigned char)type,
        (unsigned char)flags,
        (unsigned char)(stream >> 24),
        (unsigned char)(stream >> 16),
        (unsigned char)(stream >> 8),
        (unsigned char)stream,
    };

    buf_append(out, span_of((const char *)head, sizeof(head)));
    buf_append(out, payload);
}

static inline void frame_put_u32(struct buf *out, unsigned type, uint32_t stream, uint32_t value)
{
    const char bytes[] = { (char)(value >> 24), (char)(value >> 16), (char)(value >> 8),
                           (char)value };

    frame_put(out, type, 0, stream, span_of(bytes, sizeof(bytes)));
}

/* A field, never indexed: RFC 7541, 6.2.2, with texts as they are. */
static inline void field_append(struct buf *block, const char *name, const char *value)
{
    struct span n = span_from_str(name), v = span_from_str(value);

    buf_append_byte(block, 0);
    buf_append_byte(block, (char)n.len);
    buf_append(block, n);
    buf_append_byte(block, (char)v.len);
    buf_append(block, v);
}

static inline void request_block(struct buf *block, const char *method, const char *path)
{
    field_append(block, ":method", method);
    field_append(block, ":scheme", "http");
    field_append(block, ":authority", "a.test");
    field_append(block, ":path", path);
}

static inline void request_put(struct buf *out, uint32_t stream, unsigned flags)
{
    struct buf block = { 0 };

    request_block(&block, "GET", "/");
    frame_put(out, FRAME_HEADERS, FLAG_END_HEADERS | flags, stream, buf_span(&block));
    buf_deinit(&block);
}

#endif
