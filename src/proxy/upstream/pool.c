#include "proxy/upstream/pool.h"

#include "base/bug.h"
#include "base/mem.h"
#include "http/h2_limits.h"
#include "proxy/upstream/h2_backend.h"

struct pool *pool_get(struct endpoint *endpoint, enum route_protocol protocol,
                      uint64_t tls_identity)
{
    list_for_each (it, &endpoint->pools) {
        struct pool *pool = list_entry(it, struct pool, link);

        if (pool->protocol == protocol && pool->tls_identity == tls_identity)
            return pool;
    }
    struct pool *pool = mem_alloc_zero(sizeof(*pool));
    pool->endpoint = endpoint;
    pool->protocol = protocol;
    pool->tls_identity = tls_identity;
    pool->streams_max = H2_STREAMS_BEFORE_SETTINGS;
    list_init(&pool->idle);
    list_init(&pool->shared);
    list_push_back(&endpoint->pools, &pool->link);
    return pool;
}

void pool_close_idle(struct pool *pool)
{
    while (!list_is_empty(&pool->idle)) {
        struct pooled *pooled = list_entry(pool->idle.next, struct pooled, in_pool);

        pooled->close(pooled);
    }
}

void pool_retire(struct pool *pool)
{
    while (!list_is_empty(&pool->shared))
        h2_backend_retire(list_entry(pool->shared.next, struct h2_backend, shared));
}

void pools_sweep(struct endpoint *endpoint)
{
    list_for_each_safe (it, &endpoint->pools) {
        struct pool *pool = list_entry(it, struct pool, link);

        if (pool->connections > 0)
            continue;
        list_remove(&pool->link);
        mem_free(pool);
    }
}

static void pooled_on_timeout(struct loop_timer *timer)
{
    struct pooled *pooled = container_of(timer, struct pooled, timer);

    if (pooled->is_idle)
        pooled->close(pooled);
}

void pooled_init(struct pooled *pooled, struct endpoint_table *table, struct pool *pool,
                 void (*close)(struct pooled *pooled))
{
    *pooled = (struct pooled){
        .pool = pool, .table = table, .opened_ms = loop_now_ms(table->loop), .close = close
    };
    list_init(&pooled->in_table);
    list_init(&pooled->in_pool);
    loop_timer_init(&pooled->timer, pooled_on_timeout);
    pool->connections++;
    pool->endpoint->connections++;
}

void pooled_deinit(struct pooled *pooled)
{
    if (pooled->is_idle)
        pooled_take(pooled);
    loop_timer_cancel(&pooled->timer);
    pooled->pool->connections--;
    pooled->pool->endpoint->connections--;
}

bool pooled_may_go_on(const struct pooled *pooled)
{
    const struct endpoint_table *table = pooled->table;

    return table->idle_max > 0 && pooled->requests < table->requests_max &&
           loop_now_ms(table->loop) - pooled->opened_ms < table->age_max_ms;
}

void pooled_keep(struct pooled *pooled)
{
    struct endpoint_table *table = pooled->table;

    invariant(!pooled->is_idle);
    pooled->is_idle = true;
    list_push_back(&table->idle, &pooled->in_table);
    list_push_front(&pooled->pool->idle, &pooled->in_pool);
    loop_timer_set(table->loop, &pooled->timer, table->idle_timeout_ms);
    if (++table->idle_len <= table->idle_max)
        return;
    struct pooled *longest = list_entry(table->idle.next, struct pooled, in_table);
    longest->close(longest);
}
