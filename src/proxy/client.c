#include "proxy/client.h"

#include "base/mem.h"
#include "proxy/limits.h"
#include "proxy/tunnel.h"
#include "proxy/worker.h"
#include "route/model.h"

/* Exchanges that one connection completes in a row before others get their turn. */
enum { CLIENT_BURST = 64 };

static const struct h1_limits request_limits = {
    .head_bytes = PROXY_HEAD_BYTES_MAX,
    .target_bytes = PROXY_TARGET_BYTES_MAX,
    .headers = PROXY_HEADERS_MAX,
};

/* The gauge that a connection in this state counts for, by nginx's words. */
static uint64_t *client_gauge(const struct client *client)
{
    struct stats_page *stats = client->worker->stats;

    switch ((enum client_state)client->state) {
    case CLIENT_IDLE:
        return &stats->connections_waiting;
    case CLIENT_HANDSHAKE:
    case CLIENT_HEAD:
        return &stats->connections_reading;
    case CLIENT_EXCHANGE:
    case CLIENT_TUNNEL:
    case CLIENT_LINGER:
        return &stats->connections_writing;
    }
    unreachable();
}

static void client_set_state(struct client *client, enum client_state state)
{
    stats_sub(client_gauge(client), 1);
    client->state = (uint8_t)state;
    stats_add(client_gauge(client), 1);
}

static void client_on_events(struct loop_watch *watch, uint32_t events)
{
    struct client *client = container_of(watch, struct client, stream.watch);

    stream_note_events(&client->stream, events);
    client_advance(client);
}

static uint64_t header_timeout_ms(const struct worker *worker)
{
    return worker->view ? image_settings_get(worker->view)->client_header_timeout_ms
                        : route_settings_default().client_header_timeout_ms;
}

static uint64_t keep_alive_ms(const struct worker *worker)
{
    return worker->view ? image_settings_get(worker->view)->keep_alive_ms
                        : route_settings_default().keep_alive_ms;
}

void client_wait_for(struct client *client, enum client_wait wait, uint64_t timeout_ms)
{
    client->wait = (uint8_t)wait;
    if (wait != CLIENT_WAIT_NOTHING)
        loop_timer_set(client->worker->loop, &client->timer, timeout_ms);
}

static void client_on_timeout(struct loop_timer *timer)
{
    struct client *client = container_of(timer, struct client, timer);

    switch ((enum client_wait)client->wait) {
    case CLIENT_WAIT_NOTHING:
        return; /* armed for what is over by now */
    case CLIENT_WAIT_BODY:
    case CLIENT_WAIT_SEND:
        if (client->state == CLIENT_EXCHANGE) {
            exchange_client_timed_out(client->exchange);
            client_advance(client);
            return;
        }
        break;
    case CLIENT_WAIT_HEAD:
        client->exchange = client->exchange ? client->exchange : exchange_take(client);
        client_set_state(client, CLIENT_EXCHANGE);
        client->wait = CLIENT_WAIT_NOTHING;
        exchange_refuse(client->exchange, 408);
        client_advance(client);
        return;
    case CLIENT_WAIT_HANDSHAKE:
    case CLIENT_WAIT_FIRST_HEAD:
    case CLIENT_WAIT_NEXT_HEAD:
    case CLIENT_WAIT_LINGER:
        break;
    }
    client_close(client);
}

static struct tls_context *context_choose(void *ctx, struct span server_name)
{
    struct worker *worker = ctx;

    return certificates_choose(&worker->certificates, worker->view, server_name);
}

/* False: there is nothing to show in a handshake. */
static bool tls_begin(struct client *client)
{
    struct worker *worker = client->worker;
    struct tls_context *initial =
        worker->view ? certificates_choose(&worker->certificates, worker->view, SPAN_EMPTY) : NULL;

    if (!initial)
        return false;
    client->stream.tls = tls_codec_new(initial, context_choose, worker);
    client_set_state(client, CLIENT_HANDSHAKE);
    client_wait_for(client, CLIENT_WAIT_HANDSHAKE, PROXY_TLS_HANDSHAKE_TIMEOUT_MS);
    return true;
}

static void client_on_again(struct loop_task *task)
{
    client_advance(container_of(task, struct client, again));
}

