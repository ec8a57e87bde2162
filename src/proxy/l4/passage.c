#include "proxy/l4/passage.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/proxy_header.h"
#include "proxy/body/duplex.h"
#include "proxy/body/stream_body.h"
#include "proxy/client/connection.h"
#include "proxy/limits.h"
#include "proxy/upstream/choose.h"
#include "proxy/worker.h"
#include "route/model.h"

enum { PASSAGE_ARENA_BYTES = 256 };

enum passage_state {
    PASSAGE_RESOLVING,
    PASSAGE_CONNECTING,
    PASSAGE_OPEN,
};

/* nginx's, for the log: streams have statuses, too. */
enum { STATUS_OK = 200, STATUS_NO_ENDPOINT = 502 };

struct passage {
    struct connection *connection;
    enum passage_state state;
    struct image_view *view; /* until it is open */
    struct choice choice;
    uint8_t proxy_version; /* of the PROXY header to the endpoint; 0: none */
    uint16_t status;
    uint32_t idle_timeout_ms;
    uint64_t start_us;
    struct resolver_query query;
    struct loop_task again;    /* goes on after others had their turn */
    struct endpoint *endpoint; /* of `upstream`; NULL: there is none */
    struct stream upstream;
    struct stream_source from_client, from_upstream;
    struct stream_sink to_client, to_upstream;
    struct duplex duplex;
    struct access_try tried[PROXY_TRIES_MAX];
    size_t tried_len;
    struct span service, namespace, upstream_name, server_name; /* for the log, in `arena` */
    struct arena arena;
};

static struct worker *worker_of(const struct passage *passage)
{
    return passage->connection->worker;
}

static struct loop *loop_of(const struct passage *passage)
{
    return worker_of(passage)->loop;
}

static struct access_try *present_try(struct passage *passage)
{
    return &passage->tried[passage->tried_len - 1];
}

/* ---- the end ---- */

static void upstream_close(struct passage *passage)
{
    if (!passage->endpoint)
        return;
    stream_close(&passage->upstream);
    passage->endpoint->connections--;
    passage->endpoint = NULL;
}

static void record_write(struct passage *passage)
{
    static const struct http_head no_request;
    struct worker *worker = worker_of(passage);
    const struct connection *connection = passage->connection;
    char ip_text[IP_TEXT_MAX];
    struct access_record record = {
        .request = &no_request,
        .protocol = SPAN("TCP"),
        .client_ip = span_of(ip_text, ip_format(&connection->ip, ip_text)),
        .peer_ip = connection->peer_ip,
        .proxied_ip = connection_proxied_ip(connection),
        .client_port = connection->port,
        .server_port = connection->listener_port,
        .status = passage->status,
        .request_bytes = passage->duplex.to_upstream.bytes,
        .response_bytes = passage->duplex.to_client.bytes,
        .duration_us = loop_now_us(worker->loop) - passage->start_us,
        .wall_ns = clock_wall_ns(),
        .namespace = passage->namespace,
        .service = passage->service,
        .upstream_name = passage->upstream_name,
        .tries = passage->tried,
        .tries_len = passage->tried_len,
        .tls_server_name = passage->server_name,
    };

    access_log_add_stream(&worker->access_log, &record);
}

static void passage_end(struct connection *connection)
{
    struct passage *passage = connection->speaker;
    struct stats_page *stats = connection->worker->stats;

    if (passage->tried_len > 0) {
        present_try(passage)->end_us = loop_now_us(loop_of(passage));
        present_try(passage)->response_bytes = passage->duplex.to_client.bytes;
    }
    stats_add(&stats->stream_received_bytes, passage->duplex.to_upstream.bytes);
    stats_add(&stats->stream_sent_bytes, passage->duplex.to_client.bytes);
    if (passage->status != STATUS_OK)
        stats_add(&stats->stream_failures, 1);
    record_write(passage);
    resolver_query_cancel(&passage->query);
    loop_task_cancel(&passage->again);
    upstream_close(passage);
    image_view_unref(passage->view);
    arena_deinit(&passage->arena);
    loop_defer_free(loop_of(passage), passage); /* the upstream's events of this turn name it */
}

/* ---- open: bytes both ways ---- */

static void bytes_move(struct passage *passage)
{
    struct connection *connection = passage->connection;
    uint64_t before = duplex_bytes(&passage->duplex);

    switch ((enum duplex_result)duplex_run(&passage->duplex)) {
    case DUPLEX_OVER:
        connection_close(connection);
        return;
    case DUPLEX_AGAIN:
        loop_task_queue(loop_of(passage), &passage->again);
        break;
    case DUPLEX_GOES_ON:
        break;
    }
    if (duplex_bytes(&passage->duplex) != before)
        loop_timer_set(loop_of(passage), &connection->timer, passage->idle_timeout_ms);
}

