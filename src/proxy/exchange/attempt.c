#include "proxy/exchange/attempt.h"

#include <errno.h>

#include "base/log.h"
#include "net/socket.h"
#include "proxy/client/connection.h"
#include "proxy/exchange/grpc.h"
#include "proxy/exchange/request_head.h"
#include "proxy/exchange/response_head.h"
#include "proxy/limits.h"
#include "proxy/upstream/choose.h"
#include "proxy/upstream/h1_upstream.h"
#include "proxy/upstream/h2_upstream.h"
#include "proxy/worker.h"
#include "route/model.h"

/* The log has room for a few tries: the last entry is used again and again after that. */
static void try_record(struct exchange *exchange, const struct ip_addr *ip, uint16_t port)
{
    if (exchange->tried_len < EXCHANGE_TRIES_LOGGED)
        exchange->tried_len++;
    *exchange_try(exchange) = (struct access_try){
        .ip = *ip, .port = port, .start_us = loop_now_us(exchange->worker->loop)
    };
}

/* Methods that may be repeated without asking anyone (RFC 9110, 9.2.2). */
static bool is_repeatable(const struct exchange *exchange)
{
    switch (exchange->request.method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_PUT:
    case HTTP_DELETE:
    case HTTP_OPTIONS:
    case HTTP_TRACE:
        return true;
    case HTTP_METHOD_OTHER:
    case HTTP_POST:
    case HTTP_PATCH:
    case HTTP_CONNECT:
        break;
    }
    return exchange->policy->retry_on & ROUTE_RETRY_NON_IDEMPOTENT;
}

static void exchange_on_ready(void *owner)
{
    struct exchange *exchange = owner;

    exchange->client->ops->advance(exchange->client);
}

static void on_resolved(struct resolver_query *query)
{
    struct exchange *exchange = container_of(query, struct exchange, query);

    attempt_begin(exchange);
    exchange->client->ops->advance(exchange->client);
}

/* The address of the next endpoint. Returns a resolver_result. */
static int endpoint_find(struct exchange *exchange, struct endpoint **ret_endpoint)
{
    struct worker *worker = exchange->worker;

    if (exchange->is_health) {
        *ret_endpoint = endpoint_get_local(&worker->endpoints, 1, worker->admin_name);
        return RESOLVER_OK;
    }
    const struct choice choice = {
        .service = exchange->service,
        .endpoints = exchange->endpoints,
        .tried = exchange->tried,
        .tried_len = exchange->tried_len,
    };
    return endpoint_choose(worker, &choice, &exchange->query, ret_endpoint);
}

/* What it says of the endpoint, dial.c has noted; and of TLS, told. */
static void connect_failed(struct exchange *exchange, int error)
{
    struct span upstream = exchange->is_health
                               ? SPAN("admin")
                               : image_str_get(exchange->view, exchange->service->upstream_name);

    if (error != -EPROTO)
        log_limited(LOG_WARN, "upstream_connect_failed", F_SPAN("upstream", upstream),
                    F_ERRNO(error));
    attempt_fail(exchange, ATTEMPT_ERROR);
}

/* An answer may take its time, an acknowledgement no longer than a connection: where the wait is longer,
 * the timer fires in between to see whether anyone is there. */
static void wait_at_most(struct exchange *exchange, uint32_t limit_ms)
{
    struct loop *loop = exchange->worker->loop;

    exchange->wait_until_ms = loop_now_ms(loop) + limit_ms;
    loop_timer_set(loop, &exchange->timer, MIN(limit_ms, exchange->policy->connect_timeout_ms));
}

/* What is spoken with the endpoint, as the policy or the Service's port says. */
static enum route_protocol protocol_of(const struct exchange *exchange)
{
    if (exchange->is_health)
        return ROUTE_PROTOCOL_HTTP;
    enum route_protocol protocol = image_protocol_of(exchange->policy, exchange->service);
    if (protocol != ROUTE_PROTOCOL_AUTO_HTTP)
        return protocol;
    return connection_is_tls(exchange->client->connection) ? ROUTE_PROTOCOL_HTTPS
                                                           : ROUTE_PROTOCOL_HTTP;
}

/* Connections of that protocol to the endpoint, with the identity that the policy asks for. False: nobody
 * may connect. */
