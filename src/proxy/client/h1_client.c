#include "proxy/client/h1_client.h"

#include "base/mem.h"
#include "proxy/client/h2_client.h"
#include "proxy/exchange/tunnel.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

/* What the connection's timer waits for. */
enum client_wait { WAIT_NOTHING, WAIT_NEXT_HEAD, WAIT_HEAD, WAIT_LINGER };

static const struct h1_limits request_limits = {
    .head_bytes = PROXY_HEAD_BYTES_MAX,
    .target_bytes = PROXY_TARGET_BYTES_MAX,
    .headers = PROXY_HEADERS_MAX,
};

static const struct speaker_ops h1_client_speaker, h1_idle_speaker;
static const struct downstream_ops h1_client_side;

static struct h1_client *client_of(struct connection *connection)
{
    return connection->speaker;
}

static struct stream *stream_of(const struct h1_client *client)
{
    return &client->side.connection->stream;
}

static void client_set_state(struct h1_client *client, enum h1_client_state state)
{
    client->state = (uint8_t)state;
    switch (state) {
    case H1_CLIENT_HEAD:
        connection_set_activity(client->side.connection, CONNECTION_READING);
        return;
    case H1_CLIENT_EXCHANGE:
    case H1_CLIENT_TUNNEL:
    case H1_CLIENT_LINGER:
        connection_set_activity(client->side.connection, CONNECTION_WRITING);
        return;
    }
    unreachable();
}

/* WAIT_NOTHING leaves the timer armed: it finds nothing to do when it fires. */
static void client_wait_for(struct h1_client *client, enum client_wait wait, uint64_t timeout_ms)
{
    struct connection *connection = client->side.connection;

    client->wait = (uint8_t)wait;
    if (wait != WAIT_NOTHING)
        loop_timer_set(connection->worker->loop, &connection->timer, timeout_ms);
}

/* ---- the steps of client_advance(): each returns whether to go on with the next ---- */

enum step { STEP_AGAIN, STEP_WAIT, STEP_IDLE, STEP_CLOSE };

/* Reads more of a head. */
static enum step head_fill(struct h1_client *client)
{
    struct stream *stream = stream_of(client);

    if (stream->in && iobuf_room(stream->in) == 0)
        stream->in = iobuf_enlarge(stream->pool, stream->in);
    switch ((enum stream_result)stream_fill(stream)) {
    case STREAM_OK:
        return STEP_AGAIN;
    case STREAM_WAIT:
        stream_relax(stream);
        return STEP_WAIT;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    return STEP_CLOSE;
}

static enum step head_begin(struct h1_client *client)
{
    client->state = H1_CLIENT_HEAD; /* it reads, by the gauges, where the head is not here whole */
    client->parser = (struct h1_parser){ 0 };
    return STEP_AGAIN;
}

/* After an exchange: its end is the beginning of the next one where that is here already. */
static enum step next_begin(struct h1_client *client)
{
    client_wait_for(client, WAIT_NEXT_HEAD, connection_keep_alive_ms(client->side.connection));
    if (iobuf_len(stream_of(client)->in) > 0)
        return head_begin(client);
    switch (head_fill(client)) {
    case STEP_AGAIN:
        return head_begin(client);
    case STEP_WAIT:
        return STEP_IDLE;
    case STEP_IDLE:
    case STEP_CLOSE:
        break;
    }
    return STEP_CLOSE;
}

static void linger_begin(struct h1_client *client)
{
    client_set_state(client, H1_CLIENT_LINGER);
    client->lingered_bytes = 0;
    stream_end_output(stream_of(client));
    loop_timer_cancel(&client->side.connection->timer);
    client_wait_for(client, WAIT_LINGER, PROXY_LINGER_MS);
}

static enum step exchange_over(struct h1_client *client)
{
    struct exchange *exchange = client->exchange;
    bool aborted = exchange->state == EXCHANGE_ABORTED;
    bool may_keep = exchange->client_may_keep;

    exchange_end(exchange);
    client->exchange = NULL;
    client->wait = WAIT_NOTHING;
    if (aborted)
        return STEP_CLOSE;
    if (client->side.tunnel) {
        client_set_state(client, H1_CLIENT_TUNNEL);
        return STEP_AGAIN;
    }
    if (!may_keep) {
        linger_begin(client);
        return STEP_AGAIN;
    }
    return next_begin(client);
}

/* A body that came with the head is kept with it, so that another try can send it again. What lies
 * behind (a pipelined request, the beginning of a longer body) stays the connection's. */
static void body_divide(struct h1_client *client, struct iobuf *head_buf, size_t head_bytes)
{
    struct exchange *exchange = client->exchange;
    struct stream *stream = stream_of(client);
    struct span rest = span_from(iobuf_span(head_buf), head_bytes);
    const struct http_head *request = &exchange->request;

    exchange->body_is_whole =
        request->body == HTTP_BODY_NONE ||
        (request->body == HTTP_BODY_LENGTH && request->content_length <= rest.len &&
         request->content_length <= PROXY_WHOLE_BODY_BYTES_MAX);
    if (!exchange->body_is_whole) {
        stream_source_init(&client->source, stream, request->body, request->content_length);
    } else if (request->body == HTTP_BODY_LENGTH) {
        exchange->whole_body = span_upto(rest, request->content_length);
        rest = span_from(rest, exchange->whole_body.len);
    }
    if (rest.len == 0)
        return;
    stream->in = iobuf_take_for(stream->pool, rest.len);
    iobuf_append(stream->in, rest);
}

static enum step exchange_start(struct h1_client *client, size_t head_bytes)
{
    struct stream *stream = stream_of(client);
    struct iobuf *head_buf = stream->in;