void client_accept(struct worker *worker, int fd, const struct net_peer *peer,
                   const struct proc_listener *listener)
{
    struct client *client = mem_alloc_zero(sizeof(*client));

    client->worker = worker;
    client->ip = peer->ip;
    client->port = peer->port;
    client->listener_kind = (uint8_t)listener->kind;
    client->listener_port = listener->port;
    client->state = CLIENT_IDLE;
    loop_timer_init(&client->timer, client_on_timeout);
    loop_task_init(&client->again, client_on_again);
    if (stream_init(&client->stream, worker->loop, &worker->buffers, fd, client_on_events) < 0) {
        mem_free(client);
        return;
    }
    client->stream.may_write = true;
    list_push_back(&worker->clients, &client->link);
    worker->clients_len++;
    stats_add(&worker->stats->connections_handled, 1);
    stats_add(&worker->stats->connections_active, 1);
    stats_add(client_gauge(client), 1);
    client_wait_for(client, CLIENT_WAIT_FIRST_HEAD, header_timeout_ms(worker));
    if (client_is_tls(client) && !tls_begin(client))
        client_close(client);
}

void client_close(struct client *client)
{
    struct worker *worker = client->worker;

    if (client->exchange) {
        if (client->state == CLIENT_EXCHANGE)
            exchange_end(client->exchange);
        else
            exchange_give_back(client->exchange);
    }
    client->tunnel = tunnel_end(client->tunnel);
    loop_timer_cancel(&client->timer);
    loop_task_cancel(&client->again);
    stream_close(&client->stream);
    list_remove(&client->link);
    worker->clients_len--;
    stats_sub(&worker->stats->connections_active, 1);
    stats_sub(client_gauge(client), 1);
    loop_defer_free(worker->loop, client);
}

/* ---- the steps of client_advance(): each returns whether to go on with the next ---- */

enum step { STEP_AGAIN, STEP_WAIT, STEP_CLOSE };

/* Whoever speaks HTTP to the TLS port is told so in HTTP. */
static enum step plain_http_refuse(struct client *client)
{
    struct stream *stream = &client->stream;

    if (!tls_codec_saw_plain_http(stream->tls))
        return STEP_CLOSE;
    stream->tls = tls_codec_free(stream->tls);
    stream->error = 0;
    stream->may_read = stream->may_write = true;
    client->exchange = exchange_take(client);
    client_set_state(client, CLIENT_EXCHANGE);
    client->wait = CLIENT_WAIT_NOTHING;
    exchange_refuse(client->exchange, 400);
    return STEP_AGAIN;
}

static enum step handshake_step(struct client *client)
{
    switch ((enum stream_result)stream_fill(&client->stream)) {
    case STREAM_OK:
    case STREAM_WAIT:
        break;
    case STREAM_END:
    case STREAM_FAILED:
        if (client->stream.handshake_done)
            break; /* it came to say no more than that, as probes do */
        stats_add(&client->worker->stats->tls_handshake_failures, 1);
        return plain_http_refuse(client);
    }
    if (!client->stream.handshake_done)
        return STEP_WAIT;
    stats_add(&client->worker->stats->tls_handshakes, 1);
    client_set_state(client, CLIENT_IDLE);
    client_wait_for(client, CLIENT_WAIT_FIRST_HEAD, header_timeout_ms(client->worker));
    return STEP_AGAIN;
}

/* Reads more of a head. */
static enum step head_fill(struct client *client)
{
    struct stream *stream = &client->stream;

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

static enum step idle_step(struct client *client)
{
    if (iobuf_len(client->stream.in) == 0) {
        enum step step = head_fill(client);
        if (step != STEP_AGAIN)
            return step;
    }
    client_set_state(client, CLIENT_HEAD);
    client->parser = (struct h1_parser){ 0 };
    return STEP_AGAIN;
}

static enum step exchange_start(struct client *client, size_t head_bytes)
{
    struct iobuf *head_buf = client->stream.in;

    client->stream.in = NULL;
    client_set_state(client, CLIENT_EXCHANGE);
    client->wait = CLIENT_WAIT_NOTHING;
    client->requests++;
    exchange_begin(client->exchange, head_buf, head_bytes);
    return STEP_AGAIN;
}

static enum step head_step(struct client *client)
{
    size_t head_bytes;