static bool pool_find(struct exchange *exchange, struct endpoint *endpoint, struct pool **ret_pool,
                      struct tls_context **ret_tls)
{
    enum route_protocol protocol = protocol_of(exchange);
    uint64_t identity = 0;

    *ret_tls = NULL;
    if (protocol_is_tls(protocol) &&
        !backend_tls_find(&exchange->worker->backend_tls, exchange->view,
                          exchange->policy->backend_tls, protocol_is_http2(protocol), &identity,
                          ret_tls))
        return false;
    *ret_pool = pool_get(endpoint, protocol, identity);
    return true;
}

/* A connection, or a stream of one. 0 or -errno. */
static int upstream_take(struct exchange *exchange, struct pool *pool, struct tls_context *tls,
                         struct upstream **ret_upstream)
{
    struct endpoint_table *table = &exchange->worker->endpoints;
    bool probe = !is_repeatable(exchange) || !exchange->body_is_whole;

    if (protocol_is_http2(pool->protocol))
        return h2_upstream_take(table, pool, tls, ret_upstream);
    *ret_upstream = h1_upstream_reuse(pool, probe);
    return *ret_upstream ? 0 : h1_upstream_connect(table, pool, tls, ret_upstream);
}

/* What a call says of its time counts only where the backend speaks what gRPC is carried by: anybody can write a
 * Content-Type. */
static void grpc_note(struct exchange *exchange, const struct pool *pool)
{
    exchange->is_grpc_call = exchange->is_grpc && protocol_is_http2(pool->protocol);
    exchange->grpc_deadline_ms = exchange->is_grpc_call ? grpc_deadline_ms(&exchange->request) : 0;
}

static void try_on(struct exchange *exchange, struct endpoint *endpoint)
{
    struct tls_context *tls;
    struct pool *pool;

    try_record(exchange, &endpoint->ip, endpoint->port);
    exchange->try_was_sent = false;
    if (!pool_find(exchange, endpoint, &pool, &tls)) {
        attempt_fail(exchange, ATTEMPT_UNUSABLE);
        return;
    }
    grpc_note(exchange, pool);
    int r = upstream_take(exchange, pool, tls, &exchange->upstream);
    if (r < 0) {
        connect_failed(exchange, r);
        return;
    }
    upstream_own(exchange->upstream, exchange, exchange_on_ready);
    exchange_set_state(exchange, EXCHANGE_CONNECTING);
    attempt_connect(exchange);
}

void attempt_begin(struct exchange *exchange)
{
    struct endpoint *endpoint;

    exchange->query.on_done = on_resolved;
    switch ((enum resolver_result)endpoint_find(exchange, &endpoint)) {
    case RESOLVER_OK:
        try_on(exchange, endpoint);
        return;
    case RESOLVER_WAIT:
        exchange_set_state(exchange, EXCHANGE_RESOLVING);
        return;
    case RESOLVER_FAILED:
        break;
    }
    attempt_fail(exchange, ATTEMPT_UNRESOLVED);
}

static void request_write(struct exchange *exchange)
{
    struct downstream *client = exchange->client;
    struct body_source *source = client->source;

    request_head_write(exchange);
    if (exchange->request.body == HTTP_BODY_NONE) {
        source = NULL;
    } else if (exchange->body_is_whole) {
        memory_source_init(&exchange->memory, exchange->whole_body);
        source = &exchange->memory.base;
    } else if (exchange->wants_continue) {
        exchange->wants_continue = false;
        response_continue_write(exchange);
        (void)!client->sink->ops->flush(client->sink); /* a failure shows when the body is read */
    }
    pump_init(&exchange->request_pump, source, exchange->upstream->sink);
    exchange->request_pump.bytes_max = exchange->policy->body_bytes_max;
    exchange->request_pump.trailer_passes = request_trailer_passes;
}

void attempt_connect(struct exchange *exchange)
{
    struct upstream *upstream = exchange->upstream;
    int r = upstream->ops->connect(upstream);

    if (r == UPSTREAM_WAIT) {
        if (!loop_timer_is_set(&exchange->timer))
            wait_at_most(exchange, exchange->policy->connect_timeout_ms);
        return;
    }
    if (r < 0) {
        connect_failed(exchange, r);
        return;
    }
    exchange_try(exchange)->connected_us = loop_now_us(exchange->worker->loop);
    request_write(exchange);
    exchange_set_state(exchange, EXCHANGE_SENDING);
    exchange_run(exchange);
}

