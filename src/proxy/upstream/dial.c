#include "proxy/upstream/dial.h"

#include <errno.h>

#include "base/log.h"
#include "net/socket.h"
#include "proxy/upstream/upstream.h"

int dial_begin(struct stream *stream, struct endpoint_table *table, const struct pool *pool,
               struct tls_context *tls,
               void (*on_events)(struct loop_watch *watch, uint32_t events))
{
    const struct endpoint *endpoint = pool->endpoint;
    int fd = endpoint->local_name.len > 0 ? socket_connect_unix_abstract(endpoint->local_name)
                                          : socket_connect_tcp(&endpoint->ip, endpoint->port);
    int r = fd < 0 ? fd : stream_init(stream, table->loop, table->pool, fd, on_events);

    if (r < 0) {
        endpoint_failed(table, pool->endpoint, r);
        return r;
    }
    stats_add(&table->stats->upstream_connects, 1);
    stream->connecting = true;
    if (tls)
        stream->tls = tls_codec_new_client(tls, endpoint->id);
    return 0;
}

/* TCP's outcome, once it is known. */
static int connected(struct stream *stream, struct endpoint_table *table, const struct pool *pool)
{
    if (!stream->may_write)
        return UPSTREAM_WAIT;
    stream->connecting = false;
    stream->error = socket_error(stream->watch.fd);
    if (stream->error < 0)
        endpoint_failed(table, pool->endpoint, stream->error);
    else
        endpoint_trust(table, pool->endpoint);
    return stream->error;
}

/* However it failed, be it by an alert or by a connection that ended: somebody is there. */
static int tls_failed(struct endpoint_table *table, const struct pool *pool, struct span reason)
{
    char ip[IP_TEXT_MAX];

    log_limited(LOG_WARN, "upstream_tls_failed",
                F_SPAN("endpoint", span_of(ip, ip_format(&pool->endpoint->ip, ip))),
                F_UINT("port", pool->endpoint->port), F_SPAN("reason", reason));
    endpoint_failed(table, pool->endpoint, -EPROTO);
    return -EPROTO;
}

int dial_run(struct stream *stream, struct endpoint_table *table, const struct pool *pool)
{
    if (stream->connecting) {
        int r = connected(stream, table, pool);
        if (r != UPSTREAM_OK)
            return r;
    }
    if (!stream->tls || stream->handshake_done)
        return UPSTREAM_OK;
    switch ((enum stream_result)stream_handshake(stream)) {
    case STREAM_OK:
        if (protocol_is_http2(pool->protocol) && tls_codec_alpn(stream->tls) != TLS_ALPN_HTTP2)
            return tls_failed(table, pool, SPAN("the backend does not agree on h2"));
        return UPSTREAM_OK;
    case STREAM_WAIT:
        return UPSTREAM_WAIT;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    return tls_failed(table, pool,
                      stream->error == -EPROTO ? tls_codec_failure(stream->tls)
                                               : SPAN("the connection ended amid the handshake"));
}
