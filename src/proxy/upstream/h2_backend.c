#include "proxy/upstream/h2_backend.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/socket.h"
#include "proxy/limits.h"
#include "proxy/upstream/dial.h"
#include "proxy/upstream/h2_upstream.h"
#include "proxy/upstream/upstream.h"

/* Whatever happens here is only noted for the streams, which are told by tasks of their own: an exchange that
 * goes on may close anything, and write, which must not happen amid the reading of a session. */

static void upstreams_rouse(struct h2_backend *backend)
{
    list_for_each (it, &backend->upstreams)
        h2_upstream_rouse(list_entry(it, struct h2_upstream, link));
}

/* ---- its end ---- */

static void backend_free(struct h2_backend *backend)
{
    pooled_deinit(&backend->pooled);
    h2_link_deinit(&backend->link);
    loop_defer_free(backend->stream.loop, backend);
}

/* Pool and endpoint count it until its last stream has left: streams still speak of them. */
static void backend_lose(struct h2_backend *backend, int error)
{
    backend->is_lost = true;
    backend->error = error;
    h2_backend_retire(backend);
    if (backend->pooled.is_idle)
        pooled_take(&backend->pooled);
    stream_close(&backend->stream);
    list_for_each (it, &backend->upstreams)
        h2_upstream_lose(list_entry(it, struct h2_upstream, link));
    if (backend->upstreams_len == 0)
        backend_free(backend);
}

/* One without streams says good-bye, as far as the socket takes it at once. */
static void backend_close(struct h2_backend *backend)
{
    if (backend->is_established) {
        h2_session_shutdown(backend->link.session, H2_NO_ERROR);
        if (h2_link_flush(&backend->link) == STREAM_OK)
            stream_end_output(&backend->stream);
    }
    backend_lose(backend, -ECONNABORTED);
}

static void pooled_close(struct pooled *pooled)
{
    backend_close(container_of(pooled, struct h2_backend, pooled));
}

void h2_backend_retire(struct h2_backend *backend)
{
    backend->is_retired = true;
    list_remove(&backend->shared);
}

/* ---- what its session tells ---- */

static void on_head(void *ctx, struct h2_stream *stream, const struct http_head *head)
{
    (void)ctx;
    h2_upstream_on_head(h2_stream_owner(stream), head);
}

static void on_data(void *ctx, struct h2_stream *stream, struct span piece)
{
    struct h2_upstream *upstream = h2_stream_owner(stream);

    (void)ctx;
    if (h2_source_on_data(&upstream->source, piece)) {
        h2_upstream_rouse(upstream);
        return;
    }
    h2_stream_reset(stream, H2_ENHANCE_YOUR_CALM);
    h2_upstream_on_reset(upstream, H2_ENHANCE_YOUR_CALM);
}

static void on_end(void *ctx, struct h2_stream *stream, const struct http_header *trailers,
                   uint32_t trailers_len)
{
    struct h2_upstream *upstream = h2_stream_owner(stream);

    (void)ctx;
    h2_source_on_end(&upstream->source, trailers, trailers_len);
    h2_upstream_rouse(upstream);
}

static void on_writable(void *ctx, struct h2_stream *stream)
{
    (void)ctx;
    h2_upstream_rouse(h2_stream_owner(stream));
}

static void on_reset(void *ctx, struct h2_stream *stream, enum h2_error error)
{
    (void)ctx;
    h2_upstream_on_reset(h2_stream_owner(stream), error);
}

static void on_goaway(void *ctx, enum h2_error error)
{
    (void)error;
    h2_backend_retire(ctx);
}

/* A connection that takes no more requests says nothing of others; nor does 0, which is meant for a short time
 * (RFC 9113, 6.5.2). */
static void on_settings(void *ctx)
{
    struct h2_backend *backend = ctx;

    uint32_t max =
        h2_session_capacity(backend->link.session) + h2_session_streams(backend->link.session);

    if (!backend->is_retired && max > 0)
        backend->pooled.pool->streams_max = max;
}

static const struct h2_events events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_reset = on_reset,
    .on_goaway = on_goaway,
    .on_settings = on_settings,
};

/* ---- its life ---- */

static bool takes_requests(const struct h2_backend *backend)
{
    return backend->is_established && !backend->is_retired &&
           h2_session_capacity(backend->link.session) > 0 && pooled_may_go_on(&backend->pooled);
}

/* It has nothing to do for now. Without streams it waits for the next ones, or ends. */
static void backend_rest(struct h2_backend *backend)
{
    stream_relax(&backend->stream);
    if (backend->upstreams_len > 0)
        return;
    if (!takes_requests(backend))
        backend_close(backend);
    else if (!backend->pooled.is_idle)
        pooled_keep(&backend->pooled);
}

