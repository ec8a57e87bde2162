#include "proxy/exchange/exchange.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/body/compress_sink.h"
#include "proxy/client/connection.h"
#include "proxy/exchange/answer.h"
#include "proxy/exchange/attempt.h"
#include "proxy/exchange/client_auth.h"
#include "proxy/exchange/grpc.h"
#include "proxy/exchange/origin.h"
#include "proxy/exchange/response_head.h"
#include "proxy/exchange/routing.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

static void exchange_on_timeout(struct loop_timer *timer);
static void exchange_on_client_timeout(struct loop_timer *timer);
static void exchange_on_again(struct loop_task *task);

struct exchange *exchange_take(struct downstream *client)
{
    struct worker *worker = client->connection->worker;
    struct exchange *exchange = worker->exchanges_free;

    if (exchange) {
        worker->exchanges_free = exchange->next_free;
        worker->exchanges_free_len--;
    } else {
        exchange = mem_alloc(sizeof(*exchange));
    }
    memset(exchange, 0, offsetof(struct exchange, request));
    exchange->worker = worker;
    exchange->client = client;
    loop_timer_init(&exchange->timer, exchange_on_timeout);
    loop_timer_init(&exchange->client_timer, exchange_on_client_timeout);
    loop_task_init(&exchange->again, exchange_on_again);
    resolver_query_init(&exchange->query, NULL);
    return exchange;
}

void exchange_give_back(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;

    if (worker->exchanges_free_len >= PROXY_EXCHANGES_KEPT) {
        mem_free(exchange);
        return;
    }
    exchange->next_free = worker->exchanges_free;
    worker->exchanges_free = exchange;
    worker->exchanges_free_len++;
}

void exchange_set_state(struct exchange *exchange, enum exchange_state state)
{
    invariant(exchange->state != EXCHANGE_DONE && exchange->state != EXCHANGE_ABORTED);
    exchange->state = state;
}

/* `Upgrade: h2c` is never passed on: it walks around path rules (RFC 9113 dropped it). An upgrade
 * together with a body is not one that we know. */
static bool upgrade_is_wanted(const struct http_head *request)
{
    return request->upgrades && request->body == HTTP_BODY_NONE && http_head_is_1_1(request) &&
           !http_list_has(request->upgrade, SPAN("h2c"));
}

void exchange_begin(struct exchange *exchange, struct iobuf *head_buf, size_t head_bytes)
{
    struct worker *worker = exchange->worker;
    const struct connection *connection = exchange->client->connection;
    const struct http_head *request = &exchange->request;

    exchange->head_buf = head_buf;
    exchange->request_head_bytes = head_bytes;
    exchange->start_us = loop_now_us(worker->loop);
    exchange->view = worker->view ? image_view_ref(worker->view) : NULL;
    exchange->is_health = connection->listener_kind == PROC_LISTEN_HEALTH;
    exchange->upgrade_asked = upgrade_is_wanted(request);
    exchange->is_grpc = grpc_is_request(request);
    exchange->client_may_keep = request->keep_alive && !worker->draining;
    if (exchange->view && !exchange->is_health) {
        const struct image_settings *settings = image_settings_get(exchange->view);
        if (settings->keep_alive_ms == 0 || connection->requests >= settings->keep_alive_requests)
            exchange->client_may_keep = false;
    }
    exchange->wants_continue = request->expects_continue && !exchange->body_is_whole;
    stats_add(&worker->stats->requests, 1);
    routing_run(exchange);
}

void exchange_refuse(struct exchange *exchange, uint16_t status)
{
    exchange->start_us = loop_now_us(exchange->worker->loop);
    bool is_http_1 = exchange->client->head_form == HEAD_WHOLE;
    exchange->request = (struct http_head){ .version_major = is_http_1 ? 1 : 2,
                                            .version_minor = is_http_1 ? 1 : 0 };
    origin_find(exchange);
    exchange->body_is_whole = true;
    exchange->client_may_keep = false;
    stats_add(&exchange->worker->stats->bad_requests, 1);
    exchange_respond(exchange, status, SPAN_EMPTY);
}

void exchange_respond(struct exchange *exchange, uint16_t status, struct span extra)
{
    if (exchange->upstream)
        attempt_release(exchange, false);
    if (exchange->status != 0) {
        exchange_abort(exchange, exchange->status);
        return;
    }
    /* A body that nobody will read ends the connection. */
    if (!exchange->body_is_whole || exchange->worker->draining)
        exchange->client_may_keep = false;
    exchange->answer_is_local = true;
    exchange_set_state(exchange, EXCHANGE_RESPONDING);
    response_local_write(exchange, status, extra);
    exchange_run(exchange);
}

void exchange_abort(struct exchange *exchange, uint16_t status)
{
    attempt_release(exchange, false);
    if (exchange->status == 0)
        exchange->status = status;
    exchange_set_state(exchange, EXCHANGE_ABORTED);
}

void exchange_wait_for_client(struct exchange *exchange, enum exchange_wait wait,
                              uint64_t timeout_ms)
{
    exchange->client_wait = wait;
    if (wait != EXCHANGE_WAIT_NOTHING)
        loop_timer_set(exchange->worker->loop, &exchange->client_timer, timeout_ms);
}

static void local_answer_send(struct exchange *exchange)
{
    switch ((enum pump_result)pump_run(&exchange->response_pump)) {
    case PUMP_DONE:
        exchange_set_state(exchange, EXCHANGE_DONE);
        return;
    case PUMP_WAIT_SINK:
        exchange_wait_for_client(exchange, EXCHANGE_WAIT_SEND, PROXY_CLIENT_SEND_TIMEOUT_MS);
        return;
    case PUMP_AGAIN:
        loop_task_queue(exchange->worker->loop, &exchange->again);
        return;
    case PUMP_WAIT_SOURCE:
    case PUMP_SOURCE_BAD:
    case PUMP_SOURCE_ENDED:
    case PUMP_SOURCE_FAILED:
    case PUMP_SINK_FAILED:
    case PUMP_TOO_LARGE:
        break;
    }
    exchange_abort(exchange, exchange->status);
}

