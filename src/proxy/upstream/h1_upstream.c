#include "proxy/upstream/h1_upstream.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "proxy/limits.h"
#include "proxy/upstream/dial.h"

static const struct upstream_ops h1_upstream_ops;

static const struct h1_limits response_limits = {
    .head_bytes = PROXY_RESPONSE_HEAD_BYTES_MAX,
    .target_bytes = 0,
    .headers = HTTP_HEADERS_MAX,
};

static struct h1_upstream *h1_of(struct upstream *base)
{
    return container_of(base, struct h1_upstream, base);
}

/* ---- the connection ---- */

static void upstream_close(struct h1_upstream *upstream)
{
    pooled_deinit(&upstream->pooled);
    stream_close(&upstream->stream);
    upstream->base.owner = NULL;
    loop_defer_free(upstream->stream.loop, upstream);
}

static void pooled_close(struct pooled *pooled)
{
    upstream_close(container_of(pooled, struct h1_upstream, pooled));
}

/* Neither its end nor bytes wait on it. TLS has words of its own (tickets), which are no content. */
static bool is_quiet(struct h1_upstream *upstream)
{
    struct stream *stream = &upstream->stream;
    char byte;

    if (!stream->tls)
        return recv(stream->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN;
    stream->may_read = true;
    int r = stream_fill(stream);
    return r == STREAM_WAIT && !stream->in && !stream_has_output(stream);
}

/* An idle connection has nothing to say: bytes are as much a reason to close it as its end is. */
static void upstream_on_events(struct loop_watch *watch, uint32_t events)
{
    struct h1_upstream *upstream = container_of(watch, struct h1_upstream, stream.watch);

    stream_note_events(&upstream->stream, events);
    if (upstream->base.owner)
        upstream->base.on_ready(upstream->base.owner);
    else if ((events & ~(uint32_t)LOOP_WRITE) && (!upstream->stream.tls || !is_quiet(upstream)))
        upstream_close(upstream);
}

struct upstream *h1_upstream_reuse(struct pool *pool, bool probe)
{
    while (!list_is_empty(&pool->idle)) {
        struct h1_upstream *upstream = container_of(
            list_entry(pool->idle.next, struct pooled, in_pool), struct h1_upstream, pooled);

        pooled_take(&upstream->pooled);
        if (probe && !is_quiet(upstream)) {
            upstream_close(upstream);
            continue;
        }
        stats_add(&upstream->pooled.table->stats->upstream_reuses, 1);
        upstream->base.was_reused = true;
        upstream->base.answer_started = false;
        upstream->parser = (struct h1_parser){ 0 };
        return &upstream->base;
    }
    return NULL;
}

int h1_upstream_connect(struct endpoint_table *table, struct pool *pool, struct tls_context *tls,
                        struct upstream **ret_upstream)
{
    struct h1_upstream *upstream = mem_alloc_zero(sizeof(*upstream));
    int r = dial_begin(&upstream->stream, table, pool, tls, upstream_on_events);

    if (r < 0) {
        mem_free(upstream);
        return r;
    }
    upstream->base = (struct upstream){ .ops = &h1_upstream_ops,
                                        .endpoint = pool->endpoint,
                                        .stream = &upstream->stream,
                                        .source = &upstream->source.base,
                                        .sink = &upstream->sink.base };
    pooled_init(&upstream->pooled, table, pool, pooled_close);
    *ret_upstream = &upstream->base;
    return 0;
}

/* Nothing may wait on an idle connection. Where the last read did not empty the socket for certain,
 * that is asked; bytes behind an answer would be taken for the next one's. */
static bool is_fit_for_reuse(struct h1_upstream *upstream)
{
    struct stream *stream = &upstream->stream;

    if (stream->error || stream->peer_ended || stream->in || stream->out)
        return false;
    if ((stream->may_read || (stream->tls && tls_codec_has_input(stream->tls))) &&
        !is_quiet(upstream))
        return false;
    stream->may_read = false;
    return true;
}

static void h1_release(struct upstream *base, bool reusable)
{
    struct h1_upstream *upstream = h1_of(base);

    upstream_own(base, NULL, NULL);
    upstream->pooled.requests++;
    if (reusable)
        stream_relax(&upstream->stream);
    if (reusable && pooled_may_go_on(&upstream->pooled) && is_fit_for_reuse(upstream))
        pooled_keep(&upstream->pooled);
    else
        upstream_close(upstream);
}

/* ---- one exchange ---- */

static int h1_connect(struct upstream *base)
{
    struct h1_upstream *upstream = h1_of(base);

    return dial_run(&upstream->stream, upstream->pooled.table, upstream->pooled.pool);
}

static struct iobuf *h1_head_room(struct upstream *base, size_t bytes)
{
    return stream_out_room(base->stream, bytes);
}

static void h1_head_end(struct upstream *base, const struct head_request *request,
                        enum http_body_kind body)
{
    (void)request;
    stream_sink_init(&h1_of(base)->sink, base->stream, body);
}

/* Makes room for the rest of a large head. False: it is too large. */
static bool room_make(struct stream *stream)
{
    if (!stream->in || iobuf_room(stream->in) > 0)
        return true;
    stream->in = iobuf_enlarge(stream->pool, stream->in);
    return iobuf_room(stream->in) > 0;
}

/* Reads more of the head. */
static int head_fill(struct h1_upstream *upstream)
{
    if (!room_make(&upstream->stream))
        return UPSTREAM_BAD;
    switch ((enum stream_result)stream_fill(&upstream->stream)) {
    case STREAM_OK:
        upstream->base.answer_started = true;
        return UPSTREAM_MORE;
    case STREAM_WAIT:
        return UPSTREAM_WAIT;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    return UPSTREAM_FAILED;
}

static int h1_read_head(struct upstream *base, enum http_method to, struct http_header *headers,
                        struct http_head *ret_head, size_t *ret_bytes)
{
    struct h1_upstream *upstream = h1_of(base);
    bool is_new = iobuf_len(upstream->stream.in) == 0;

    if (is_new) {
        int r = head_fill(upstream);
        if (r != UPSTREAM_MORE)
            return r;
    }
    switch ((enum h1_result)h1_response_parse(&upstream->parser, iobuf_span(upstream->stream.in),
                                              &response_limits, to, headers, ret_head, ret_bytes)) {
    case H1_OK:
        upstream->parser.seen = *ret_bytes;
        return UPSTREAM_OK;
    case H1_PARTIAL:
        return is_new ? UPSTREAM_MORE : head_fill(upstream);
    case H1_BAD:
        break;
    }
    return UPSTREAM_BAD;
}

static void h1_take_head(struct upstream *base, const struct http_head *head)
{
    struct h1_upstream *upstream = h1_of(base);

    iobuf_consume(upstream->stream.in, upstream->parser.seen);
    upstream->parser = (struct h1_parser){ 0 };
    if (head->status >= 200)
        stream_source_init(&upstream->source, base->stream, head->body, head->content_length);
}

static void h1_tunnel_begin(struct upstream *base)
{
    struct h1_upstream *upstream = h1_of(base);

    stream_source_init_raw(&upstream->source, base->stream);
    stream_sink_init_raw(&upstream->sink, base->stream);
}

static const struct upstream_ops h1_upstream_ops = {
    .connect = h1_connect,
    .head_room = h1_head_room,
    .head_end = h1_head_end,
    .read_head = h1_read_head,
    .take_head = h1_take_head,
    .tunnel_begin = h1_tunnel_begin,
    .release = h1_release,
};
