#include "proxy/body/h2_body.h"

#include "base/bug.h"
#include "base/mem.h"
#include "proxy/limits.h"

/* ---- source ---- */

static int source_peek(struct body_source *base, struct span *ret_piece)
{
    struct h2_source *source = container_of(base, struct h2_source, base);

    if (source->in) {
        *ret_piece = iobuf_span(source->in);
        return SOURCE_PIECE;
    }
    if (source->ended)
        return SOURCE_END;
    return source->failed ? SOURCE_FAILED : SOURCE_WAIT;
}

static void source_consume(struct body_source *base, size_t len)
{
    struct h2_source *source = container_of(base, struct h2_source, base);

    base->begun = true;
    iobuf_consume(source->in, len);
    if (iobuf_len(source->in) == 0)
        source->in = iobuf_put(source->pool, source->in);
    base->is_over = source->ended && !source->in;
    h2_stream_consume(source->stream, len);
    h2_link_rouse(source->link); /* the peer is to hear of it, whoever takes the content */
}

static size_t source_trailers(struct body_source *base, struct http_header *headers, size_t max)
{
    const struct h2_source *source = container_of(base, struct h2_source, base);
    size_t len = MIN((size_t)source->trailers_len, max);

    memcpy(headers, source->trailers, len * sizeof(*headers));
    return len;
}

static const struct body_source_ops h2_source_ops = {
    .peek = source_peek,
    .consume = source_consume,
    .trailers = source_trailers,
};

void h2_source_init(struct h2_source *source, struct h2_link *link, struct h2_stream *stream)
{
    *source = (struct h2_source){
        .base.ops = &h2_source_ops, .link = link, .stream = stream, .pool = link->stream->pool
    };
}

void h2_source_deinit(struct h2_source *source)
{
    source->in = iobuf_put(source->pool, source->in);
    source->trailers = mem_free(source->trailers);
}

bool h2_source_on_data(struct h2_source *source, struct span piece)
{
    static_assert(PROXY_H2_STREAM_WINDOW_BYTES <= PROXY_BUFFER_LARGE_BYTES,
                  "all that may come without being consumed fits into a large buffer");

    if (piece.len == 0)
        return true;
    if (source->pool->lent_bytes > PROXY_H2_BUFFERS_BYTES_MAX)
        return false;
    if (!source->in)
        source->in = iobuf_take(source->pool);
    if (iobuf_room(source->in) < piece.len)
        iobuf_compact(source->in);
    if (iobuf_room(source->in) < piece.len)
        source->in = iobuf_enlarge(source->pool, source->in);
    iobuf_append(source->in, piece);
    return true;
}

void h2_source_on_end(struct h2_source *source, const struct http_header *trailers, uint32_t len)
{
    source->ended = true;
    source->trailers = http_headers_dup(trailers, len);
    source->trailers_len = len;
    source->base.has_trailers = len > 0;
}

void h2_source_on_reset(struct h2_source *source)
{
    source->failed = true;
}

/* ---- sink ---- */

static int sink_write(struct body_sink *base, struct span piece, size_t *ret_taken)
{
    struct h2_sink *sink = container_of(base, struct h2_sink, base);

    *ret_taken = 0;
    if (sink->ended || !h2_stream_is_open(sink->stream))
        return SINK_FAILED;
    h2_link_rouse(sink->link);
    return sink_result_of(h2_link_write(sink->link, sink->stream, piece, ret_taken));
}

static int sink_end(struct body_sink *base, const struct http_header *trailers, size_t trailers_len)
{
    struct h2_sink *sink = container_of(base, struct h2_sink, base);

    sink->ended = true;
    h2_stream_end(sink->stream, trailers, (uint32_t)trailers_len);
    return SINK_OK;
}

/* What was taken stands in the connection's output already; only the end waits for its turn. */
static int sink_flush(struct body_sink *base)
{
    struct h2_sink *sink = container_of(base, struct h2_sink, base);

    h2_link_rouse(sink->link);
    if (!sink->ended)
        return h2_stream_is_open(sink->stream) ? SINK_OK : SINK_FAILED;
    h2_link_frame(sink->link);
    if (h2_stream_is_ended(sink->stream))
        return SINK_OK;
    return h2_stream_is_open(sink->stream) ? SINK_WAIT : SINK_FAILED;
}

static const struct body_sink_ops h2_sink_ops = {
    .write = sink_write,
    .end = sink_end,
    .flush = sink_flush,
};

void h2_sink_init(struct h2_sink *sink, struct h2_link *link, struct h2_stream *stream)
{
    *sink = (struct h2_sink){ { &h2_sink_ops }, link, stream, false };
}