/* A client that went away before its answer came gets none, and its backend is spared the work. */
static bool client_is_gone(const struct exchange *exchange)
{
    bool unanswered =
        exchange->status == 0 && (exchange->body_is_whole || exchange->request_is_sent);

    return exchange->client->ops->is_gone(exchange->client, unanswered);
}

void exchange_run(struct exchange *exchange)
{
    if (!exchange_is_over(exchange) && client_is_gone(exchange)) {
        exchange_abort(exchange, 499);
        return;
    }
    switch (exchange->state) {
    case EXCHANGE_CONNECTING:
        attempt_connect(exchange);
        return;
    case EXCHANGE_SENDING:
        attempt_send(exchange);
        if (exchange->state == EXCHANGE_SENDING && exchange->upstream)
            answer_read_head(exchange);
        return;
    case EXCHANGE_RESPONDING:
        if (exchange->answer_is_local) {
            local_answer_send(exchange);
            return;
        }
        attempt_send(exchange);
        if (exchange->state == EXCHANGE_RESPONDING)
            answer_pump(exchange);
        return;
    case EXCHANGE_RESOLVING:
    case EXCHANGE_ROUTING:
    case EXCHANGE_DONE:
    case EXCHANGE_ABORTED:
        return;
    }
}

static void exchange_on_again(struct loop_task *task)
{
    struct downstream *client = container_of(task, struct exchange, again)->client;

    client->ops->advance(client);
}

static void exchange_on_timeout(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);

    if (attempt_on_timeout(exchange))
        exchange->client->ops->advance(exchange->client);
}

/* The client takes no more, or sends no more: 408 where it can still be said. */
static void exchange_on_client_timeout(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, client_timer);

    if (exchange->client_wait == EXCHANGE_WAIT_NOTHING)
        return; /* armed for what is over by now */
    if (exchange->status == 0 && exchange->state == EXCHANGE_SENDING)
        exchange_respond(exchange, 408, SPAN_EMPTY);
    else
        exchange_abort(exchange, 408);
    exchange->client->ops->advance(exchange->client);
}

static uint64_t request_bytes(const struct exchange *exchange)
{
    return exchange->request_head_bytes +
           (exchange->body_is_whole ? exchange->whole_body.len : exchange->request_pump.bytes);
}

struct access_record exchange_record(struct exchange *exchange)
{
    const struct connection *connection = exchange->client->connection;
    const struct image_rule *rule = exchange->rule;
    const struct image_service *service = exchange->service;
    const struct image_view *view = exchange->view;
    struct access_record record = {
        .request = &exchange->request,
        .client_ip = span_of(exchange->origin.ip_text, exchange->origin.ip_text_len),
        .peer_ip = connection->peer_ip,
        .proxied_ip = connection_proxied_ip(connection),
        .client_port = connection->port,
        .server_port = connection->listener_port,
        .scheme = exchange->origin.scheme,
        .host = exchange->host,
        .path = exchange->path,
        .query = exchange->target.query,
        .request_id = exchange->request_id_text,
        .status = exchange->status,
        .request_bytes = request_bytes(exchange),
        .response_head_bytes = exchange->response_head_bytes,
        .response_bytes = exchange->response_bytes,
        .tries = exchange->tried,
        .tries_len = exchange->tried_len,
        .connection_requests = connection->requests,
    };

    if (rule) {
        record.namespace = image_str_get(view, rule->namespace);
        record.ingress = image_str_get(view, rule->ingress);
    }
    if (service) {
        record.service = image_str_get(view, service->name);
        record.service_port = image_str_get(view, service->port);
        record.upstream_name = image_str_get(view, service->upstream_name);
    }
    if (connection->stream.tls) {
        record.tls_protocol = tls_codec_protocol(connection->stream.tls);
        record.tls_cipher = tls_codec_cipher(connection->stream.tls);
        record.tls_server_name = tls_codec_server_name(connection->stream.tls);
        client_auth_record(exchange, &record.tls_client);
    }
    return record;
}

static void exchange_count(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    uint64_t duration_us = loop_now_us(worker->loop) - exchange->start_us;

    if (exchange->rule) {
        uint64_t sent = exchange->response_head_bytes + exchange->response_bytes;
        stats_slot_count(stats_writer_slot(worker->slots, exchange->rule->metric_id),
                         exchange->status, duration_us, request_bytes(exchange), sent);
    }
    if (worker->access_log.enabled && !exchange->is_health) {
        struct access_record record = exchange_record(exchange);

        record.duration_us = duration_us;
        record.wall_ns = clock_wall_ns();
        access_log_add(&worker->access_log, &record);
    }
}

void exchange_end(struct exchange *exchange)
{
    if (!exchange_is_over(exchange))
        exchange_abort(exchange, 499);
    if (!exchange->client->tunnel)
        exchange_count(exchange);
    loop_timer_cancel(&exchange->timer);
    loop_timer_cancel(&exchange->client_timer);
    loop_task_cancel(&exchange->again);
    resolver_query_cancel(&exchange->query);
    compress_sink_free(exchange->compressor);
    iobuf_put(&exchange->worker->buffers, exchange->head_buf);
    if (exchange->identity)
        client_identity_unref(exchange->identity);
    image_view_unref(exchange->view);
    exchange_give_back(exchange);
}
