/* proxy/upstream/h1_upstream.h
 *
 * Purpose    HTTP/1 towards an endpoint: one connection, one exchange at a time, kept in between.
 * Ownership  Idle ones belong to their pool, others to whoever took them.
 * See        RFC 9112 */
#ifndef YETT_PROXY_UPSTREAM_H1_UPSTREAM_H
#define YETT_PROXY_UPSTREAM_H1_UPSTREAM_H

#include "http/h1.h"
#include "proxy/body/stream_body.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/upstream.h"

struct h1_upstream {
    struct upstream base;
    struct pooled pooled;
    struct stream stream;
    struct h1_parser parser; /* of the answer's head */
    struct stream_source source;
    struct stream_sink sink;
};

/* A kept connection, newest first; NULL: none. With `probe`, one that turns out closed is passed over,
 * at the price of a system call: for requests that cannot be sent twice. */
struct upstream *h1_upstream_reuse(struct pool *pool, bool probe);
/* Begins a new connection; `tls` NULL: in the clear. 0 or -errno. */
YETT_MUST_USE int h1_upstream_connect(struct endpoint_table *table, struct pool *pool,
                                      struct tls_context *tls, struct upstream **ret_upstream);

#endif