    if (!client->exchange)
        client->exchange = exchange_take(client);
    int r = h1_request_parse(&client->parser, iobuf_span(client->stream.in), &request_limits,
                             client->exchange->request_headers, &client->exchange->request,
                             &head_bytes);
    if (r == H1_OK)
        return exchange_start(client, head_bytes);
    if (r == H1_BAD) {
        client_set_state(client, CLIENT_EXCHANGE);
        client->wait = CLIENT_WAIT_NOTHING;
        exchange_refuse(client->exchange, h1_fault_status(client->parser.fault));
        return STEP_AGAIN;
    }
    if (client->wait != CLIENT_WAIT_HEAD) {
        /* From its first byte on, a head has this long in all, however it trickles. */
        loop_timer_cancel(&client->timer);
        client_wait_for(client, CLIENT_WAIT_HEAD, header_timeout_ms(client->worker));
    }
    return head_fill(client);
}

static void linger_begin(struct client *client)
{
    client_set_state(client, CLIENT_LINGER);
    client->lingered_bytes = 0;
    stream_end_output(&client->stream);
    loop_timer_cancel(&client->timer);
    client_wait_for(client, CLIENT_WAIT_LINGER, PROXY_LINGER_MS);
}

static enum step exchange_over(struct client *client)
{
    struct exchange *exchange = client->exchange;
    bool aborted = exchange->state == EXCHANGE_ABORTED;
    bool may_keep = exchange->client_may_keep;

    exchange_end(exchange);
    client->exchange = NULL;
    client->wait = CLIENT_WAIT_NOTHING;
    if (aborted)
        return STEP_CLOSE;
    if (client->tunnel) {
        client_set_state(client, CLIENT_TUNNEL);
        return STEP_AGAIN;
    }
    if (!may_keep) {
        linger_begin(client);
        return STEP_AGAIN;
    }
    client_set_state(client, CLIENT_IDLE);
    client_wait_for(client, CLIENT_WAIT_NEXT_HEAD, keep_alive_ms(client->worker));
    return STEP_AGAIN;
}

static enum step exchange_step(struct client *client)
{
    exchange_run(client->exchange);
    switch (client->exchange->state) {
    case EXCHANGE_DONE:
    case EXCHANGE_ABORTED:
        return exchange_over(client);
    case EXCHANGE_ROUTING:
    case EXCHANGE_RESOLVING:
    case EXCHANGE_CONNECTING:
    case EXCHANGE_SENDING:
    case EXCHANGE_RESPONDING:
        break;
    }
    return STEP_WAIT;
}

static enum step linger_step(struct client *client)
{
    struct stream *stream = &client->stream;

    for (;;) {
        client->lingered_bytes += (uint32_t)iobuf_len(stream->in);
        if (stream->in)
            stream->in = iobuf_put(stream->pool, stream->in);
        if (client->lingered_bytes > PROXY_LINGER_BYTES_MAX)
            return STEP_CLOSE;
        int r = stream_fill(stream);
        if (r != STREAM_OK)
            return r == STREAM_WAIT ? STEP_WAIT : STEP_CLOSE;
    }
}

static enum step client_step(struct client *client)
{
    switch ((enum client_state)client->state) {
    case CLIENT_HANDSHAKE:
        return handshake_step(client);
    case CLIENT_IDLE:
        return idle_step(client);
    case CLIENT_HEAD:
        return head_step(client);
    case CLIENT_EXCHANGE:
        return exchange_step(client);
    case CLIENT_TUNNEL:
        return tunnel_run(client->tunnel) == TUNNEL_OVER ? STEP_CLOSE : STEP_WAIT;
    case CLIENT_LINGER:
        return linger_step(client);
    }
    unreachable();
}

void client_advance(struct client *client)
{
    for (unsigned steps = 0; steps < 4 * CLIENT_BURST; steps++) {
        switch (client_step(client)) {
        case STEP_AGAIN:
            continue;
        case STEP_WAIT:
            return;
        case STEP_CLOSE:
            client_close(client);
            return;
        }
    }
    loop_task_queue(client->worker->loop, &client->again);
}