/* How long the backend may be silent. A call that says when it gives up is not given up before. */
static uint32_t silence_max_ms(const struct exchange *exchange)
{
    return MAX(exchange->policy->read_timeout_ms, exchange->grpc_deadline_ms);
}

/* How long the client may be. The streams of gRPC are silent for as long as both sides have nothing to
 * say, which is the route's matter, and never the client's own. */
static uint32_t client_silence_max_ms(const struct exchange *exchange)
{
    if (!exchange->view)
        return exchange->policy->read_timeout_ms;
    uint32_t limit_ms = image_settings_get(exchange->view)->client_body_timeout_ms;
    return exchange->is_grpc_call ? MAX(limit_ms, exchange->policy->read_timeout_ms) : limit_ms;
}

void attempt_wait_for_answer(struct exchange *exchange)
{
    wait_at_most(exchange, silence_max_ms(exchange));
}

static void request_sent(struct exchange *exchange)
{
    exchange->request_is_sent = true;
    exchange_wait_for_client(exchange, EXCHANGE_WAIT_NOTHING, 0);
    attempt_wait_for_answer(exchange);
}

/* The backend takes no more of it. What it said before may be an answer all the same. */
static void request_broken(struct exchange *exchange)
{
    exchange->request_is_broken = true;
    exchange_wait_for_client(exchange, EXCHANGE_WAIT_NOTHING, 0);
    attempt_wait_for_answer(exchange);
}

void attempt_send(struct exchange *exchange)
{
    if (exchange->request_is_sent || exchange->request_is_broken)
        return;
    exchange->try_was_sent = true;
    int r = pump_run(&exchange->request_pump);
    exchange->body_started = !exchange->body_is_whole && exchange->client->source->begun;
    switch ((enum pump_result)r) {
    case PUMP_DONE:
        request_sent(exchange);
        return;
    case PUMP_WAIT_SOURCE:
        loop_timer_cancel(&exchange->timer);
        exchange_wait_for_client(exchange, EXCHANGE_WAIT_BODY, client_silence_max_ms(exchange));
        return;
    case PUMP_WAIT_SINK:
        exchange_wait_for_client(exchange, EXCHANGE_WAIT_NOTHING, 0);
        wait_at_most(exchange, exchange->policy->send_timeout_ms);
        return;
    case PUMP_AGAIN:
        loop_timer_cancel(&exchange->timer); /* neither side is waited for */
        exchange_wait_for_client(exchange, EXCHANGE_WAIT_NOTHING, 0);
        loop_task_queue(exchange->worker->loop, &exchange->again);
        return;
    case PUMP_SINK_FAILED:
        request_broken(exchange);
        return;
    case PUMP_SOURCE_BAD:
        exchange_respond(exchange, 400, SPAN_EMPTY);
        return;
    case PUMP_TOO_LARGE:
        exchange_respond(exchange, 413, SPAN_EMPTY);
        return;
    case PUMP_SOURCE_ENDED:
    case PUMP_SOURCE_FAILED:
        break;
    }
    exchange_abort(exchange, 499);
}

void attempt_release(struct exchange *exchange, bool reusable)
{
    struct upstream *upstream = exchange->upstream;

    loop_timer_cancel(&exchange->timer);
    if (!upstream)
        return;
    exchange->upstream = NULL;
    exchange_try(exchange)->end_us = loop_now_us(exchange->worker->loop);
    upstream_release(upstream, reusable);
}

static bool is_in_time(const struct exchange *exchange)
{
    uint64_t limit_ms = exchange->policy->retry_timeout_ms;

    return limit_ms == 0 ||
           loop_now_us(exchange->worker->loop) - exchange->tried[0].start_us < limit_ms * 1000;
}

/* 0 of the policy means no limit of its own. */
static uint32_t tries_max(const struct exchange *exchange)
{
    uint32_t tries = exchange->policy->retry_tries;

    return tries == 0 ? PROXY_TRIES_MAX : MIN(tries, (uint32_t)PROXY_TRIES_MAX);
}

