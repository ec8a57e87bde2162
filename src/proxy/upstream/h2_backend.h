/* proxy/upstream/h2_backend.h
 *
 * Purpose    A connection to an endpoint that speaks HTTP/2, shared by as many requests as the endpoint
 *            allows at a time.
 * Ownership  Its pool's while it is idle; while it is busy, the streams on it (h2_upstream.h) keep it alive:
 *            the last one that leaves decides what becomes of it.
 * Lifetime   h2_backend_connect() … the loss of the connection, or its retirement, and its last stream.
 * Limits     Streams as the endpoint's SETTINGS say; H2_STREAMS_BEFORE_SETTINGS while it has said nothing.
 * See        RFC 9113 */
#ifndef YETT_PROXY_UPSTREAM_H2_BACKEND_H
#define YETT_PROXY_UPSTREAM_H2_BACKEND_H

#include "proxy/stream/h2_link.h"
#include "proxy/upstream/pool.h"

struct h2_backend {
    struct pooled pooled;
    struct stream stream;
    struct h2_link link;
    struct list shared;    /* in pool->shared while it takes requests */
    struct list upstreams; /* struct h2_upstream: those that have it */
    uint32_t upstreams_len;
    bool is_established;
    bool is_retired; /* takes no more requests */
    bool is_lost;    /* the connection is closed */
    int error;       /* why, as -errno */
};

/* One of the pool that has room; NULL: none. */
struct h2_backend *h2_backend_find(struct pool *pool);
/* Begins a new one; `tls` NULL: in the clear. 0 or -errno. */
YETT_MUST_USE int h2_backend_connect(struct endpoint_table *table, struct pool *pool,
                                     struct tls_context *tls, struct h2_backend **ret_backend);

/* It takes no more requests; those that it has go on. */
void h2_backend_retire(struct h2_backend *backend);

/* For h2_upstream.c: a stream comes, and leaves. */
void h2_backend_join(struct h2_backend *backend, struct list *upstream);
void h2_backend_leave(struct h2_backend *backend, struct list *upstream);

#endif
