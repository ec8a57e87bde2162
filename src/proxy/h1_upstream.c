#include "proxy/h1_upstream.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/socket.h"
#include "proxy/limits.h"

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

/* ---- the pool ---- */

static void idle_leave(struct h1_upstream *upstream)
{
    if (!upstream->is_idle)
        return;
    upstream->is_idle = false;
    list_remove(&upstream->in_table);
    list_remove(&upstream->in_endpoint);
    upstream->table->idle_len--;
}

void h1_upstream_close(struct h1_upstream *upstream)
{
    idle_leave(upstream);
    loop_timer_cancel(&upstream->idle_timer);
    stream_close(&upstream->stream);
    upstream->base.endpoint->connections--;
    upstream->base.owner = NULL;
    loop_defer_free(upstream->table->loop, upstream);
}

/* An idle connection has nothing to say: bytes are as much a reason to close it as its end is. */
static void upstream_on_events(struct loop_watch *watch, uint32_t events)
{
    struct h1_upstream *upstream = container_of(watch, struct h1_upstream, stream.watch);

    stream_note_events(&upstream->stream, events);
    if (upstream->base.owner)
        upstream->base.on_ready(upstream->base.owner);
    else if (events & ~(uint32_t)LOOP_WRITE)
        h1_upstream_close(upstream);
}

static void upstream_on_idle_timeout(struct loop_timer *timer)
{
    struct h1_upstream *upstream = container_of(timer, struct h1_upstream, idle_timer);

    if (upstream->is_idle)
        h1_upstream_close(upstream);
}

static bool is_still_open(struct h1_upstream *upstream)
{
    char byte;

    return recv(upstream->stream.watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           errno == EAGAIN;
}

struct upstream *h1_upstream_reuse(struct endpoint *endpoint, bool probe)
{
    while (!list_is_empty(&endpoint->idle)) {
        struct h1_upstream *upstream =
            list_entry(endpoint->idle.next, struct h1_upstream, in_endpoint);

        idle_leave(upstream);
        if (probe && !is_still_open(upstream)) {
            h1_upstream_close(upstream);
            continue;
        }
        upstream->base.was_reused = true;
        upstream->base.answer_started = false;
        upstream->parser = (struct h1_parser){ 0 };
        return &upstream->base;
    }
    return NULL;
}

int h1_upstream_connect(struct endpoint *endpoint, struct endpoint_table *table,
                        struct upstream **ret_upstream)
{
    int fd = endpoint->local_name.len > 0 ? socket_connect_unix_abstract(endpoint->local_name)
                                          : socket_connect_tcp(&endpoint->ip, endpoint->port);
    if (fd < 0)
        return fd;

    struct h1_upstream *upstream = mem_alloc_zero(sizeof(*upstream));
    int r = stream_init(&upstream->stream, table->loop, table->pool, fd, upstream_on_events);
    if (r < 0) {
        mem_free(upstream);
        return r;
    }
    upstream->stream.connecting = true;
    upstream->table = table;
    upstream->base = (struct upstream){ .ops = &h1_upstream_ops,
                                        .endpoint = endpoint,
                                        .stream = &upstream->stream,
                                        .source = &upstream->source.base,
                                        .sink = &upstream->sink.base };
    list_init(&upstream->in_table);
    list_init(&upstream->in_endpoint);
    loop_timer_init(&upstream->idle_timer, upstream_on_idle_timeout);
    endpoint->connections++;
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
    if (stream->may_read && !is_still_open(upstream))
        return false;
    stream->may_read = false;
    return true;
}

static void h1_release(struct upstream *base, bool reusable)
{
    struct h1_upstream *upstream = h1_of(base);
    struct endpoint_table *table = upstream->table;

    invariant(!upstream->is_idle);
    upstream_own(base, NULL, NULL);
    if (reusable)
        stream_relax(&upstream->stream);
    if (!reusable || table->idle_max == 0 || !is_fit_for_reuse(upstream)) {
        h1_upstream_close(upstream);
        return;
    }
    upstream->is_idle = true;
    list_push_back(&table->idle, &upstream->in_table);
    list_push_front(&base->endpoint->idle, &upstream->in_endpoint);
    loop_timer_set(table->loop, &upstream->idle_timer, table->idle_timeout_ms);
    if (++table->idle_len > table->idle_max)
        h1_upstream_close(list_entry(table->idle.next, struct h1_upstream, in_table));
}

/* ---- one exchange ---- */

static int h1_connect(struct upstream *base)
{
    struct h1_upstream *upstream = h1_of(base);
    struct stream *stream = &upstream->stream;

    if (!stream->connecting)
        return UPSTREAM_OK;
    if (!stream->may_write)
        return UPSTREAM_WAIT;
    stream->connecting = false;
    int r = socket_error(stream->watch.fd);
    if (r < 0) {
        stream->error = r;
        return r;
    }
    endpoint_trust(upstream->table, base->endpoint);
    return UPSTREAM_OK;
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

    stream_source_init(&upstream->source, base->stream, HTTP_BODY_TO_END, 0);
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