/* The listener may be bound to all addresses: the socket knows which one the client asked for. */
static void header_send(struct passage *passage)
{
    const struct connection *connection = passage->connection;
    struct proxy_header header = {
        .has_addresses = true,
        .source = connection->ip,
        .source_port = connection->port,
        .destination = connection->local_ip,
        .destination_port = connection->local_port,
    };
    struct net_peer local;
    char text[PROXY_HEADER_V1_BYTES_MAX];

    if (!connection->is_proxied) {
        int r = socket_local_address(connection->stream.watch.fd, &local);
        header.has_addresses = r == 0;
        header.destination = local.ip;
        header.destination_port = local.port;
    }
    size_t len = proxy_header_encode(&header, passage->proxy_version, text);
    iobuf_append(stream_out(&passage->upstream), span_of(text, len));
}

static void open_begin(struct passage *passage)
{
    struct connection *connection = passage->connection;

    endpoint_trust(&worker_of(passage)->endpoints, passage->endpoint);
    present_try(passage)->connected_us = loop_now_us(loop_of(passage));
    passage->state = PASSAGE_OPEN;
    passage->status = STATUS_OK;
    passage->view = image_view_unref(passage->view);
    if (passage->proxy_version != 0)
        header_send(passage);
    stream_source_init_raw(&passage->from_client, &connection->stream);
    stream_source_init_raw(&passage->from_upstream, &passage->upstream);
    stream_sink_init_raw(&passage->to_client, &connection->stream);
    stream_sink_init_raw(&passage->to_upstream, &passage->upstream);
    duplex_init(&passage->duplex, &passage->from_client.base, &passage->to_upstream.base,
                &passage->from_upstream.base, &passage->to_client.base);
    loop_timer_set(loop_of(passage), &connection->timer, passage->idle_timeout_ms);
    bytes_move(passage);
}

/* ---- one try after another ---- */

static void try_next(struct passage *passage);

static bool may_try_again(const struct passage *passage)
{
    const struct image_settings *settings = image_settings_get(passage->view);
    uint32_t tries = settings->stream_next_upstream_tries;
    uint64_t limit_us = settings->stream_next_upstream_timeout_ms * 1000ull;

    if (!(settings->flags & IMAGE_STREAM_NEXT_UPSTREAM) || passage->tried_len == PROXY_TRIES_MAX ||
        (tries != 0 && passage->tried_len >= tries))
        return false;
    return limit_us == 0 || loop_now_us(loop_of(passage)) - passage->start_us < limit_us;
}

static void try_failed(struct passage *passage, int error)
{
    struct worker *worker = worker_of(passage);

    log_limited(LOG_WARN, "upstream_connect_failed", F_SPAN("upstream", passage->upstream_name),
                F_ERRNO(error));
    endpoint_failed(&worker->endpoints, passage->endpoint, error);
    present_try(passage)->end_us = loop_now_us(worker->loop);
    upstream_close(passage);
    if (may_try_again(passage))
        try_next(passage);
    else
        connection_close(passage->connection);
}

static void upstream_on_events(struct loop_watch *watch, uint32_t events)
{
    struct passage *passage = container_of(watch, struct passage, upstream.watch);

    stream_note_events(&passage->upstream, events);
    passage->connection->ops->advance(passage->connection);
}

static void try_on(struct passage *passage, struct endpoint *endpoint)
{
    struct worker *worker = worker_of(passage);

    passage->tried[passage->tried_len++] = (struct access_try){
        .ip = endpoint->ip, .port = endpoint->port, .start_us = loop_now_us(worker->loop)
    };
    passage->endpoint = endpoint;
    endpoint->connections++;
    passage->upstream = (struct stream){ .watch.fd = -1 };
    passage->state = PASSAGE_CONNECTING;
    int fd = socket_connect_tcp(&endpoint->ip, endpoint->port);
    int r = fd < 0 ? fd
                   : stream_init(&passage->upstream, worker->loop, &worker->buffers, fd,
                                 upstream_on_events);
    if (r < 0) {
        try_failed(passage, r);
        return;
    }
    passage->upstream.connecting = true;
    stats_add(&worker->stats->upstream_connects, 1);
    loop_timer_set(worker->loop, &passage->connection->timer, PROXY_PASSAGE_CONNECT_TIMEOUT_MS);
}