/* False: not yet, or never. */
static bool establish(struct h2_backend *backend)
{
    int r = dial_run(&backend->stream, backend->pooled.table, backend->pooled.pool);

    if (r == UPSTREAM_WAIT)
        return false;
    if (r < 0) {
        backend_lose(backend, r);
        return false;
    }
    backend->is_established = true;
    socket_keep_watch(backend->stream.watch.fd, PROXY_H2_WATCH_IDLE_S, PROXY_H2_WATCH_INTERVAL_S,
                      PROXY_H2_WATCH_PROBES);
    upstreams_rouse(backend);
    return true;
}

/* What the endpoint sent is no HTTP/2, or more of it than is borne. */
static void breach_log(const struct h2_backend *backend)
{
    const struct endpoint *endpoint = backend->pooled.pool->endpoint;
    char ip[IP_TEXT_MAX];

    if (!backend->link.is_over || backend->is_retired)
        return;
    log_limited(LOG_WARN, "upstream_http2_failed",
                F_SPAN("endpoint", span_of(ip, ip_format(&endpoint->ip, ip))),
                F_UINT("port", endpoint->port), F_UINT("streams", backend->upstreams_len));
}

static void backend_run(struct h2_backend *backend)
{
    if (backend->is_lost || (!backend->is_established && !establish(backend)))
        return;
    int read = h2_link_read(&backend->link);
    int sent = read == STREAM_FAILED ? STREAM_FAILED : h2_link_flush(&backend->link);

    if (sent == STREAM_FAILED ||
        (read == STREAM_END && (!backend->link.is_over || sent == STREAM_OK))) {
        breach_log(backend);
        backend_lose(backend, -ECONNRESET);
        return;
    }
    if (read == STREAM_OK)
        h2_link_rouse(&backend->link);
    backend_rest(backend);
}

static void backend_on_events(struct loop_watch *watch, uint32_t what)
{
    struct h2_backend *backend = container_of(watch, struct h2_backend, stream.watch);

    stream_note_events(&backend->stream, what);
    backend_run(backend);
}

static void backend_on_task(struct loop_task *task)
{
    backend_run(container_of(task, struct h2_backend, link.task));
}

static const struct h2_options options = {
    .role = H2_CLIENT,
    .stream_window_bytes = PROXY_H2_STREAM_WINDOW_BYTES,
    .connection_window_bytes = PROXY_H2_CONNECTION_WINDOW_BYTES,
    .head = { .head_bytes = PROXY_RESPONSE_HEAD_BYTES_MAX, .headers = HTTP_HEADERS_MAX },
};

int h2_backend_connect(struct endpoint_table *table, struct pool *pool, struct tls_context *tls,
                       struct h2_backend **ret_backend)
{
    struct h2_backend *backend = mem_alloc_zero(sizeof(*backend));
    int r = dial_begin(&backend->stream, table, pool, tls, backend_on_events);

    if (r < 0) {
        mem_free(backend);
        return r;
    }
    list_init(&backend->upstreams);
    h2_link_init(&backend->link, &backend->stream, &options, &events, backend, backend_on_task);
    pooled_init(&backend->pooled, table, pool, pooled_close);
    list_push_back(&pool->shared, &backend->shared);
    *ret_backend = backend;
    return 0;
}

/* As many as it said that it takes, or as it may be expected to. */
static bool has_room(const struct h2_backend *backend)
{
    return backend->is_established ? h2_session_capacity(backend->link.session) > 0
                                   : backend->upstreams_len < backend->pooled.pool->streams_max;
}

struct h2_backend *h2_backend_find(struct pool *pool)
{
    list_for_each (it, &pool->shared) {
        struct h2_backend *backend = list_entry(it, struct h2_backend, shared);

        if (has_room(backend))
            return backend;
    }
    return NULL;
}

void h2_backend_join(struct h2_backend *backend, struct list *upstream)
{
    if (backend->pooled.is_idle)
        pooled_take(&backend->pooled);
    list_push_back(&backend->upstreams, upstream);
    backend->upstreams_len++;
    backend->pooled.requests++;
    if (!pooled_may_go_on(&backend->pooled))
        h2_backend_retire(backend);
}

void h2_backend_leave(struct h2_backend *backend, struct list *upstream)
{
    list_remove(upstream);
    backend->upstreams_len--;
    if (!backend->is_lost) {
        h2_link_rouse(&backend->link);
        backend_rest(backend);
    } else if (backend->upstreams_len == 0) {
        backend_free(backend);
    }
}
