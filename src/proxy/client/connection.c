#include "proxy/client/connection.h"

#include "base/mem.h"
#include "proxy/client/h1_client.h"
#include "proxy/client/proxy_accept.h"
#include "proxy/client/tls_accept.h"
#include "proxy/exchange/client_auth.h"
#include "proxy/l4/passage.h"
#include "proxy/l4/passthrough.h"
#include "proxy/limits.h"
#include "proxy/worker.h"
#include "route/model.h"

static uint64_t *gauge_of(struct worker *worker, enum connection_activity activity)
{
    struct stats_page *stats = worker->stats;

    switch (activity) {
    case CONNECTION_READING:
        return &stats->connections_reading;
    case CONNECTION_WRITING:
        return &stats->connections_writing;
    case CONNECTION_WAITING:
        return &stats->connections_waiting;
    }
    unreachable();
}

void connection_set_activity(struct connection *connection, enum connection_activity activity)
{
    struct worker *worker = connection->worker;

    if (connection->activity == activity)
        return;
    stats_sub(gauge_of(worker, (enum connection_activity)connection->activity), 1);
    connection->activity = (uint8_t)activity;
    stats_add(gauge_of(worker, activity), 1);
}

uint64_t connection_header_timeout_ms(const struct connection *connection)
{
    const struct image_view *view = connection->worker->view;

    return view ? image_settings_get(view)->client_header_timeout_ms
                : route_settings_default().client_header_timeout_ms;
}

uint64_t connection_keep_alive_ms(const struct connection *connection)
{
    const struct image_view *view = connection->worker->view;

    return view ? image_settings_get(view)->keep_alive_ms : route_settings_default().keep_alive_ms;
}

bool connection_linger(struct connection *connection, uint32_t *bytes)
{
    struct stream *stream = &connection->stream;
    int r = STREAM_OK;

    while (r == STREAM_OK && *bytes <= PROXY_LINGER_BYTES_MAX) {
        *bytes += (uint32_t)iobuf_len(stream->in);
        stream->in = iobuf_put(stream->pool, stream->in);
        r = stream_fill(stream);
    }
    return r == STREAM_WAIT;
}

static void connection_on_events(struct loop_watch *watch, uint32_t events)
{
    struct connection *connection = container_of(watch, struct connection, stream.watch);

    stream_note_events(&connection->stream, events);
    connection->ops->advance(connection);
}

static void connection_on_timeout(struct loop_timer *timer)
{
    struct connection *connection = container_of(timer, struct connection, timer);

    connection->ops->on_timeout(connection);
}

void connection_hand_over(struct connection *connection, const struct speaker_ops *ops,
                          void *speaker)
{
    connection->ops = ops;
    connection->speaker = speaker;
}

static uint32_t settings_flags(const struct worker *worker)
{
    return worker->view ? image_settings_get(worker->view)->flags : 0;
}

/* A PROXY header. Probes of the health listener come from beside us, past any balancer. */
static bool is_header_expected(const struct connection *connection)
{
    const struct worker *worker = connection->worker;
    const struct image_listener *listener;

    switch ((enum proc_listener_kind)connection->listener_kind) {
    case PROC_LISTEN_HEALTH:
        return false;
    case PROC_LISTEN_HTTP:
    case PROC_LISTEN_HTTPS:
        return settings_flags(worker) & IMAGE_PROXY_PROTOCOL;
    case PROC_LISTEN_TCP:
        listener =
            image_listener_find(worker->view, ROUTE_TRANSPORT_TCP, connection->listener_port);
        return listener && (listener->flags & IMAGE_LISTENER_ACCEPT_PROXY);
    }
    unreachable();
}

void connection_begin(struct connection *connection)
{
    switch ((enum proc_listener_kind)connection->listener_kind) {
    case PROC_LISTEN_HTTP:
    case PROC_LISTEN_HEALTH:
        h1_client_begin(connection);
        return;
    case PROC_LISTEN_HTTPS:
        if (settings_flags(connection->worker) & IMAGE_TLS_PASSTHROUGH)
            passthrough_begin(connection);
        else
            tls_accept_begin(connection);
        return;
    case PROC_LISTEN_TCP:
        passage_begin_port(connection);
        return;
    }
}

void connection_accept(struct worker *worker, int fd, const struct net_peer *peer,
                       const struct proc_listener *listener)
{
    struct connection *connection = mem_alloc_zero(sizeof(*connection));

    connection->worker = worker;
    connection->ip = connection->peer_ip = peer->ip;
    connection->port = peer->port;
    connection->listener_kind = (uint8_t)listener->kind;
    connection->listener_port = listener->port;
    connection->activity = CONNECTION_WAITING;
    loop_timer_init(&connection->timer, connection_on_timeout);
    if (stream_init(&connection->stream, worker->loop, &worker->buffers, fd, connection_on_events) <
        0) {
        mem_free(connection);
        return;
    }
    connection->stream.may_write = true;
    list_push_back(&worker->clients, &connection->link);
    worker->clients_len++;
    stats_add(&worker->stats->connections_handled, 1);
    stats_add(&worker->stats->connections_active, 1);
    stats_add(gauge_of(worker, CONNECTION_WAITING), 1);
    if (is_header_expected(connection))
        proxy_accept_begin(connection);
    else
        connection_begin(connection);
}

void connection_close(struct connection *connection)
{
    struct worker *worker = connection->worker;

    connection->ops->end(connection);
    client_identity_unref(connection->identity);
    loop_timer_cancel(&connection->timer);
    stream_close(&connection->stream);
    list_remove(&connection->link);
    worker->clients_len--;
    stats_sub(&worker->stats->connections_active, 1);
    stats_sub(gauge_of(worker, (enum connection_activity)connection->activity), 1);
    loop_defer_free(worker->loop, connection);
}
