#include "proxy/client/h2_side.h"

#include "base/mem.h"
#include "base/scope.h"
#include "proxy/client/connection.h"
#include "proxy/exchange/tunnel.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

static struct h2_side *side_of(struct downstream *side)
{
    return container_of(side, struct h2_side, side);
}

static struct iobuf_pool *pool_of(const struct h2_side *side)
{
    return &side->side.connection->worker->buffers;
}

/* ---- lingering ---- */

/* An answer was given before the request was whole. RST_STREAM NO_ERROR may tell the client to stop (RFC 9113,
 * 8.1), but there are clients that forget the answer over it; so they are first given time to stop by
 * themselves. */
static int linger_begin(struct h2_side *side)
{
    side->is_lingering = true;
    side->side.tunnel = tunnel_end(side->side.tunnel); /* one that was refused here */
    loop_timer_set(side->side.connection->worker->loop, &side->linger_timer, PROXY_LINGER_MS);
    return h2_side_run(side);
}

static int linger(struct h2_side *side)
{
    struct h2_source *source = &side->source;
    size_t len = iobuf_len(source->in);

    if (len > 0)
        source->base.ops->consume(&source->base, len);
    side->lingered_bytes += len;
    bool is_over = h2_stream_is_heard(side->stream) || source->failed ||
                   !loop_timer_is_set(&side->linger_timer) ||
                   side->lingered_bytes > PROXY_LINGER_BYTES_MAX;
    return is_over ? H2_SIDE_OVER : H2_SIDE_GOES_ON;
}

static void on_linger_over(struct loop_timer *timer)
{
    struct h2_side *side = container_of(timer, struct h2_side, linger_timer);

    side->side.ops->advance(&side->side);
}

/* ---- its beginning ---- */

static struct h2_side *side_make(struct connection *connection, struct h2_link *link,
                                 struct h2_stream *stream, const struct downstream_ops *ops)
{
    struct h2_side *side = mem_alloc_zero(sizeof(*side));

    side->side = (struct downstream){ .ops = ops,
                                      .head_form = HEAD_FIELDS,
                                      .connection = connection,
                                      .source = &side->source.base,
                                      .sink = &side->sink.base };
    list_init(&side->link);
    list_init(&side->ready);
    loop_timer_init(&side->linger_timer, on_linger_over);
    side->h2 = link;
    side->stream = stream;
    h2_stream_set_owner(stream, side);
    h2_source_init(&side->source, link, stream);
    h2_sink_init(&side->sink, link, stream);
    side->exchange = exchange_take(&side->side);
    return side;
}

/* Line ends, colons and the words of a request line, for those that size HTTP/1.1 by what came. */
static size_t bytes_as_http_1(const struct http_head *head)
{
    return http_head_text_bytes(head) + 4 * (size_t)head->headers_len + 32;
}

/* A WebSocket's extended CONNECT is, towards a backend, the GET that it would be over HTTP/1.1: the key, which
 * HTTP/2 does without, is made up (RFC 8441, 5). */
static void websocket_present(struct h2_side *side)
{
    struct http_head *request = &side->exchange->request;
    struct random *random = &side->side.connection->worker->random;
    uint64_t nonce[2] = { random_next(random), random_next(random) };
    uint32_t kept = 0;

    static_assert(sizeof(nonce) == TLS_WEBSOCKET_NONCE_BYTES, "two numbers make a nonce");
    for (uint32_t i = 0; i < request->headers_len; i++) {
        if (!span_eq(http_header_name(&request->headers[i]), SPAN("sec-websocket-key")))
            request->headers[kept++] = request->headers[i];
    }
    tls_websocket_key((const uint8_t *)nonce, side->websocket_key);
    request->headers[kept++] = (struct http_header){
        .name = "sec-websocket-key",
        .name_len = 17,
        .value = side->websocket_key,
        .value_len = sizeof(side->websocket_key),
    };
    request->headers_len = kept;
    request->method = HTTP_GET;
    request->method_text = SPAN("GET");
    request->upgrades = true;
    request->upgrade = request->protocol;
    request->body = HTTP_BODY_NONE;
    side->is_websocket = true;
    side->request_bytes += 64;
}

struct h2_side *h2_side_new(struct connection *connection, struct h2_link *link,
                            struct h2_stream *stream, const struct http_head *head,
                            const struct downstream_ops *ops)
{
    struct h2_side *side = side_make(connection, link, stream, ops);
    struct exchange *exchange = side->exchange;
    size_t bytes = http_head_text_bytes(head);

    side->request = iobuf_take_for(pool_of(side), bytes);
    http_head_copy(head, side->request->data, exchange->request_headers, &exchange->request);
    side->request->end = (uint32_t)bytes;
    side->request_bytes = bytes_as_http_1(head);
    if (head->protocol.len == 0)
        return side;
    if (span_eq(head->protocol, SPAN("websocket")))
        websocket_present(side);
    else
        side->refusal = 501; /* RFC 9220, 3: so is a protocol refused that is not known */
    return side;
}

struct h2_side *h2_side_new_refused(struct connection *connection, struct h2_link *link,
                                    struct h2_stream *stream, uint16_t status,
                                    const struct downstream_ops *ops)
{
    struct h2_side *side = side_make(connection, link, stream, ops);

    side->refusal = status;
    return side;
}

