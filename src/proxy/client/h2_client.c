#include "proxy/client/h2_client.h"

#include "base/mem.h"
#include "proxy/client/h2_side.h"
#include "proxy/limits.h"
#include "proxy/worker.h"
#include "route/model.h"

/* What the connection's timer waits for. */
enum client_wait {
    WAIT_NOTHING, /* streams are open: their exchanges have timers of their own */
    WAIT_FIRST,   /* the first stream */
    WAIT_NEXT,
    WAIT_SEND, /* that the client takes what is said */
    WAIT_LINGER,
};

enum client_state {
    STATE_OPEN,
    STATE_RETIRING, /* the client was told to begin no more streams; those on their way are taken */
    STATE_RETIRED,  /* and which were the last */
    STATE_LINGER,   /* our end is sent: drops what the client still sends */
};

struct h2_client {
    struct connection *connection;
    struct h2_link link;
    struct list sides; /* all */
    struct list ready; /* those to be run next */
    uint8_t state;     /* enum client_state */
    uint8_t wait;      /* enum client_wait */
    size_t unsent;     /* while it waits for that, as of the last look */
    uint32_t lingered_bytes;
};

static struct h2_client *client_of(struct connection *connection)
{
    return connection->speaker;
}

/* ---- streams ---- */

static void side_rouse(struct h2_client *client, struct h2_side *side)
{
    list_remove(&side->ready);
    list_push_back(&client->ready, &side->ready);
    h2_link_rouse(&client->link);
}

static void side_end(struct h2_client *client, struct h2_side *side)
{
    client->connection->worker->streams_len--;
    h2_side_free(side);
}

static void side_run(struct h2_client *client, struct h2_side *side)
{
    list_remove(&side->ready);
    h2_link_rouse(&client->link); /* what it says is sent when all had their turn */
    if (h2_side_run(side) == H2_SIDE_OVER)
        side_end(client, side);
}

static void sides_run(struct h2_client *client)
{
    /* Those that get ready meanwhile wait for the next turn. */
    struct list now;

    list_init(&now);
    while (!list_is_empty(&client->ready)) {
        struct list *first = client->ready.next;
        list_remove(first);
        list_push_back(&now, first);
    }
    while (!list_is_empty(&now))
        side_run(client, list_entry(now.next, struct h2_side, ready));
}

static void sides_end(struct h2_client *client)
{
    list_for_each_safe (it, &client->sides)
        side_end(client, list_entry(it, struct h2_side, link));
}

static void side_advance(struct downstream *base)
{
    side_run(client_of(base->connection), container_of(base, struct h2_side, side));
}

static const struct downstream_ops side_ops = {
    .advance = side_advance,
    .is_gone = h2_side_is_gone,
    .can_take_interim = h2_side_can_take_interim,
    .head_room = h2_side_head_room,
    .head_end = h2_side_head_end,
    .takes_upgrade = h2_side_takes_upgrade,
    .tunnel_begin = h2_side_tunnel_begin,
};

/* ---- the end of the connection ---- */

/* Tells the client to begin no more; the answer to the PING comes behind all that it had begun. */
static void retire(struct h2_client *client)
{
    if (client->state != STATE_OPEN)
        return;
    client->state = STATE_RETIRING;
    h2_session_shutdown_begin(client->link.session);
    h2_session_ping(client->link.session);
    h2_link_rouse(&client->link);
}

static void retired(struct h2_client *client)
{
    if (client->state >= STATE_RETIRED)
        return;
    client->state = STATE_RETIRED;
    h2_session_shutdown(client->link.session, H2_NO_ERROR);
    h2_link_rouse(&client->link);
}

static void linger_begin(struct h2_client *client)
{
    struct connection *connection = client->connection;

    client->state = STATE_LINGER;
    client->wait = WAIT_LINGER;
    stream_end_output(&connection->stream);
    loop_timer_cancel(&connection->timer);
    loop_timer_set(connection->worker->loop, &connection->timer, PROXY_LINGER_MS);
}

/* May close the connection. */
static void linger(struct h2_client *client)
{
    if (!connection_linger(client->connection, &client->lingered_bytes))
        connection_close(client->connection);
}

/* ---- what comes ---- */

