#include "proxy/exchange.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/answer.h"
#include "proxy/attempt.h"
#include "proxy/client.h"
#include "proxy/limits.h"
#include "proxy/origin.h"
#include "proxy/response_head.h"
#include "proxy/routing.h"
#include "proxy/worker.h"

enum { EXCHANGES_KEPT = 128 };

static void exchange_on_timeout(struct loop_timer *timer);
static void exchange_on_again(struct loop_task *task);

struct exchange *exchange_take(struct client *client)
{
    struct worker *worker = client->worker;
    struct exchange *exchange = worker->exchanges_free;

    if (exchange) {
        worker->exchanges_free = exchange->next_free;
        worker->exchanges_free_len--;
    } else {
        exchange = mem_alloc(sizeof(*exchange));
    }
    memset(exchange, 0, offsetof(struct exchange, host_text));
    exchange->worker = worker;
    exchange->client = client;
    loop_timer_init(&exchange->timer, exchange_on_timeout);
    loop_task_init(&exchange->again, exchange_on_again);
    resolver_query_init(&exchange->query, NULL);
    return exchange;
}

void exchange_give_back(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;

    if (worker->exchanges_free_len >= EXCHANGES_KEPT) {
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

/* A body that came with the head is kept with it, so that another try can send it again. What lies
 * behind (a pipelined request, the beginning of a longer body) is the connection's. */
static void body_divide(struct exchange *exchange, size_t head_bytes)
{
    struct iobuf *buf = exchange->head_buf;
    struct stream *stream = &exchange->client->stream;
    struct span rest = span_from(iobuf_span(buf), head_bytes);
    const struct http_head *request = &exchange->request;

    exchange->body_is_whole =
        request->body == HTTP_BODY_NONE ||
        (request->body == HTTP_BODY_LENGTH && request->content_length <= rest.len &&
         request->content_length <= PROXY_WHOLE_BODY_BYTES_MAX);
    if (exchange->body_is_whole && request->body == HTTP_BODY_LENGTH) {
        exchange->whole_body = span_upto(rest, request->content_length);
        rest = span_from(rest, exchange->whole_body.len);
    }
    if (rest.len == 0)
        return;
    stream->in =
        buf->cap > PROXY_BUFFER_BYTES ? iobuf_take_large(stream->pool) : iobuf_take(stream->pool);
    iobuf_append(stream->in, rest);
}

/* `Upgrade: h2c` is never passed on: it walks around path rules (RFC 9113 dropped it). An upgrade
 * together with a body is not one that we know. */
static bool upgrade_is_wanted(const struct http_head *request)
{
    return request->upgrades && request->body == HTTP_BODY_NONE && request->version_minor >= 1 &&
           !http_list_has(request->upgrade, SPAN("h2c"));
}

void exchange_begin(struct exchange *exchange, struct iobuf *head_buf, size_t head_bytes)
{
    struct worker *worker = exchange->worker;
    struct client *client = exchange->client;
    const struct http_head *request = &exchange->request;

    exchange->head_buf = head_buf;
    exchange->request_head_bytes = head_bytes;
    exchange->start_us = loop_now_us(worker->loop);
    exchange->view = worker->view ? image_view_ref(worker->view) : NULL;
    exchange->is_health = client->listener_kind == PROC_LISTEN_HEALTH;
    exchange->upgrade_asked = upgrade_is_wanted(request);
    exchange->client_may_keep = request->keep_alive && !worker->draining;
    if (exchange->view && !exchange->is_health) {
        const struct image_settings *settings = image_settings_get(exchange->view);
        if (settings->keep_alive_ms == 0 || client->requests >= settings->keep_alive_requests)
            exchange->client_may_keep = false;
    }
    body_divide(exchange, head_bytes);
    exchange->wants_continue = request->expects_continue && !exchange->body_is_whole;
    stats_add(&worker->stats->requests, 1);
    routing_run(exchange);
}

void exchange_refuse(struct exchange *exchange, uint16_t status)
{
    exchange->start_us = loop_now_us(exchange->worker->loop);
    exchange->request = (struct http_head){ .version_minor = 1 };
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

static void local_answer_flush(struct exchange *exchange)
{
    switch ((enum stream_result)stream_flush(&exchange->client->stream)) {
    case STREAM_OK:
        exchange_set_state(exchange, EXCHANGE_DONE);
        return;
    case STREAM_WAIT:
        client_wait_for(exchange->client, CLIENT_WAIT_SEND, PROXY_CLIENT_SEND_TIMEOUT_MS);
        return;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    exchange_abort(exchange, exchange->status);
}

/* A client that went away before its answer came gets none, and its backend is spared the work. One
 * that only said its end is gone as long as no answer was begun, as ingress-nginx sees it. */
static bool client_is_gone(const struct exchange *exchange)
{
    const struct stream *client = &exchange->client->stream;

    return client->error || (client->peer_ended && exchange->status == 0 &&
                             (exchange->body_is_whole || exchange->request_is_sent));
}

static bool is_over(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_DONE || exchange->state == EXCHANGE_ABORTED;
}

void exchange_run(struct exchange *exchange)
{
    if (!is_over(exchange) && client_is_gone(exchange)) {
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
            local_answer_flush(exchange);
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
    client_advance(container_of(task, struct exchange, again)->client);
}

static void exchange_on_timeout(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);

    if (attempt_on_timeout(exchange))
        client_advance(exchange->client);
}

void exchange_client_timed_out(struct exchange *exchange)
{
    if (exchange->status == 0 && exchange->state == EXCHANGE_SENDING)
        exchange_respond(exchange, 408, SPAN_EMPTY);
    else
        exchange_abort(exchange, 408);
}

struct access_record exchange_record(struct exchange *exchange)
{
    struct client *client = exchange->client;
    const struct image_rule *rule = exchange->rule;
    const struct image_service *service = exchange->service;
    const struct image_view *view = exchange->view;
    struct access_record record = {
        .request = &exchange->request,
        .client_ip = span_of(exchange->origin.ip_text, exchange->origin.ip_text_len),
        .peer_ip = client->ip,
        .client_port = client->port,
        .server_port = client->listener_port,
        .scheme = exchange->origin.scheme,
        .host = exchange->host,
        .path = exchange->path,
        .query = exchange->target.query,
        .request_id = exchange->request_id_text,
        .status = exchange->status,
        .request_bytes =
            exchange->request_head_bytes + exchange->whole_body.len + exchange->request_pump.bytes,
        .response_head_bytes = exchange->response_head_bytes,
        .response_bytes = exchange->response_bytes,
        .tries = exchange->tried,
        .tries_len = exchange->tried_len,
        .connection_requests = client->requests,
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
    if (client->stream.tls) {
        record.tls_protocol = tls_codec_protocol(client->stream.tls);
        record.tls_cipher = tls_codec_cipher(client->stream.tls);
        record.tls_server_name = tls_codec_server_name(client->stream.tls);
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
                         exchange->status, duration_us,
                         exchange->request_head_bytes + exchange->whole_body.len +
                             exchange->request_pump.bytes,
                         sent);
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
    if (!is_over(exchange))
        exchange_abort(exchange, 499);
    if (!exchange->client->tunnel)
        exchange_count(exchange);
    loop_timer_cancel(&exchange->timer);
    loop_task_cancel(&exchange->again);
    resolver_query_cancel(&exchange->query);
    iobuf_put(&exchange->worker->buffers, exchange->head_buf);
    image_view_unref(exchange->view);
    exchange_give_back(exchange);
}
