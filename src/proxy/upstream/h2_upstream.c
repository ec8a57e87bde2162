#include "proxy/upstream/h2_upstream.h"

#include "base/mem.h"
#include "proxy/limits.h"

static struct h2_upstream *h2_of(struct upstream *base)
{
    return container_of(base, struct h2_upstream, base);
}

/* ---- what happens to its stream ---- */

void h2_upstream_rouse(struct h2_upstream *upstream)
{
    loop_task_queue(upstream->backend->stream.loop, &upstream->ready);
}

static void on_ready(struct loop_task *task)
{
    struct h2_upstream *upstream = container_of(task, struct h2_upstream, ready);

    upstream->base.on_ready(upstream->base.owner);
}

static void head_drop(struct h2_upstream *upstream)
{
    upstream->head_block = mem_free(upstream->head_block);
    upstream->head_bytes = 0;
}

/* An interim answer that nobody read yet gives way to what comes behind it. */
void h2_upstream_on_head(struct h2_upstream *upstream, const struct http_head *head)
{
    size_t texts = http_head_text_bytes(head);
    struct http_header *headers;

    head_drop(upstream);
    headers = mem_alloc(head->headers_len * sizeof(*headers) + texts);
    http_head_copy(head, (char *)(headers + head->headers_len), headers, &upstream->head);
    upstream->head_block = headers;
    /* As HTTP/1 would say it: a status line, and four bytes around each name and value. */
    upstream->head_bytes = texts + 4 * (size_t)head->headers_len + 16;
    upstream->base.answer_started = true;
    h2_upstream_rouse(upstream);
}

/* A word about this very request: whoever says it is there, so that the connection did not go stale. */
void h2_upstream_on_reset(struct h2_upstream *upstream, enum h2_error error)
{
    upstream->base.answer_started = true;
    upstream->was_reset = true;
    upstream->was_refused = error == H2_REFUSED_STREAM;
    h2_source_on_reset(&upstream->source);
    h2_upstream_rouse(upstream);
}

void h2_upstream_lose(struct h2_upstream *upstream)
{
    if (upstream->stream) {
        h2_stream_reset(upstream->stream, H2_CANCEL);
        h2_source_on_reset(&upstream->source);
    }
    upstream->was_reset = true;
    h2_upstream_rouse(upstream);
}

/* ---- as side of its exchange ---- */

static void join(struct h2_upstream *upstream, struct h2_backend *backend)
{
    upstream->backend = backend;
    upstream->base.stream = &backend->stream;
    upstream->base.was_reused = backend->is_established;
    h2_backend_join(backend, &upstream->link);
}

/* Finds or makes a connection with room. 0 or -errno. */
static int backend_choose(struct endpoint_table *table, struct pool *pool, struct tls_context *tls,
                          struct h2_backend **ret_backend)
{
    *ret_backend = h2_backend_find(pool);
    return *ret_backend ? 0 : h2_backend_connect(table, pool, tls, ret_backend);
}

/* The connection has room for fewer than were waiting for it. */
static int move(struct h2_upstream *upstream)
{
    struct pooled *pooled = &upstream->backend->pooled;
    struct h2_backend *next;
    int r = backend_choose(pooled->table, pooled->pool, upstream->tls, &next);

    if (r < 0)
        return r;
    h2_backend_leave(upstream->backend, &upstream->link);
    join(upstream, next);
    return next->is_established ? UPSTREAM_OK : UPSTREAM_WAIT;
}

static int h2_connect(struct upstream *base)
{
    struct h2_upstream *upstream = h2_of(base);
    struct h2_backend *backend = upstream->backend;

    if (backend->is_lost)
        return backend->error;
    if (!backend->is_established)
        return UPSTREAM_WAIT;
    return h2_session_capacity(backend->link.session) > 0 ? UPSTREAM_OK : move(upstream);
}

static struct iobuf *h2_head_room(struct upstream *base, size_t bytes)
{
    struct iobuf_pool *pool = base->stream->pool;

    h2_of(base)->request = iobuf_take_for(pool, bytes);
    return h2_of(base)->request;
}

