#include "proxy/upstream.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/socket.h"
#include "route/model.h"

void upstream_table_init(struct upstream_table *table, struct loop *loop, struct iobuf_pool *pool)
{
    struct route_settings defaults = route_settings_default();

    *table = (struct upstream_table){ .loop = loop, .pool = pool };
    table->idle_max = defaults.upstream_idle_max;
    table->idle_timeout_ms = defaults.upstream_idle_timeout_ms;
    list_init(&table->idle);
}

void upstream_table_close_idle(struct upstream_table *table)
{
    while (!list_is_empty(&table->idle))
        upstream_close(list_entry(table->idle.next, struct upstream, in_table));
}

void upstream_table_deinit(struct upstream_table *table)
{
    struct endpoint *endpoint;
    size_t cursor = 0;

    upstream_table_close_idle(table);
    while ((endpoint = idmap_next(&table->endpoints, &cursor)))
        mem_free(endpoint);
    idmap_deinit(&table->endpoints);
}

static struct endpoint *endpoint_new(struct upstream_table *table, uint64_t id)
{
    struct endpoint *endpoint = mem_alloc_zero(sizeof(*endpoint));

    endpoint->id = id;
    list_init(&endpoint->idle);
    idmap_put(&table->endpoints, id, endpoint);
    return endpoint;
}

struct endpoint *endpoint_get(struct upstream_table *table, uint64_t id, const struct ip_addr *ip,
                              uint16_t port)
{
    struct endpoint *endpoint = idmap_find(&table->endpoints, id);

    if (!endpoint) {
        endpoint = endpoint_new(table, id);
        endpoint->ip = *ip;
        endpoint->port = port;
    }
    return endpoint;
}

struct endpoint *endpoint_get_local(struct upstream_table *table, uint64_t id, struct span name)
{
    struct endpoint *endpoint = idmap_find(&table->endpoints, id);

    if (!endpoint) {
        endpoint = endpoint_new(table, id);
        endpoint->local_name = name;
    }
    return endpoint;
}

static void endpoint_close_idle(struct endpoint *endpoint)
{
    while (!list_is_empty(&endpoint->idle))
        upstream_close(list_entry(endpoint->idle.next, struct upstream, in_endpoint));
}

void endpoint_avoid(struct upstream_table *table, struct endpoint *endpoint, uint64_t ms)
{
    if (endpoint->avoid_until_ms == 0)
        table->avoided_len++;
    endpoint->avoid_until_ms = loop_now_ms(table->loop) + ms;
    endpoint->avoid_ms = ms;
    endpoint_close_idle(endpoint);
}

void endpoint_trust(struct upstream_table *table, struct endpoint *endpoint)
{
    if (endpoint->avoid_until_ms == 0)
        return;
    endpoint->avoid_until_ms = 0;
    table->avoided_len--;
}

bool endpoint_is_avoided(struct upstream_table *table, uint64_t id)
{
    struct endpoint *endpoint = table->avoided_len ? idmap_find(&table->endpoints, id) : NULL;

    if (!endpoint || endpoint->avoid_until_ms == 0)
        return false;
    uint64_t now_ms = loop_now_ms(table->loop);
    if (now_ms < endpoint->avoid_until_ms)
        return true;
    endpoint->avoid_until_ms = now_ms + endpoint->avoid_ms;
    return false;
}

/* Marks the endpoints that the image names. */
static void endpoints_mark(struct upstream_table *table, const struct image_view *view)
{
    for (uint32_t shard = 0; shard < view->shards; shard++) {
        const struct image_segment_view *segment = &view->endpoints[shard];

        for (uint32_t i = 0; i < segment->count[IMAGE_SECTION_ENDPOINTS]; i++) {
            const struct image_endpoint *named =
                image_record(segment, IMAGE_SECTION_ENDPOINTS, i, sizeof(*named));
            struct endpoint *endpoint = idmap_find(&table->endpoints, named->id);
            if (endpoint)
                endpoint->seen_generation = view->generation;
        }
    }
}

void upstream_table_sweep(struct upstream_table *table, const struct image_view *view)
{
    struct endpoint *endpoint;
    VEC(struct endpoint *) unused = { 0 };
    size_t cursor = 0;

    if (table->endpoints.len == 0)
        return;
    endpoints_mark(table, view);
    while ((endpoint = idmap_next(&table->endpoints, &cursor))) {
        if (endpoint->seen_generation == view->generation || endpoint->local_name.len > 0)
            continue;
        if (!endpoint->is_resolved)
            endpoint_close_idle(endpoint);
        if (endpoint->connections == 0)
            vec_push(&unused, endpoint);
    }
    vec_for_each (it, &unused) {
        endpoint_trust(table, *it);
        idmap_remove(&table->endpoints, (*it)->id);
        mem_free(*it);
    }
    vec_deinit(&unused);
}

