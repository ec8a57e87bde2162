/* test/unit/http/h2_pair.h
 *
 * Purpose    A session with a log of its events, and another one of the other role to talk to it.
 * Lifetime   side_init() … side_deinit(), or for both pair_init() … pair_deinit().
 * Units      Milliseconds of a clock that stands still. */
#ifndef YETT_TEST_HTTP_H2_PAIR_H
#define YETT_TEST_HTTP_H2_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "http/h2_internal.h"
#include "http/h2_limits.h"

enum { SIDE_STREAMS_MAX = 300, SIDE_NOW_MS = 1000 };

/* One end of a connection. Events are logged as words: "head 1 POST /|data 1 5|end 1|". */
struct side {
    struct h2_session *session;
    struct buf log;
    struct h2_stream *streams[SIDE_STREAMS_MAX]; /* that events gave and that were asked for */
    unsigned streams_len;
    size_t content_bytes; /* that came, of all streams */
    bool consumes;        /* credits content at once */
    bool lets_go;         /* of a stream as soon as it is reset */
    int result;           /* of the last feed */
};

static inline void side_keep(struct side *side, struct h2_stream *stream)
{
    assert_true(side->streams_len < SIDE_STREAMS_MAX);
    side->streams[side->streams_len++] = stream;
}

static inline unsigned side_stream_id(const struct h2_stream *stream)
{
    return (unsigned)stream->id;
}

static inline void side_on_head(void *ctx, struct h2_stream *stream, const struct http_head *head)
{
    struct side *side = ctx;

    if (head->status == 0)
        side_keep(side, stream);
    if (head->status == 0)
        buf_printf(&side->log, "head %u " SPAN_FMT " " SPAN_FMT, side_stream_id(stream),
                   SPAN_ARG(head->method_text), SPAN_ARG(head->target));
    else
        buf_printf(&side->log, "head %u %u", side_stream_id(stream), head->status);
    buf_append(&side->log, head->body == HTTP_BODY_NONE ? SPAN(" whole|") : SPAN("|"));
}

static inline void side_on_bad_head(void *ctx, struct h2_stream *stream, enum h1_fault fault)
{
    struct side *side = ctx;

    side_keep(side, stream);
    buf_printf(&side->log, "bad %u %u|", side_stream_id(stream), h1_fault_status(fault));
}

static inline void side_on_data(void *ctx, struct h2_stream *stream, struct span piece)
{
    struct side *side = ctx;

    buf_printf(&side->log, "data %u %zu|", side_stream_id(stream), piece.len);
    side->content_bytes += piece.len;
    if (side->consumes)
        h2_stream_consume(stream, piece.len);
}

static inline void side_on_end(void *ctx, struct h2_stream *stream,
                               const struct http_header *trailers, uint32_t trailers_len)
{
    struct side *side = ctx;

    buf_printf(&side->log, "end %u", side_stream_id(stream));
    for (uint32_t i = 0; i < trailers_len; i++)
        buf_printf(&side->log, " " SPAN_FMT "=" SPAN_FMT, SPAN_ARG(http_header_name(&trailers[i])),
                   SPAN_ARG(http_header_value(&trailers[i])));
    buf_append(&side->log, SPAN("|"));
}

static inline void side_on_writable(void *ctx, struct h2_stream *stream)
{
    struct side *side = ctx;

    buf_printf(&side->log, "writable %u|", side_stream_id(stream));
}

static inline void side_on_reset(void *ctx, struct h2_stream *stream, enum h2_error error)
{
    struct side *side = ctx;

    buf_printf(&side->log, "reset %u %d|", side_stream_id(stream), (int)error);
    for (unsigned i = 0; i < side->streams_len && side->lets_go; i++) {
        if (side->streams[i] == stream)
            side->streams[i] = h2_stream_free(stream);
    }
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

    *side = (struct side){ .consumes = true };
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

/* A request of the client's. */
static inline struct h2_stream *side_ask(struct side *client, const char *method, const char *path,
                                         bool ends)
{
    struct h2_request request = {
        .method = http_method_of(span_from_str(method)),
        .method_text = span_from_str(method),
        .scheme = SPAN("http"),
        .authority = SPAN("a.test"),
        .path = span_from_str(path),
        .ends = ends,
    };
    struct h2_stream *stream = h2_session_request(client->session, &request, NULL);

    side_keep(client, stream);
    return stream;
}

/* What the session told since, and no more. */
static inline void side_expect(struct side *side, const char *log)
{
    buf_append_byte(&side->log, '\0');
    assert_string_equal(side->log.ptr, log);
    side->log.len = 0;
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
    side->result = h2_session_feed(side->session, bytes, SIDE_NOW_MS);
}

static inline void pair_init(struct side *client, struct side *server)
{
    side_init(client, H2_CLIENT);
    side_init(server, H2_SERVER);
}

static inline void pair_deinit(struct side *client, struct side *server)
{
    side_deinit(client);
    side_deinit(server);
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

#endif
