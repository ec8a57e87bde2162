#include "proxy/exchange/answer.h"

#include "proxy/body/compress_sink.h"
#include "proxy/exchange/attempt.h"
#include "proxy/exchange/compression.h"
#include "proxy/exchange/response_head.h"
#include "proxy/exchange/tunnel.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

/* Whether the client's connection can take another request after this answer. */
static void keep_decide(struct exchange *exchange)
{
    if (!exchange->request_is_sent || exchange->worker->draining)
        exchange->client_may_keep = false;
}

static void answer_begin(struct exchange *exchange, size_t head_bytes)
{
    struct upstream *upstream = exchange->upstream;
    const struct http_head *response = &exchange->response;

    keep_decide(exchange);
    compression_choose(exchange);
    enum http_body_kind framing = response_head_framing(exchange);
    response_head_write(exchange, head_bytes, framing);
    upstream->ops->take_head(upstream, response);
    exchange_try(exchange)->status = response->status;
    pump_init(&exchange->response_pump, framing == HTTP_BODY_NONE ? NULL : upstream->source,
              exchange->compressor ? &exchange->compressor->base : exchange->client->sink);
    exchange_set_state(exchange, EXCHANGE_RESPONDING);
    answer_pump(exchange);
}

/* Where the client can understand it, but for 100, which the gate asked for on nobody's behalf. One
 * that found the earlier ones unread is dropped, so that they do not pile up. */
static bool interim_is_wanted(const struct exchange *exchange, size_t head_bytes)
{
    return exchange->response.status != 100 && http_head_is_1_1(&exchange->request) &&
           head_bytes <= PROXY_INTERIM_BYTES_MAX &&
           exchange->client->ops->can_take_interim(exchange->client);
}

/* 1xx before the final answer. False: it was one too many. */
static bool interim_pass_on(struct exchange *exchange, size_t head_bytes)
{
    struct downstream *client = exchange->client;

    if (exchange->interims++ == PROXY_INTERIM_MAX) {
        attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
        return false;
    }
    if (interim_is_wanted(exchange, head_bytes)) {
        response_interim_write(exchange, head_bytes);
        (void)!client->sink->ops->flush(client->sink); /* a failure shows with the final answer */
    }
    exchange->upstream->ops->take_head(exchange->upstream, &exchange->response);
    return true;
}

static void upgrade_begin(struct exchange *exchange, size_t head_bytes)
{
    exchange_try(exchange)->status = 101;
    response_head_write(exchange, head_bytes, HTTP_BODY_NONE);
    exchange->upstream->ops->take_head(exchange->upstream, &exchange->response);
    exchange_set_state(exchange, EXCHANGE_DONE);
    tunnel_begin(exchange);
}

/* Whether it answers what was asked: 101 only an upgrade, and an upgrade only what its client can be told. */
static bool head_is_fit(const struct exchange *exchange)
{
    struct downstream *client = exchange->client;
    const struct http_head *response = &exchange->response;

    if (response->status == 101 && !(exchange->upgrade_asked && exchange->request_is_sent))
        return false;
    return !exchange->upgrade_asked || (response->status < 200 && response->status != 101) ||
           client->ops->takes_upgrade(client, response);
}

/* A complete head is at the start of the input. True: look for another one behind it. */
static bool head_take(struct exchange *exchange, size_t head_bytes)
{
    uint16_t status = exchange->response.status;

    exchange_try(exchange)->header_us = loop_now_us(exchange->worker->loop);
    if (!head_is_fit(exchange))
        attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
    else if (status == 101)
        upgrade_begin(exchange, head_bytes);
    else if (status >= 200)
        answer_begin(exchange, head_bytes);
    else
        return interim_pass_on(exchange, head_bytes);
    return false;
}

void answer_read_head(struct exchange *exchange)
{
    struct upstream *upstream = exchange->upstream;

    for (;;) {
        size_t head_bytes;
        int r =
            upstream->ops->read_head(upstream, exchange->request.method, exchange->response_headers,
                                     &exchange->response, &head_bytes);

        switch ((enum upstream_result)r) {
        case UPSTREAM_OK:
            if (!head_take(exchange, head_bytes))
                return;
            break;
        case UPSTREAM_MORE:
            break;
        case UPSTREAM_WAIT:
            return;
        case UPSTREAM_BAD:
            attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
            return;
        case UPSTREAM_FAILED:
            attempt_fail(exchange, ATTEMPT_ERROR);
            return;
        case UPSTREAM_REFUSED:
            attempt_fail(exchange, ATTEMPT_REFUSED);
            return;
        }
        if (exchange->request_is_sent)
            attempt_wait_for_answer(exchange); /* a sign of life begins the time anew */
    }
}

static void answer_end(struct exchange *exchange)
{
    bool reusable = exchange->response.keep_alive && exchange->request_is_sent &&
                    exchange->response.body != HTTP_BODY_TO_END;

    attempt_release(exchange, reusable);
    exchange_set_state(exchange, EXCHANGE_DONE);
}

/* A client that said its end may only have said all, and gets what flows; but a backend that has no more to say
 * now (an event stream) would not notice for hours that nobody listens. Its word may be among the events of this
 * turn: they are heard before it is judged so. */
static bool client_left(struct exchange *exchange)
{
    struct downstream *client = exchange->client;

    if (!client->ops->is_gone(client, exchange->request_is_sent))
        return false;
    if (exchange->client_end_noted)
        return true;
    exchange->client_end_noted = true;
    loop_task_queue(exchange->worker->loop, &exchange->again);
    return false;
}

void answer_pump(struct exchange *exchange)
{
    int r = pump_run(&exchange->response_pump);

    exchange->response_bytes =
        exchange->compressor ? exchange->compressor->sent_bytes : exchange->response_pump.bytes;
    exchange_try(exchange)->response_bytes = exchange->response_pump.bytes;
    switch ((enum pump_result)r) {
    case PUMP_DONE:
        answer_end(exchange);
        return;
    case PUMP_WAIT_SOURCE:
        if (client_left(exchange))
            break;
        if (exchange->request_is_sent)
            exchange_wait_for_client(exchange, EXCHANGE_WAIT_NOTHING, 0);
        attempt_wait_for_answer(exchange);
        return;
    case PUMP_WAIT_SINK:
        loop_timer_cancel(&exchange->timer);
        exchange_wait_for_client(exchange, EXCHANGE_WAIT_SEND, PROXY_CLIENT_SEND_TIMEOUT_MS);
        return;
    case PUMP_AGAIN:
        loop_timer_cancel(&exchange->timer); /* neither side is waited for */
        if (exchange->request_is_sent)
            exchange_wait_for_client(exchange, EXCHANGE_WAIT_NOTHING, 0);
        loop_task_queue(exchange->worker->loop, &exchange->again);
        return;
    case PUMP_SOURCE_BAD:
    case PUMP_SOURCE_ENDED:
    case PUMP_SOURCE_FAILED:
        /* What came is the client's; that the rest is missing, the end of the connection tells it. */
        (void)!exchange->response_pump.sink->ops->flush(exchange->response_pump.sink);
        break;
    case PUMP_SINK_FAILED:
    case PUMP_TOO_LARGE:
        break;
    }
    exchange_abort(exchange, exchange->status);
}