static void idle_leave(struct upstream *upstream)
{
    if (!upstream->is_idle)
        return;
    upstream->is_idle = false;
    list_remove(&upstream->in_table);
    list_remove(&upstream->in_endpoint);
    upstream->table->idle_len--;
}

/* An idle connection has nothing to say: bytes are as much a reason to close it as its end is. */
static void upstream_on_events(struct loop_watch *watch, uint32_t events)
{
    struct upstream *upstream = container_of(watch, struct upstream, stream.watch);

    stream_note_events(&upstream->stream, events);
    if (upstream->owner)
        upstream->on_ready(upstream->owner);
    else if (events & ~(uint32_t)LOOP_WRITE)
        upstream_close(upstream);
}

static void upstream_on_idle_timeout(struct loop_timer *timer)
{
    struct upstream *upstream = container_of(timer, struct upstream, idle_timer);

    if (upstream->is_idle)
        upstream_close(upstream);
}

static bool is_still_open(struct upstream *upstream)
{
    char byte;

    return recv(upstream->stream.watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           errno == EAGAIN;
}

struct upstream *upstream_reuse(struct endpoint *endpoint, bool probe)
{
    while (!list_is_empty(&endpoint->idle)) {
        struct upstream *upstream = list_entry(endpoint->idle.next, struct upstream, in_endpoint);

        idle_leave(upstream);
        if (probe && !is_still_open(upstream)) {
            upstream_close(upstream);
            continue;
        }
        upstream->was_reused = true;
        return upstream;
    }
    return NULL;
}

int upstream_connect(struct endpoint *endpoint, struct upstream_table *table,
                     struct upstream **ret_upstream)
{
    int fd = endpoint->local_name.len > 0 ? socket_connect_unix_abstract(endpoint->local_name)
                                          : socket_connect_tcp(&endpoint->ip, endpoint->port);
    if (fd < 0)
        return fd;

    struct upstream *upstream = mem_alloc_zero(sizeof(*upstream));
    int r = stream_init(&upstream->stream, table->loop, table->pool, fd, upstream_on_events);
    if (r < 0) {
        mem_free(upstream);
        return r;
    }
    upstream->stream.connecting = true;
    upstream->table = table;
    upstream->endpoint = endpoint;
    list_init(&upstream->in_table);
    list_init(&upstream->in_endpoint);
    loop_timer_init(&upstream->idle_timer, upstream_on_idle_timeout);
    endpoint->connections++;
    *ret_upstream = upstream;
    return 0;
}

int upstream_connected(struct upstream *upstream)
{
    int r = socket_error(upstream->stream.watch.fd);

    upstream->stream.connecting = false;
    if (r < 0)
        upstream->stream.error = r;
    return r;
}

void upstream_own(struct upstream *upstream, void *owner, void (*on_ready)(void *owner))
{
    upstream->owner = owner;
    upstream->on_ready = on_ready;
}

/* Nothing may wait on an idle connection. Where the last read did not empty the socket for certain,
 * that is asked; bytes behind an answer would be taken for the next one's. */
static bool is_fit_for_reuse(struct upstream *upstream)
{
    struct stream *stream = &upstream->stream;

    if (stream->error || stream->peer_ended || stream->in || stream->out)
        return false;
    if (stream->may_read && !is_still_open(upstream))
        return false;
    stream->may_read = false;
    return true;
}

void upstream_release(struct upstream *upstream)
{
    struct upstream_table *table = upstream->table;

    invariant(!upstream->is_idle);
    upstream_own(upstream, NULL, NULL);
    stream_relax(&upstream->stream);
    if (table->idle_max == 0 || !is_fit_for_reuse(upstream)) {
        upstream_close(upstream);
        return;
    }
    upstream->is_idle = true;
    list_push_back(&table->idle, &upstream->in_table);
    list_push_front(&upstream->endpoint->idle, &upstream->in_endpoint);
    loop_timer_set(table->loop, &upstream->idle_timer, table->idle_timeout_ms);
    if (++table->idle_len > table->idle_max)
        upstream_close(list_entry(table->idle.next, struct upstream, in_table));
}

void upstream_close(struct upstream *upstream)
{
    idle_leave(upstream);
    loop_timer_cancel(&upstream->idle_timer);
    stream_close(&upstream->stream);
    upstream->endpoint->connections--;
    upstream->owner = NULL;
    loop_defer_free(upstream->table->loop, upstream);
}