/* A body that came with its head is kept until the exchange ends, so that another try can send it again. */
static void body_divide(struct h2_side *side)
{
    struct exchange *exchange = side->exchange;
    struct h2_source *source = &side->source;
    size_t len = iobuf_len(source->in);

    exchange->body_is_whole = exchange->request.body == HTTP_BODY_NONE;
    if (exchange->body_is_whole || !source->ended || source->trailers_len > 0 ||
        len > PROXY_WHOLE_BODY_BYTES_MAX)
        return;
    exchange->body_is_whole = true;
    if (len == 0)
        return;
    side->body = TAKE(source->in);
    exchange->whole_body = iobuf_span(side->body);
    h2_stream_consume(side->stream, len);
}

static void exchange_start(struct h2_side *side)
{
    struct exchange *exchange = side->exchange;
    struct iobuf *request = side->request;

    side->request = NULL;
    if (side->refusal) {
        iobuf_put(pool_of(side), request);
        exchange_refuse(exchange, side->refusal);
        return;
    }
    body_divide(side);
    exchange_begin(exchange, request, side->request_bytes);
}

/* ---- its end ---- */

void h2_side_free(struct h2_side *side)
{
    struct worker *worker = side->side.connection->worker;

    if (side->exchange && side->is_begun)
        exchange_end(side->exchange);
    else if (side->exchange)
        exchange_give_back(side->exchange);
    side->side.tunnel = tunnel_end(side->side.tunnel);
    iobuf_put(pool_of(side), side->request);
    iobuf_put(pool_of(side), side->body);
    iobuf_put(pool_of(side), side->head);
    h2_source_deinit(&side->source);
    h2_stream_free(side->stream);
    loop_timer_cancel(&side->linger_timer);
    list_remove(&side->ready);
    list_remove(&side->link);
    loop_defer_free(worker->loop, side);
}

/* What cannot be completed is cut off, so that the client sees that something is missing. */
static int exchange_over(struct h2_side *side)
{
    bool is_cut = side->exchange->state == EXCHANGE_ABORTED;

    exchange_end(side->exchange);
    side->exchange = NULL;
    if (is_cut && !side->sink.ended)
        h2_stream_reset(side->stream, H2_INTERNAL_ERROR);
    if (side->side.tunnel && !side->sink.ended)
        return h2_side_run(side); /* with what is there */
    return is_cut || h2_stream_is_heard(side->stream) ? H2_SIDE_OVER : linger_begin(side);
}

int h2_side_run(struct h2_side *side)
{
    if (side->is_lingering)
        return linger(side);
    if (side->side.tunnel)
        return tunnel_run(side->side.tunnel) == TUNNEL_OVER ? H2_SIDE_OVER : H2_SIDE_GOES_ON;
    if (!side->is_begun && side->was_reset)
        return H2_SIDE_OVER;
    if (side->is_begun) {
        exchange_run(side->exchange);
    } else {
        side->is_begun = true;
        exchange_start(side);
    }
    return exchange_is_over(side->exchange) ? exchange_over(side) : H2_SIDE_GOES_ON;
}

/* ---- as side of its exchange ---- */

bool h2_side_is_gone(const struct downstream *base, bool waits)
{
    const struct h2_side *side = container_of(base, struct h2_side, side);

    (void)waits; /* a stream whose request ended is not over */
    return side->was_reset || base->connection->stream.error;
}

bool h2_side_can_take_interim(const struct downstream *base)
{
    return !stream_has_output(&base->connection->stream);
}

struct iobuf *h2_side_head_room(struct downstream *base, size_t bytes)
{
    struct h2_side *side = side_of(base);

    side->head = iobuf_take_for(pool_of(side), bytes);
    return side->head;
}

static struct http_header *websocket_proof(struct http_header *fields, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (span_eq_nocase(http_header_name(&fields[i]), SPAN("sec-websocket-accept")))
            return &fields[i];
    }
    return NULL;
}

/* Only what the backend agreed to, and proved to have understood, may be told as a success: that is what opens the
 * WebSocket here. */
bool h2_side_takes_upgrade(struct downstream *base, const struct http_head *answer)
{
    const struct h2_side *side = side_of(base);
    char expected[TLS_WEBSOCKET_ACCEPT_BYTES];

    if (answer->status != 101)
        return answer->status >= 300;
    const struct http_header *proof = websocket_proof(answer->headers, answer->headers_len);
    tls_websocket_accept(side->websocket_key, expected);
    return proof && span_eq(http_header_value(proof), span_of(expected, sizeof(expected)));
}

void h2_side_head_end(struct downstream *base, uint16_t status, enum http_body_kind body)
{
    struct h2_side *side = side_of(base);
    struct http_header fields[HEAD_FIELDS_MAX];
    size_t len = head_fields_cut(iobuf_span(side->head), fields, HEAD_FIELDS_MAX);
    struct http_header *proof = status == 101 ? websocket_proof(fields, len) : NULL;
    bool ends = body == HTTP_BODY_NONE && status >= 200;

    if (proof) /* it goes no further */
        *proof = fields[--len];
    if (side->is_websocket && status >= 200 && status < 300)
        status = 501; /* of the gate's own, as at a probe's path: nothing there speaks WebSocket */
    h2_stream_respond(side->stream, status == 101 ? 200 : status, fields, (uint32_t)len, ends);
    side->sink.ended = ends;
    side->head = iobuf_put(pool_of(side), side->head);
    h2_link_rouse(side->h2);
}

/* Source and sink have no other framing than the stream's. */
void h2_side_tunnel_begin(struct downstream *base)
{
    (void)base;
}