static void h2_head_end(struct upstream *base, const struct head_request *line,
                        enum http_body_kind body)
{
    struct h2_upstream *upstream = h2_of(base);
    struct http_header fields[HEAD_FIELDS_MAX];
    size_t len = head_fields_cut(iobuf_span(upstream->request), fields, HEAD_FIELDS_MAX);
    struct h2_request request = {
        .method = http_method_of(line->method),
        .method_text = line->method,
        .scheme = line->scheme,
        .authority = line->authority,
        .path = line->path,
        .headers = fields,
        .headers_len = (uint32_t)len,
        .ends = body == HTTP_BODY_NONE,
    };

    upstream->stream = h2_session_request(upstream->backend->link.session, &request, upstream);
    upstream->request = iobuf_put(base->stream->pool, upstream->request);
    h2_source_init(&upstream->source, &upstream->backend->link, upstream->stream);
    h2_sink_init(&upstream->sink, &upstream->backend->link, upstream->stream);
    upstream->sink.ended = request.ends;
    h2_link_rouse(&upstream->backend->link);
}

static int h2_read_head(struct upstream *base, enum http_method to, struct http_header *headers,
                        struct http_head *ret_head, size_t *ret_bytes)
{
    const struct h2_upstream *upstream = h2_of(base);

    (void)to, (void)headers; /* the session knows what it asked; the fields stay where they are */
    if (upstream->head_bytes > 0) {
        *ret_head = upstream->head;
        *ret_bytes = upstream->head_bytes;
        return UPSTREAM_OK;
    }
    if (upstream->was_refused)
        return UPSTREAM_REFUSED;
    return upstream->was_reset ? UPSTREAM_FAILED : UPSTREAM_WAIT;
}

static void h2_take_head(struct upstream *base, const struct http_head *head)
{
    (void)head;
    head_drop(h2_of(base));
}

/* Source and sink have no other framing than the stream's. */
static void h2_tunnel_begin(struct upstream *base)
{
    (void)base;
}

static void h2_release(struct upstream *base, bool reusable)
{
    struct h2_upstream *upstream = h2_of(base);
    struct iobuf_pool *pool = base->stream->pool;
    struct loop *loop = base->stream->loop;

    (void)reusable; /* a stream that is not complete is cancelled */
    loop_task_cancel(&upstream->ready);
    head_drop(upstream);
    iobuf_put(pool, upstream->request);
    if (upstream->stream) {
        h2_source_deinit(&upstream->source);
        if (h2_stream_is_open(upstream->stream))
            h2_stream_reset(upstream->stream, H2_CANCEL);
        h2_stream_free(upstream->stream);
    }
    h2_backend_leave(upstream->backend, &upstream->link);
    tls_context_unref(upstream->tls);
    loop_defer_free(loop, upstream);
}

static const struct upstream_ops h2_upstream_ops = {
    .connect = h2_connect,
    .head_room = h2_head_room,
    .head_end = h2_head_end,
    .read_head = h2_read_head,
    .take_head = h2_take_head,
    .tunnel_begin = h2_tunnel_begin,
    .release = h2_release,
};

int h2_upstream_take(struct endpoint_table *table, struct pool *pool, struct tls_context *tls,
                     struct upstream **ret_upstream)
{
    struct h2_backend *backend;
    int r = backend_choose(table, pool, tls, &backend);

    if (r < 0)
        return r;
    if (backend->pooled.requests > 0)
        stats_add(&table->stats->upstream_reuses, 1);
    struct h2_upstream *upstream = mem_alloc_zero(sizeof(*upstream));
    upstream->base = (struct upstream){ .ops = &h2_upstream_ops,
                                        .head_form = HEAD_FIELDS,
                                        .endpoint = pool->endpoint,
                                        .source = &upstream->source.base,
                                        .sink = &upstream->sink.base };
    upstream->tls = tls ? tls_context_ref(tls) : NULL;
    loop_task_init(&upstream->ready, on_ready);
    list_init(&upstream->link);
    join(upstream, backend);
    *ret_upstream = &upstream->base;
    return 0;
}
