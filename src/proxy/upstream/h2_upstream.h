/* proxy/upstream/h2_upstream.h
 *
 * Purpose    HTTP/2 towards an endpoint: one stream on a connection that others share.
 * Ownership  Owned by the exchange (or tunnel) that took it.
 * See        RFC 9113 */
#ifndef YETT_PROXY_UPSTREAM_H2_UPSTREAM_H
#define YETT_PROXY_UPSTREAM_H2_UPSTREAM_H

#include "proxy/body/h2_body.h"
#include "proxy/upstream/h2_backend.h"
#include "proxy/upstream/upstream.h"

struct h2_upstream {
    struct upstream base;
    struct h2_backend *backend;
    struct tls_context *tls;  /* for another connection, where this one turns out to be full */
    struct list link;         /* in backend->upstreams */
    struct loop_task ready;   /* tells the owner */
    struct iobuf *request;    /* the head, while it is written */
    struct h2_stream *stream; /* NULL: the head is not said yet */
    struct h2_source source;
    struct h2_sink sink;
    struct http_head head; /* of the answer, read by nobody yet: while head_bytes > 0 */
    size_t head_bytes;
    void *head_block; /* what `head` borrows from */
    bool was_refused; /* nothing of the request was processed */
    bool was_reset;
};

/* A stream on a connection of the pool, which is made where none has room; `tls` NULL: in the clear. 0 or
 * -errno. */
YETT_MUST_USE int h2_upstream_take(struct endpoint_table *table, struct pool *pool,
                                   struct tls_context *tls, struct upstream **ret_upstream);

/* For h2_backend.c: what happened to the stream, and that its owner is to be told. */
void h2_upstream_on_head(struct h2_upstream *upstream, const struct http_head *head);
void h2_upstream_on_reset(struct h2_upstream *upstream, enum h2_error error);
void h2_upstream_lose(struct h2_upstream *upstream);
void h2_upstream_rouse(struct h2_upstream *upstream);

#endif
