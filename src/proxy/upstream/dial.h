/* proxy/upstream/dial.h
 *
 * Purpose    Begins a connection to an endpoint and follows it until it can be used: TCP, then TLS where the
 *            pool says so. Connections and failures are counted here, and whether anybody is there is noted.
 * Ownership  The stream is the caller's. */
#ifndef YETT_PROXY_UPSTREAM_DIAL_H
#define YETT_PROXY_UPSTREAM_DIAL_H

#include "proxy/upstream/pool.h"

/* `tls` is held by the connection; NULL in the clear. Returns 0 or -errno (then there is no stream). */
YETT_MUST_USE int dial_begin(struct stream *stream, struct endpoint_table *table,
                             const struct pool *pool, struct tls_context *tls,
                             void (*on_events)(struct loop_watch *watch, uint32_t events));

/* Goes on. UPSTREAM_OK: can be used; UPSTREAM_WAIT; or -errno. -EPROTO: TLS failed, or agreed on another
 * protocol than the pool's. */
YETT_MUST_USE int dial_run(struct stream *stream, struct endpoint_table *table,
                           const struct pool *pool);

#endif