    stream->in = NULL;
    body_divide(client, head_buf, head_bytes);
    client_set_state(client, H1_CLIENT_EXCHANGE);
    client->wait = WAIT_NOTHING;
    client->side.connection->requests++;
    exchange_begin(client->exchange, head_buf, head_bytes);
    return exchange_is_over(client->exchange) ? exchange_over(client) : STEP_WAIT;
}

static enum step head_refuse(struct h1_client *client, uint16_t status)
{
    if (!client->exchange)
        client->exchange = exchange_take(&client->side);
    client_set_state(client, H1_CLIENT_EXCHANGE);
    client->wait = WAIT_NOTHING;
    exchange_refuse(client->exchange, status);
    return STEP_AGAIN;
}

static void client_give_back(struct h1_client *client)
{
    struct worker *worker = client->side.connection->worker;

    loop_task_cancel(&client->again);
    if (worker->h1_clients_free_len >= PROXY_CLIENTS_KEPT) {
        mem_free(client);
        return;
    }
    client->next_free = worker->h1_clients_free;
    worker->h1_clients_free = client;
    worker->h1_clients_free_len++;
}

static enum step head_bad(struct h1_client *client)
{
    struct connection *connection = client->side.connection;

    if (client->parser.fault != H1_FAULT_VERSION ||
        !h2_client_is_meant(connection, iobuf_span(connection->stream.in)))
        return head_refuse(client, h1_fault_status(client->parser.fault));
    exchange_give_back(client->exchange);
    client_give_back(client);
    h2_client_begin(connection);
    connection->ops->advance(connection);
    return STEP_WAIT;
}

static enum step head_step(struct h1_client *client)
{
    struct connection *connection = client->side.connection;
    size_t head_bytes;