static void try_next(struct passage *passage)
{
    struct endpoint *endpoint;

    passage->choice.tried_len = passage->tried_len;
    switch ((enum resolver_result)endpoint_choose(worker_of(passage), &passage->choice,
                                                  &passage->query, &endpoint)) {
    case RESOLVER_OK:
        try_on(passage, endpoint);
        return;
    case RESOLVER_WAIT:
        passage->state = PASSAGE_RESOLVING;
        loop_timer_cancel(&passage->connection->timer); /* the resolver keeps its own time */
        return;
    case RESOLVER_FAILED:
        break;
    }
    connection_close(passage->connection);
}

static void passage_on_resolved(struct resolver_query *query)
{
    try_next(container_of(query, struct passage, query));
}

static void connect_go_on(struct passage *passage)
{
    struct stream *upstream = &passage->upstream;

    if (!upstream->may_write)
        return;
    upstream->connecting = false;
    int r = socket_error(upstream->watch.fd);
    if (r < 0)
        try_failed(passage, r);
    else
        open_begin(passage);
}

/* ---- as a speaker ---- */

static void passage_advance(struct connection *connection)
{
    struct passage *passage = connection->speaker;

    /* One that only said its end may still want the answer; one that is gone does not. */
    if (passage->state != PASSAGE_OPEN && connection->stream.error) {
        connection_close(connection);
        return;
    }
    switch (passage->state) {
    case PASSAGE_RESOLVING:
        return;
    case PASSAGE_CONNECTING:
        connect_go_on(passage);
        return;
    case PASSAGE_OPEN:
        bytes_move(passage);
        return;
    }
}

static void passage_on_again(struct loop_task *task)
{
    bytes_move(container_of(task, struct passage, again));
}

static void passage_on_timeout(struct connection *connection)
{
    struct passage *passage = connection->speaker;

    if (passage->state == PASSAGE_CONNECTING)
        try_failed(passage, -ETIMEDOUT);
    else
        connection_close(connection);
}

/* Like a tunnel, it has the whole time of a drain. */
static void passage_close_idle(struct connection *connection)
{
    (void)connection;
}

static const struct speaker_ops passage_ops = {
    .advance = passage_advance,
    .on_timeout = passage_on_timeout,
    .close_idle = passage_close_idle,
    .end = passage_end,
};

static struct passage *passage_new(struct connection *connection,
                                   const struct image_service *service)
{
    struct worker *worker = connection->worker;
    struct passage *passage = mem_alloc_zero(sizeof(*passage));
    struct arena *arena = &passage->arena;

    passage->connection = connection;
    passage->view = image_view_ref(worker->view);
    passage->start_us = loop_now_us(worker->loop);
    passage->status = STATUS_NO_ENDPOINT;
    passage->idle_timeout_ms = image_settings_get(worker->view)->stream_timeout_ms;
    passage->choice =
        (struct choice){ .service = service,
                         .endpoints = image_endpoints_find(passage->view, service->key),
                         .tried = passage->tried };
    passage->upstream.watch.fd = -1;
    resolver_query_init(&passage->query, passage_on_resolved);
    loop_task_init(&passage->again, passage_on_again);
    arena_init(arena, PASSAGE_ARENA_BYTES);
    passage->namespace = arena_dup(arena, image_str_get(passage->view, service->namespace));
    passage->service = arena_dup(arena, image_str_get(passage->view, service->name));
    passage->upstream_name = arena_dup(arena, image_str_get(passage->view, service->upstream_name));
    return passage;
}

static void passage_start(struct passage *passage)
{
    struct connection *connection = passage->connection;

    connection_hand_over(connection, &passage_ops, passage);
    connection_set_activity(connection, CONNECTION_WRITING);
    stats_add(&connection->worker->stats->stream_connections, 1);
    if (passage->choice.endpoints.len == 0)
        connection_close(connection);
    else
        try_next(passage);
}

void passage_begin(struct connection *connection, const struct image_service *service,
                   struct span server_name)
{
    struct passage *passage = passage_new(connection, service);

    passage->server_name = arena_dup(&passage->arena, server_name);
    passage_start(passage);
}

void passage_begin_port(struct connection *connection)
{
    const struct image_view *view = connection->worker->view;
    const struct image_listener *listener =
        image_listener_find(view, ROUTE_TRANSPORT_TCP, connection->listener_port);

    if (!listener) { /* the port went while a header was awaited */
        connection_close(connection);
        return;
    }
    struct passage *passage = passage_new(connection, image_service_get(view, listener->service));
    if (listener->flags & IMAGE_LISTENER_SEND_PROXY_V1)
        passage->proxy_version = 1;
    if (listener->flags & IMAGE_LISTENER_SEND_PROXY_V2)
        passage->proxy_version = 2;
    passage_start(passage);
}