static void side_add(struct h2_client *client, struct h2_side *side)
{
    client->connection->worker->streams_len++;
    list_push_back(&client->sides, &side->link);
    side_rouse(client, side);
}

/* All streams of all clients may be as many as connections: a stream is not cheaper. And each, however idle, may
 * hold a large buffer for its head. */
static bool has_room(struct h2_client *client, struct h2_stream *stream)
{
    const struct worker *worker = client->connection->worker;

    if (worker->streams_len < worker->clients_max &&
        worker->buffers.lent_bytes <= PROXY_H2_BUFFERS_BYTES_MAX)
        return true;
    stats_add(&worker->stats->refused_streams, 1);
    h2_stream_reset(stream, H2_REFUSED_STREAM);
    h2_stream_free(stream);
    return false;
}

/* As for HTTP/1: after so many requests the client is asked to come anew. */
static void count_request(struct h2_client *client)
{
    const struct worker *worker = client->connection->worker;

    client->connection->requests++;
    if (worker->view &&
        client->connection->requests >= image_settings_get(worker->view)->keep_alive_requests)
        retire(client);
}

static void on_head(void *ctx, struct h2_stream *stream, const struct http_head *head)
{
    struct h2_client *client = ctx;

    if (!has_room(client, stream))
        return;
    side_add(client, h2_side_new(client->connection, &client->link, stream, head, &side_ops));
    count_request(client);
}

static void on_bad_head(void *ctx, struct h2_stream *stream, enum h1_fault fault)
{
    struct h2_client *client = ctx;

    if (has_room(client, stream))
        side_add(client, h2_side_new_refused(client->connection, &client->link, stream,
                                             h1_fault_status(fault), &side_ops));
}

/* Nothing more comes or goes. */
static void side_cut(struct h2_client *client, struct h2_side *side)
{
    side->was_reset = true;
    h2_source_on_reset(&side->source);
    side_rouse(client, side);
}

static void on_data(void *ctx, struct h2_stream *stream, struct span piece)
{
    struct h2_side *side = h2_stream_owner(stream);

    if (!h2_source_on_data(&side->source, piece)) {
        h2_stream_reset(stream, H2_ENHANCE_YOUR_CALM);
        side_cut(ctx, side);
        return;
    }
    side_rouse(ctx, side);
}

static void on_end(void *ctx, struct h2_stream *stream, const struct http_header *trailers,
                   uint32_t trailers_len)
{
    struct h2_side *side = h2_stream_owner(stream);

    h2_source_on_end(&side->source, trailers, trailers_len);
    side_rouse(ctx, side);
}

static void on_writable(void *ctx, struct h2_stream *stream)
{
    side_rouse(ctx, h2_stream_owner(stream));
}

static void on_reset(void *ctx, struct h2_stream *stream, enum h2_error error)
{
    (void)error;
    side_cut(ctx, h2_stream_owner(stream));
}

static void on_pong(void *ctx)
{
    struct h2_client *client = ctx;

    if (client->state == STATE_RETIRING)
        retired(client);
}

static const struct h2_events events = {
    .on_head = on_head,
    .on_bad_head = on_bad_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_reset = on_reset,
    .on_pong = on_pong,
};

/* ---- as speaker on its connection ---- */

static void wait_for(struct h2_client *client, enum client_wait wait, uint64_t timeout_ms)
{
    struct connection *connection = client->connection;

    client->wait = (uint8_t)wait;
    loop_timer_cancel(&connection->timer);
    if (wait != WAIT_NOTHING)
        loop_timer_set(connection->worker->loop, &connection->timer, timeout_ms);
}

/* The client has so long to take what is said, anew with each bit that it takes. */
static void wait_for_send(struct h2_client *client)
{
    size_t unsent = stream_output_bytes(&client->connection->stream);

    if (client->wait != WAIT_SEND || unsent != client->unsent)
        wait_for(client, WAIT_SEND, PROXY_CLIENT_SEND_TIMEOUT_MS);
    client->unsent = unsent;
}