/* The call is given up by its client, or is about to be. */
static bool is_past_deadline(const struct exchange *exchange)
{
    uint64_t deadline_ms = exchange->grpc_deadline_ms;

    return deadline_ms > 0 &&
           loop_now_us(exchange->worker->loop) - exchange->start_us >= (deadline_ms - 1) * 1000;
}

static bool may_try_again(struct exchange *exchange, enum attempt_failure failure, bool was_stale)
{
    uint32_t condition = failure == ATTEMPT_TIMED_OUT ? ROUTE_RETRY_TIMEOUT : ROUTE_RETRY_ERROR;

    if (failure == ATTEMPT_BAD_ANSWER || failure == ATTEMPT_UNRESOLVED ||
        failure == ATTEMPT_UNUSABLE)
        return false;
    if (exchange->body_started || exchange->status != 0 || is_past_deadline(exchange))
        return false;
    if (exchange->try_was_sent && failure != ATTEMPT_REFUSED && !is_repeatable(exchange))
        return false;
    if ((was_stale || failure == ATTEMPT_REFUSED) &&
        exchange->stale_tries < PROXY_STALE_TRIES_MAX) {
        exchange->stale_tries++;
        return true;
    }
    exchange->tries++;
    return (exchange->policy->retry_on & condition) && is_in_time(exchange) &&
           exchange->tries < tries_max(exchange);
}

void attempt_fail(struct exchange *exchange, enum attempt_failure failure)
{
    bool was_stale = exchange->upstream && exchange->upstream->was_reused &&
                     failure == ATTEMPT_ERROR && !exchange->upstream->answer_started;

    /* The backend, which was told when the call ends, may let go of it a moment before its client does. */
    if (failure == ATTEMPT_ERROR && is_past_deadline(exchange))
        failure = ATTEMPT_TIMED_OUT;
    if (failure != ATTEMPT_UNRESOLVED) /* as nginx's log says it */
        exchange_try(exchange)->status = failure == ATTEMPT_TIMED_OUT ? 504 : 502;
    attempt_release(exchange, false);
    exchange->request_is_sent = exchange->request_is_broken = false;
    if (may_try_again(exchange, failure, was_stale)) {
        stats_add(&exchange->worker->stats->upstream_retries, 1);
        attempt_begin(exchange);
        return;
    }
    exchange_respond(exchange,
                     failure == ATTEMPT_TIMED_OUT    ? 504
                     : failure == ATTEMPT_UNRESOLVED ? 503
                                                     : 502,
                     SPAN_EMPTY);
}

/* Nothing came in time. */
static void wait_is_over(struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_RESPONDING) {
        exchange_abort(exchange, exchange->status);
        return;
    }
    if (exchange->state == EXCHANGE_CONNECTING && exchange->upstream->stream->connecting)
        endpoint_failed(&exchange->worker->endpoints, exchange->upstream->endpoint, -ETIMEDOUT);
    attempt_fail(exchange, ATTEMPT_TIMED_OUT);
}

/* The other host is gone, or the way to it: as good as a reset. */
static void peer_is_lost(struct exchange *exchange)
{
    endpoint_avoid(&exchange->worker->endpoints, exchange->upstream->endpoint,
                   PROXY_AVOID_UNREACHABLE_MS);
    if (exchange->state == EXCHANGE_RESPONDING)
        exchange_abort(exchange, exchange->status);
    else
        attempt_fail(exchange, ATTEMPT_ERROR);
}

bool attempt_on_timeout(struct exchange *exchange)
{
    struct loop *loop = exchange->worker->loop;
    uint64_t now_ms = loop_now_ms(loop);

    if (!exchange->upstream)
        return false;
    if (now_ms >= exchange->wait_until_ms) {
        wait_is_over(exchange);
        return true;
    }
    if (socket_peer_is_silent(exchange->upstream->stream->watch.fd,
                              exchange->policy->connect_timeout_ms / 2)) {
        peer_is_lost(exchange);
        return true;
    }
    loop_timer_set(loop, &exchange->timer, exchange->wait_until_ms - now_ms);
    return false;
}