    if (!client->exchange)
        client->exchange = exchange_take(&client->side);
    int r = h1_request_parse(&client->parser, iobuf_span(connection->stream.in), &request_limits,
                             client->exchange->request_headers, &client->exchange->request,
                             &head_bytes);
    if (r == H1_OK)
        return exchange_start(client, head_bytes);
    if (r == H1_BAD)
        return head_bad(client);
    if (client->wait != WAIT_HEAD) {
        /* From its first byte on, a head has this long in all, however it trickles. */
        client_set_state(client, H1_CLIENT_HEAD);
        loop_timer_cancel(&connection->timer);
        client_wait_for(client, WAIT_HEAD, connection_header_timeout_ms(connection));
    }
    return head_fill(client);
}

static enum step exchange_step(struct h1_client *client)
{
    exchange_run(client->exchange);
    return exchange_is_over(client->exchange) ? exchange_over(client) : STEP_WAIT;
}

static enum step client_step(struct h1_client *client)
{
    switch ((enum h1_client_state)client->state) {
    case H1_CLIENT_HEAD:
        return head_step(client);
    case H1_CLIENT_EXCHANGE:
        return exchange_step(client);
    case H1_CLIENT_TUNNEL:
        return tunnel_run(client->side.tunnel) == TUNNEL_OVER ? STEP_CLOSE : STEP_WAIT;
    case H1_CLIENT_LINGER:
        return connection_linger(client->side.connection, &client->lingered_bytes) ? STEP_WAIT
                                                                                   : STEP_CLOSE;
    }
    unreachable();
}

static void idle_begin(struct connection *connection)
{
    connection_hand_over(connection, &h1_idle_speaker, NULL);
    connection_set_activity(connection, CONNECTION_WAITING);
}

static void client_advance(struct h1_client *client)
{
    struct connection *connection = client->side.connection;

    for (unsigned steps = 0; steps < PROXY_CLIENT_BURST; steps++) {
        switch (client_step(client)) {
        case STEP_AGAIN:
            continue;
        case STEP_WAIT:
            return;
        case STEP_IDLE:
            client_give_back(client);
            idle_begin(connection);
            return;
        case STEP_CLOSE:
            connection_close(connection);
            return;
        }
    }
    loop_task_queue(connection->worker->loop, &client->again);
}

/* ---- as speaker on its connection ---- */

static void speaker_advance(struct connection *connection)
{
    client_advance(client_of(connection));
}

static void speaker_on_timeout(struct connection *connection)
{
    struct h1_client *client = client_of(connection);

    switch ((enum client_wait)client->wait) {
    case WAIT_NOTHING:
        return; /* armed for what is over by now */
    case WAIT_HEAD:
        head_refuse(client, 408);
        client_advance(client);
        return;
    case WAIT_NEXT_HEAD:
    case WAIT_LINGER:
        break;
    }
    connection_close(connection);
}

static void speaker_close_idle(struct connection *connection)
{
    if (client_of(connection)->state == H1_CLIENT_LINGER)
        connection_close(connection);
}

static void speaker_end(struct connection *connection)
{
    struct h1_client *client = client_of(connection);

    if (client->exchange) {
        if (client->state == H1_CLIENT_EXCHANGE)
            exchange_end(client->exchange);
        else
            exchange_give_back(client->exchange);
    }
    client->side.tunnel = tunnel_end(client->side.tunnel);
    client_give_back(client);
}

static const struct speaker_ops h1_client_speaker = {
    .advance = speaker_advance,
    .on_timeout = speaker_on_timeout,
    .close_idle = speaker_close_idle,
    .end = speaker_end,
};

/* ---- as side of its exchange ---- */

static void side_advance(struct downstream *side)
{
    client_advance(container_of(side, struct h1_client, side));
}

/* One that said its end and is only waiting is gone, as ingress-nginx sees it. */
static bool side_is_gone(const struct downstream *side, bool waits)
{
    const struct stream *stream = &side->connection->stream;

    return stream->error || (waits && stream->peer_ended);
}

static bool side_can_take_interim(const struct downstream *side)
{
    return !stream_has_output(&side->connection->stream);
}

static struct iobuf *side_head_room(struct downstream *side, size_t bytes)
{
    return stream_out_room(&side->connection->stream, bytes);
}

static void side_head_end(struct downstream *side, uint16_t status, enum http_body_kind body)
{
    (void)status;
    stream_sink_init(&container_of(side, struct h1_client, side)->sink, &side->connection->stream,
                     body);
}

/* The client judges by itself what its backend agreed to. */
static bool side_takes_upgrade(struct downstream *side, const struct http_head *answer)
{
    (void)side, (void)answer;
    return true;
}

static void side_tunnel_begin(struct downstream *side)
{
    struct h1_client *client = container_of(side, struct h1_client, side);
    struct stream *stream = &side->connection->stream;

    stream_source_init_raw(&client->source, stream);
    stream_sink_init_raw(&client->sink, stream);
}

static const struct downstream_ops h1_client_side = {
    .advance = side_advance,
    .is_gone = side_is_gone,
    .can_take_interim = side_can_take_interim,
    .head_room = side_head_room,
    .head_end = side_head_end,
    .takes_upgrade = side_takes_upgrade,
    .tunnel_begin = side_tunnel_begin,
};

/* ---- its beginning ---- */

static void client_on_again(struct loop_task *task)
{
    client_advance(container_of(task, struct h1_client, again));
}

static struct h1_client *client_take(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct h1_client *client = worker->h1_clients_free;

    if (client) {
        worker->h1_clients_free = client->next_free;
        worker->h1_clients_free_len--;
    } else {
        client = mem_alloc_zero(sizeof(*client));
    }
    client->side = (struct downstream){ .ops = &h1_client_side,
                                        .connection = connection,
                                        .source = &client->source.base,
                                        .sink = &client->sink.base };
    client->exchange = NULL;
    client->wait = WAIT_NEXT_HEAD;
    loop_task_init(&client->again, client_on_again);
    connection_hand_over(connection, &h1_client_speaker, client);
    return client;
}

void h1_clients_deinit(struct worker *worker)
{
    while (worker->h1_clients_free) {
        struct h1_client *client = worker->h1_clients_free;

        worker->h1_clients_free = client->next_free;
        mem_free(client);
    }
}

/* ---- between exchanges: nothing but the connection and its timer ---- */

static void idle_advance(struct connection *connection)
{
    struct stream *stream = &connection->stream;
    int r = iobuf_len(stream->in) > 0 ? STREAM_OK : stream_fill(stream);

    switch ((enum stream_result)r) {
    case STREAM_OK: {
        struct h1_client *client = client_take(connection);
        head_begin(client);
        client_advance(client);
        return;
    }
    case STREAM_WAIT:
        stream_relax(stream);
        return;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    connection_close(connection);
}

static void idle_end(struct connection *connection)
{
    (void)connection; /* there is nothing to free */
}

static const struct speaker_ops h1_idle_speaker = {
    .advance = idle_advance,
    .on_timeout = connection_close,
    .close_idle = connection_close,
    .end = idle_end,
};

void h1_client_begin(struct connection *connection)
{
    idle_begin(connection);
    loop_timer_set(connection->worker->loop, &connection->timer,
                   connection_header_timeout_ms(connection));
}

void h1_client_refuse(struct connection *connection, uint16_t status)
{
    struct h1_client *client = client_take(connection);

    head_refuse(client, status);
    client_advance(client);
}
