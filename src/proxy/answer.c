#include "proxy/answer.h"

#include "proxy/attempt.h"
#include "proxy/client.h"
#include "proxy/limits.h"
#include "proxy/response_head.h"
#include "proxy/tunnel.h"
#include "proxy/worker.h"

static const struct h1_limits response_limits = {
    .head_bytes = PROXY_RESPONSE_HEAD_BYTES_MAX,
    .target_bytes = 0,
    .headers = HTTP_HEADERS_MAX,
};

static struct access_try *present_try(struct exchange *exchange)
{
    return &exchange->tried[exchange->tried_len - 1];
}

/* Whether the client's connection can take another request after this answer. */
static void keep_decide(struct exchange *exchange)
{
    if (!exchange->request_is_sent || exchange->worker->draining)
        exchange->client_may_keep = false;
}

static void answer_begin(struct exchange *exchange)
{
    const struct http_head *response = &exchange->response;

    keep_decide(exchange);
    enum http_body_kind framing = response_head_framing(exchange);
    response_head_write(exchange, framing);
    iobuf_consume(exchange->upstream->stream.in, exchange->response_parser.seen);
    present_try(exchange)->status = response->status;
    pump_init(&exchange->response_pump, &exchange->upstream->stream, &exchange->client->stream,
              response->body, response->content_length, framing);
    exchange_set_state(exchange, EXCHANGE_RESPONDING);
    answer_pump(exchange);
}

/* Where the client can understand it, but for 100, which the gate asked for on nobody's behalf. One
 * that found the earlier ones unread is dropped, so that they do not pile up. */
static bool interim_is_wanted(const struct exchange *exchange, size_t head_bytes)
{
    return exchange->response.status != 100 && exchange->request.version_minor >= 1 &&
           head_bytes <= PROXY_INTERIM_BYTES_MAX && !stream_has_output(&exchange->client->stream);
}

/* 1xx before the final answer. False: it was one too many. */
static bool interim_pass_on(struct exchange *exchange, size_t head_bytes)
{
    if (exchange->interims++ == PROXY_INTERIM_MAX) {
        attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
        return false;
    }
    if (interim_is_wanted(exchange, head_bytes)) {
        exchange->response_head_bytes = head_bytes;
        response_interim_write(exchange);
        exchange->response_head_bytes = 0;
        (void)!stream_flush(&exchange->client->stream); /* a failure shows with the final answer */
    }
    iobuf_consume(exchange->upstream->stream.in, head_bytes);
    exchange->response_parser = (struct h1_parser){ 0 };
    return true;
}

static void upgrade_begin(struct exchange *exchange)
{
    present_try(exchange)->status = 101;
    response_head_write(exchange, HTTP_BODY_NONE);
    iobuf_consume(exchange->upstream->stream.in, exchange->response_parser.seen);
    exchange_set_state(exchange, EXCHANGE_DONE);
    tunnel_begin(exchange);
}

/* A complete head is at the start of the input. True: look for another one behind it. */
static bool head_take(struct exchange *exchange, size_t head_bytes)
{
    uint16_t status = exchange->response.status;

    present_try(exchange)->header_us = loop_now_us(exchange->worker->loop);
    exchange->response_parser.seen = head_bytes;
    exchange->response_head_bytes = head_bytes;
    if (status == 101 && exchange->upgrade_asked && exchange->request_is_sent)
        upgrade_begin(exchange);
    else if (status == 101)
        attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
    else if (status >= 200)
        answer_begin(exchange);
    else
        return interim_pass_on(exchange, head_bytes);
    return false;
}

/* Makes room for the rest of a large head. False: it is too large. */
static bool room_make(struct stream *stream)
{
    if (!stream->in || iobuf_room(stream->in) > 0)
        return true;
    stream->in = iobuf_enlarge(stream->pool, stream->in);
    return iobuf_room(stream->in) > 0;
}

/* Reads more of the head. True: something came. */
static bool head_fill(struct exchange *exchange)
{
    struct stream *stream = &exchange->upstream->stream;

    if (!room_make(stream)) {
        attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
        return false;
    }
    switch ((enum stream_result)stream_fill(stream)) {
    case STREAM_OK:
        if (exchange->request_is_sent)
            attempt_wait_for_answer(exchange); /* a sign of life begins the time anew */
        return true;
    case STREAM_WAIT:
        return false;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    attempt_fail(exchange, ATTEMPT_ERROR);
    return false;
}

void answer_read_head(struct exchange *exchange)
{
    for (;;) {
        struct iobuf *in = exchange->upstream->stream.in;
        size_t head_bytes;
        int r = H1_PARTIAL;

        if (iobuf_len(in) > 0)
            r = h1_response_parse(&exchange->response_parser, iobuf_span(in), &response_limits,
                                  exchange->request.method, exchange->response_headers,
                                  &exchange->response, &head_bytes);
        if (r == H1_BAD) {
            attempt_fail(exchange, ATTEMPT_BAD_ANSWER);
            return;
        }
        if (r == H1_OK ? !head_take(exchange, head_bytes) : !head_fill(exchange))
            return;
    }
}

static void answer_end(struct exchange *exchange)
{
    bool reusable = exchange->response.keep_alive && exchange->request_is_sent &&
                    exchange->response.body != HTTP_BODY_TO_END;

    attempt_release(exchange, reusable);
    exchange_set_state(exchange, EXCHANGE_DONE);
}

void answer_pump(struct exchange *exchange)
{
    int r = pump_run(&exchange->response_pump);

    exchange->response_bytes = exchange->response_pump.bytes;
    present_try(exchange)->response_bytes = exchange->response_pump.bytes;
    switch ((enum pump_result)r) {
    case PUMP_DONE:
        answer_end(exchange);
        return;
    case PUMP_WAIT_SOURCE:
        if (exchange->request_is_sent)
            client_wait_for(exchange->client, CLIENT_WAIT_NOTHING, 0);
        attempt_wait_for_answer(exchange);
        return;
    case PUMP_WAIT_SINK:
        loop_timer_cancel(&exchange->timer);
        client_wait_for(exchange->client, CLIENT_WAIT_SEND, PROXY_CLIENT_SEND_TIMEOUT_MS);
        return;
    case PUMP_AGAIN:
        loop_timer_cancel(&exchange->timer); /* neither side is waited for */
        if (exchange->request_is_sent)
            client_wait_for(exchange->client, CLIENT_WAIT_NOTHING, 0);
        loop_task_queue(exchange->worker->loop, &exchange->again);
        return;
    case PUMP_SOURCE_BAD:
    case PUMP_SOURCE_ENDED:
    case PUMP_SOURCE_FAILED:
        /* What came is the client's; that the rest is missing, the end of the connection tells it. */
        (void)!stream_flush(&exchange->client->stream);
        break;
    case PUMP_SINK_FAILED:
    case PUMP_TOO_LARGE:
        break;
    }
    exchange_abort(exchange, exchange->status);
}
