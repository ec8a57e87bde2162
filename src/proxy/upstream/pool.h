/* proxy/upstream/pool.h
 *
 * Purpose    Connections to one endpoint that are alike: they speak the same protocol, and where it is TLS,
 *            to the same identity by the same one of ours. No exchange gets a connection of another pool.
 * Ownership  The endpoint owns its pools, a pool its idle connections. Whoever embeds a `struct pooled` owns
 *            it while it is busy.
 * Lifetime   pooled_init() … pooled_deinit(), by the connection.
 * Limits     The table's: idle connections in all, how long one is idle, how old it gets, how many requests
 *            it carries. */
#ifndef YETT_PROXY_UPSTREAM_POOL_H
#define YETT_PROXY_UPSTREAM_POOL_H

#include "base/bug.h"
#include "proxy/upstream/endpoint.h"
#include "route/model.h"

struct pool {
    struct list link; /* in endpoint->pools */
    struct endpoint *endpoint;
    enum route_protocol protocol; /* neither UNSET nor AUTO_HTTP */
    uint64_t tls_identity;        /* 0: any certificate will do */
    struct list idle;             /* struct pooled, newest first */
    struct list shared;           /* HTTP/2: connections that take more requests */
    uint32_t connections;         /* idle and busy */
    uint32_t streams_max;         /* HTTP/2: of a connection, as the endpoint said last */
};

/* A connection of a pool, whatever it speaks. */
struct pooled {
    struct pool *pool;
    struct endpoint_table *table;
    struct list in_table, in_pool; /* while idle */
    struct loop_timer timer;       /* likewise */
    bool is_idle;
    uint32_t requests;
    uint64_t opened_ms;
    void (*close)(struct pooled *pooled); /* an idle one */
};

static inline bool protocol_is_tls(enum route_protocol protocol)
{
    return protocol == ROUTE_PROTOCOL_HTTPS || protocol == ROUTE_PROTOCOL_H2;
}

static inline bool protocol_is_http2(enum route_protocol protocol)
{
    return protocol == ROUTE_PROTOCOL_H2C || protocol == ROUTE_PROTOCOL_H2;
}

/* Finds or makes. */
struct pool *pool_get(struct endpoint *endpoint, enum route_protocol protocol,
                      uint64_t tls_identity);

/* For endpoints: closes the idle connections; tells shared ones to take no more requests; forgets pools
 * that have no connection. */
void pool_close_idle(struct pool *pool);
void pool_retire(struct pool *pool);
void pools_sweep(struct endpoint *endpoint);

void pooled_init(struct pooled *pooled, struct endpoint_table *table, struct pool *pool,
                 void (*close)(struct pooled *pooled));
void pooled_deinit(struct pooled *pooled);

/* False for one that has served its time. */
bool pooled_may_go_on(const struct pooled *pooled);
/* It waits for its next exchange from now on. May close it, or the one that waited longest. */
void pooled_keep(struct pooled *pooled);
/* It is wanted again. */
static inline void pooled_take(struct pooled *pooled)
{
    invariant(pooled->is_idle);
    pooled->is_idle = false;
    list_remove(&pooled->in_table);
    list_remove(&pooled->in_pool);
    pooled->table->idle_len--;
}

#endif