static void wait_choose(struct h2_client *client)
{
    struct connection *connection = client->connection;
    bool is_idle = list_is_empty(&client->sides);

    connection_set_activity(connection, is_idle ? CONNECTION_WAITING : CONNECTION_WRITING);
    if (stream_has_output(&connection->stream))
        wait_for_send(client);
    else if (!is_idle && client->wait != WAIT_NOTHING)
        wait_for(client, WAIT_NOTHING, 0);
    else if (is_idle && client->wait != WAIT_FIRST && client->wait != WAIT_NEXT)
        wait_for(client, WAIT_NEXT, connection_keep_alive_ms(connection));
}

/* After reading, running and sending: how it goes on. */
static void settle(struct h2_client *client, int read, int sent)
{
    struct connection *connection = client->connection;

    if (sent == STREAM_FAILED || read == STREAM_FAILED ||
        (read == STREAM_END && !client->link.is_over)) {
        connection_close(connection);
        return;
    }
    if (client->link.is_over && sent == STREAM_OK) {
        sides_end(client);
        linger_begin(client);
        linger(client);
        return;
    }
    if (read == STREAM_OK)
        h2_link_rouse(&client->link);
    stream_relax(&connection->stream);
    wait_choose(client);
}

static void advance(struct connection *connection)
{
    struct h2_client *client = client_of(connection);

    if (client->state == STATE_LINGER) {
        linger(client);
        return;
    }
    int read = h2_link_read(&client->link);
    if (client->link.is_over)
        sides_end(client);
    else
        sides_run(client);
    settle(client, read, h2_link_flush(&client->link));
}

static void on_timeout(struct connection *connection)
{
    struct h2_client *client = client_of(connection);

    switch ((enum client_wait)client->wait) {
    case WAIT_NOTHING:
        return;
    case WAIT_FIRST:
    case WAIT_NEXT:
        retired(client);
        return;
    case WAIT_SEND:
    case WAIT_LINGER:
        break;
    }
    connection_close(connection);
}

/* A request that an idle client sends in this moment is answered by the GOAWAY: it was not processed. */
static void close_idle(struct connection *connection)
{
    struct h2_client *client = client_of(connection);

    if (client->state == STATE_LINGER)
        connection_close(connection);
    else if (client->state == STATE_OPEN && !list_is_empty(&client->sides))
        retire(client);
    else
        retired(client);
}

static void end(struct connection *connection)
{
    struct h2_client *client = client_of(connection);

    sides_end(client);
    h2_link_deinit(&client->link);
    loop_defer_free(connection->worker->loop, client);
}

static const struct speaker_ops h2_client_speaker = {
    .advance = advance,
    .on_timeout = on_timeout,
    .close_idle = close_idle,
    .end = end,
};

static void on_task(struct loop_task *task)
{
    advance(container_of(task, struct h2_client, link.task)->connection);
}

bool h2_client_is_meant(const struct connection *connection, struct span bytes)
{
    const struct image_view *view = connection->worker->view;

    return connection->listener_kind == PROC_LISTEN_HTTP && connection->requests == 0 && view &&
           (image_settings_get(view)->flags & IMAGE_HTTP2) &&
           span_starts_with(bytes, SPAN("PRI * HTTP/2.0\r\n\r\n"));
}

void h2_client_begin(struct connection *connection)
{
    struct h2_client *client = mem_alloc_zero(sizeof(*client));
    const struct image_view *view = connection->worker->view;
    const struct h2_options options = {
        .role = H2_SERVER,
        .streams_max = view ? image_settings_get(view)->http2_streams_max
                            : route_settings_default().http2_streams_max,
        .stream_window_bytes = PROXY_H2_STREAM_WINDOW_BYTES,
        .connection_window_bytes = PROXY_H2_CONNECTION_WINDOW_BYTES,
        .extended_connect = true,
        .head = { .head_bytes = PROXY_HEAD_BYTES_MAX,
                  .target_bytes = PROXY_TARGET_BYTES_MAX,
                  .headers = PROXY_HEADERS_MAX },
    };

    client->connection = connection;
    list_init(&client->sides);
    list_init(&client->ready);
    h2_link_init(&client->link, &connection->stream, &options, &events, client, on_task);
    connection_hand_over(connection, &h2_client_speaker, client);
    connection_set_activity(connection, CONNECTION_READING);
    wait_for(client, WAIT_FIRST, connection_header_timeout_ms(connection));
}
