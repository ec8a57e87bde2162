#include "proxy/upstream/endpoint.h"

#include <errno.h>

#include "base/mem.h"
#include "proxy/limits.h"
#include "proxy/upstream/pool.h"

void endpoint_table_init(struct endpoint_table *table, struct loop *loop, struct iobuf_pool *pool,
                         struct stats_page *stats)
{
    struct route_settings defaults = route_settings_default();

    *table = (struct endpoint_table){ .loop = loop, .pool = pool, .stats = stats };
    table->idle_max = defaults.upstream_idle_max;
    table->idle_timeout_ms = defaults.upstream_idle_timeout_ms;
    table->age_max_ms = defaults.upstream_age_max_ms;
    table->requests_max = defaults.upstream_requests_max;
    list_init(&table->idle);
}

void endpoint_table_close_idle(struct endpoint_table *table)
{
    while (!list_is_empty(&table->idle)) {
        struct pooled *pooled = list_entry(table->idle.next, struct pooled, in_table);

        pooled->close(pooled);
    }
}

static void endpoint_free(struct endpoint *endpoint)
{
    pools_sweep(endpoint);
    mem_free(endpoint);
}

void endpoint_table_deinit(struct endpoint_table *table)
{
    struct endpoint *endpoint;
    size_t cursor = 0;

    endpoint_table_close_idle(table);
    while ((endpoint = idmap_next(&table->endpoints, &cursor)))
        endpoint_free(endpoint);
    idmap_deinit(&table->endpoints);
}

static struct endpoint *endpoint_new(struct endpoint_table *table, uint64_t id)
{
    struct endpoint *endpoint = mem_alloc_zero(sizeof(*endpoint));

    endpoint->id = id;
    list_init(&endpoint->pools);
    idmap_put(&table->endpoints, id, endpoint);
    return endpoint;
}

struct endpoint *endpoint_get(struct endpoint_table *table, uint64_t id, const struct ip_addr *ip,
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

struct endpoint *endpoint_get_local(struct endpoint_table *table, uint64_t id, struct span name)
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
    list_for_each (it, &endpoint->pools)
        pool_close_idle(list_entry(it, struct pool, link));
}

void endpoint_avoid(struct endpoint_table *table, struct endpoint *endpoint, uint64_t ms)
{
    if (endpoint->avoid_until_ms == 0)
        table->avoided_len++;
    endpoint->avoid_until_ms = loop_now_ms(table->loop) + ms;
    endpoint->avoid_ms = ms;
    endpoint_close_idle(endpoint);
    list_for_each (it, &endpoint->pools)
        pool_retire(list_entry(it, struct pool, link));
}

static uint64_t avoid_ms_of(int error)
{
    switch (-error) {
    case ECONNREFUSED:
        return PROXY_AVOID_REFUSING_MS;
    case EPROTO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC: /* watches of the loop */
    case EADDRNOTAVAIL:
        return 0;
    }
    return PROXY_AVOID_UNREACHABLE_MS;
}

void endpoint_failed(struct endpoint_table *table, struct endpoint *endpoint, int error)
{
    uint64_t ms = avoid_ms_of(error);

    stats_add(&table->stats->upstream_connect_failures, 1);
    if (ms > 0)
        endpoint_avoid(table, endpoint, ms);
}

void endpoint_trust(struct endpoint_table *table, struct endpoint *endpoint)
{
    if (endpoint->avoid_until_ms == 0)
        return;
    endpoint->avoid_until_ms = 0;
    table->avoided_len--;
}

bool endpoint_is_avoided(struct endpoint_table *table, uint64_t id)
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
static void endpoints_mark(struct endpoint_table *table, const struct image_view *view)
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

void endpoint_table_sweep(struct endpoint_table *table, const struct image_view *view)
{
    struct endpoint *endpoint;
    VEC(struct endpoint *) unused = { 0 };
    size_t cursor = 0;

    if (table->endpoints.len == 0)
        return;
    endpoints_mark(table, view);
    while ((endpoint = idmap_next(&table->endpoints, &cursor))) {
        pools_sweep(endpoint);
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
        endpoint_free(*it);
    }
    vec_deinit(&unused);
}
