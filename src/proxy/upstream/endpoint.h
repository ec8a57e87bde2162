/* proxy/upstream/endpoint.h
 *
 * Purpose    What is known of endpoints: address, whether they answer, and the pools of connections to them.
 * Ownership  The table owns endpoints, which own their pools.
 * Lifetime   Endpoints are keyed by their stable id and outlive images; one that no image names and no
 *            connection uses is forgotten at the next endpoint_table_sweep().
 * Limits     `idle_max` idle connections in all; past it the one that waited longest is closed. */
#ifndef YETT_PROXY_UPSTREAM_ENDPOINT_H
#define YETT_PROXY_UPSTREAM_ENDPOINT_H

#include "base/ip.h"
#include "base/map.h"
#include "image/view.h"
#include "proxy/stream/stream.h"
#include "stats/page.h"

struct endpoint_table {
    struct loop *loop;
    struct iobuf_pool *pool;
    struct stats_page *stats;
    struct idmap endpoints; /* id → struct endpoint */
    struct list idle;       /* struct pooled of all pools, longest waiting first */
    uint32_t idle_len, idle_max;
    uint64_t idle_timeout_ms, age_max_ms;
    uint32_t requests_max; /* of one connection */
    uint32_t avoided_len;  /* endpoints with avoid_until_ms */
};

struct endpoint {
    uint64_t id;
    struct ip_addr ip;
    uint16_t port;
    struct span local_name; /* abstract UNIX address instead of ip and port; empty: TCP */
    struct list pools;      /* struct pool */
    uint32_t connections;   /* idle and busy */
    bool is_resolved;       /* last asked as an ExternalName's address: time forgets it, no image */
    uint64_t seen_generation;
    uint64_t avoid_until_ms; /* of the loop's clock; 0: it answered last, or was never asked */
    uint64_t avoid_ms;       /* how long it is passed over at a time */
};

/* Borrows all three. */
void endpoint_table_init(struct endpoint_table *table, struct loop *loop, struct iobuf_pool *pool,
                         struct stats_page *stats);
/* Closes all idle connections and forgets all endpoints; none may be busy. */
void endpoint_table_deinit(struct endpoint_table *table);

/* Finds or makes. */
struct endpoint *endpoint_get(struct endpoint_table *table, uint64_t id, const struct ip_addr *ip,
                              uint16_t port);
struct endpoint *endpoint_get_local(struct endpoint_table *table, uint64_t id, struct span name);

/* It did not answer: it is passed over for `ms`, then one request looks whether it does again, and so on.
 * Its idle connections are closed, shared ones take no more requests. */
void endpoint_avoid(struct endpoint_table *table, struct endpoint *endpoint, uint64_t ms);
/* A connection to it, or what was sent to it, failed with -errno: counts that, and passes it over for as long as the
 * error tells of it: not at all for what the gate itself lacks (descriptors, ports), nor for TLS (-EPROTO), which
 * others may ask for in another way. */
void endpoint_failed(struct endpoint_table *table, struct endpoint *endpoint, int error);
/* It answers. */
void endpoint_trust(struct endpoint_table *table, struct endpoint *endpoint);
/* Whether the endpoint of that id is to be passed over now. Where its time is over, false once: the
 * caller is the one that looks. */
bool endpoint_is_avoided(struct endpoint_table *table, uint64_t id);

/* Closes idle connections of endpoints that `view` no longer names, and forgets the unused. */
void endpoint_table_sweep(struct endpoint_table *table, const struct image_view *view);
/* Closes all idle connections (a worker that drains). */
void endpoint_table_close_idle(struct endpoint_table *table);

#endif
