#include "proxy/client/proxy_accept.h"

#include "base/log.h"
#include "net/proxy_header.h"
#include "proxy/client/connection.h"
#include "proxy/exchange/origin.h"
#include "proxy/worker.h"

static void refuse(struct connection *connection, const char *reason)
{
    char peer[IP_TEXT_MAX];

    ip_format(&connection->peer_ip, peer);
    stats_add(&connection->worker->stats->proxy_headers_refused, 1);
    log_limited(LOG_WARN, "proxy_header_refused", F_STR("peer", peer),
                F_UINT("port", connection->listener_port), F_STR("reason", reason));
    connection_close(connection);
}

static void header_take(struct connection *connection, const struct proxy_header *header)
{
    if (!header->has_addresses)
        return;
    connection->ip = header->source;
    connection->port = header->source_port;
    connection->local_ip = header->destination;
    connection->local_port = header->destination_port;
    connection->is_proxied = true;
}

/* Reads on where no header is whole yet. */
static void header_fill(struct connection *connection)
{
    switch ((enum stream_result)stream_fill(&connection->stream)) {
    case STREAM_OK:
        connection->ops->advance(connection);
        return;
    case STREAM_WAIT:
        return;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    /* Whoever says nothing at all, as probes do, is no reason for a word. */
    if (iobuf_len(connection->stream.in) > 0)
        refuse(connection, "the connection ended within the header");
    else
        connection_close(connection);
}

static void proxy_accept_advance(struct connection *connection)
{
    struct iobuf *in = connection->stream.in;
    struct proxy_header header;
    size_t len;

    if (!in) {
        header_fill(connection);
        return;
    }
    switch ((enum proxy_header_result)proxy_header_parse(iobuf_span(in), &header, &len)) {
    case PROXY_HEADER_OK:
        break;
    case PROXY_HEADER_MORE:
        header_fill(connection);
        return;
    case PROXY_HEADER_BAD:
        refuse(connection, "it begins with no header, or a malformed one");
        return;
    }
    header_take(connection, &header);
    iobuf_consume(in, len);
    stream_relax(&connection->stream);
    loop_timer_cancel(&connection->timer);
    connection_begin(connection);
    if (connection->stream.watch.fd >= 0)
        connection->ops->advance(connection); /* what came with the header is announced no more */
}

static void proxy_accept_on_timeout(struct connection *connection)
{
    refuse(connection, "no whole header came in time");
}

static void proxy_accept_end(struct connection *connection)
{
    (void)connection;
}

static const struct speaker_ops proxy_accept_ops = {
    .advance = proxy_accept_advance,
    .on_timeout = proxy_accept_on_timeout,
    .close_idle = connection_close,
    .end = proxy_accept_end,
};

void proxy_accept_begin(struct connection *connection)
{
    struct worker *worker = connection->worker;

    connection_hand_over(connection, &proxy_accept_ops, NULL);
    if (!origin_is_trusted(worker->view, &connection->peer_ip)) {
        refuse(connection, "the peer is not in proxy-real-ip-cidr");
        return;
    }
    connection_set_activity(connection, CONNECTION_READING);
    loop_timer_set(worker->loop, &connection->timer,
                   image_settings_get(worker->view)->proxy_protocol_timeout_ms);
}
