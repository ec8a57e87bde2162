#include "proxy/exchange/response_head.h"

#include "proxy/client/connection.h"
#include "proxy/exchange/compression.h"
#include "proxy/exchange/grpc.h"
#include "proxy/worker.h"

enum { RESPONSE_ADDED_MAX = 512 };

/* Fields that are not copied: this hop's own, the framing, and what names the backend's software. */
static const uint64_t not_copied =
    1ull << HTTP_CONNECTION | 1ull << HTTP_KEEP_ALIVE | 1ull << HTTP_PROXY_CONNECTION |
    1ull << HTTP_TRAILER | 1ull << HTTP_TRANSFER_ENCODING | 1ull << HTTP_UPGRADE |
    1ull << HTTP_CONTENT_LENGTH | 1ull << HTTP_SERVER | 1ull << HTTP_PROXY_AUTHENTICATE;

enum http_body_kind response_head_framing(struct exchange *exchange)
{
    enum http_body_kind body = exchange->compressor ? HTTP_BODY_CHUNKED : exchange->response.body;

    if (body != HTTP_BODY_CHUNKED && body != HTTP_BODY_TO_END)
        return body;
    if (http_head_is_1_1(&exchange->request))
        return HTTP_BODY_CHUNKED;
    exchange->client_may_keep = false;
    return HTTP_BODY_TO_END;
}

/* What the gate says of itself takes the place of what a backend says of its own. */
static struct span hsts_of(const struct exchange *exchange)
{
    if (!exchange->rule || !exchange->client->connection->stream.tls)
        return SPAN_EMPTY;
    return image_str_get(exchange->view, image_settings_get(exchange->view)->hsts);
}

static bool is_copied(const struct exchange *exchange, const struct http_header *header,
                      bool has_connection, uint64_t left_out)
{
    struct span name = http_header_name(header);

    if (header->id != HTTP_NAME_OTHER && (left_out & (1ull << header->id)))
        return false;
    if (header->id == HTTP_NAME_OTHER &&
        (span_starts_with_nocase(name, SPAN("X-Accel-")) || span_eq_nocase(name, SPAN("X-Pad"))))
        return false;
    return !has_connection || !http_head_connection_lists(&exchange->response, name);
}

static void hsts_put(struct head_out *out, struct span hsts)
{
    if (hsts.len > 0)
        head_put_field(out, SPAN("Strict-Transport-Security"), hsts);
}

static void copied_put(const struct exchange *exchange, struct head_out *out, struct span hsts)
{
    const struct http_head *response = &exchange->response;
    bool has_connection = response->names_seen & (1ull << HTTP_CONNECTION);
    uint64_t left_out = not_copied | compression_fields_dropped(exchange) |
                        (hsts.len > 0 ? 1ull << HTTP_STRICT_TRANSPORT_SECURITY : 0);

    for (uint32_t i = 0; i < response->headers_len; i++) {
        if (is_copied(exchange, &response->headers[i], has_connection, left_out))
            head_put_header(out, &response->headers[i]);
    }
}

/* What a HEAD's or 304's answer says of a body that does not come. */
static bool tells_length(const struct exchange *exchange)
{
    return (exchange->response.names_seen & (1ull << HTTP_CONTENT_LENGTH)) &&
           exchange->response.status >= 200 && exchange->response.status != 204;
}

static void framing_put(const struct exchange *exchange, struct head_out *out,
                        enum http_body_kind framing)
{
    if (framing == HTTP_BODY_CHUNKED && out->form == HEAD_WHOLE)
        head_put(out, SPAN("Transfer-Encoding: chunked\r\n"));
    else if (framing == HTTP_BODY_LENGTH || (framing == HTTP_BODY_NONE && tells_length(exchange)))
        head_put_field_u64(out, SPAN("Content-Length"), exchange->response.content_length);
}

static void connection_put(const struct exchange *exchange, struct head_out *out)
{
    if (out->form != HEAD_WHOLE)
        return;
    if (exchange->response.status == 101) {
        head_put(out, SPAN("Connection: upgrade\r\n"));
        head_put_field(out, SPAN("Upgrade"), exchange->response.upgrade);
    } else if (!exchange->client_may_keep) {
        head_put(out, SPAN("Connection: close\r\n"));
    } else if (!http_head_is_1_1(&exchange->request)) {
        head_put(out, SPAN("Connection: keep-alive\r\n"));
    }
}

static struct head_out head_begin(struct exchange *exchange, size_t bytes)
{
    struct downstream *client = exchange->client;

    return head_out_begin(client->ops->head_room(client, bytes), client->head_form);
}

static void head_end(struct exchange *exchange, struct head_out *out, uint16_t status,
                     enum http_body_kind framing)
{
    exchange->response_head_bytes += head_out_end(out);
    exchange->client->ops->head_end(exchange->client, status, framing);
}

void response_head_write(struct exchange *exchange, size_t head_bytes, enum http_body_kind framing)
{
    const struct http_head *response = &exchange->response;
    struct span hsts = hsts_of(exchange);
    struct head_out out = head_begin(exchange, head_bytes + RESPONSE_ADDED_MAX);

    head_put_status(&out, response->status, response->reason);
    if (!(response->names_seen & (1ull << HTTP_DATE)) && response->status >= 200)
        head_put_field(&out, SPAN("Date"), worker_date(exchange->worker));
    copied_put(exchange, &out, hsts);
    hsts_put(&out, hsts);
    compression_fields_put(exchange, &out);
    framing_put(exchange, &out, framing);
    connection_put(exchange, &out);
    exchange->status = response->status;
    head_end(exchange, &out, response->status, framing);
}

void response_interim_write(struct exchange *exchange, size_t head_bytes)
{
    const struct http_head *response = &exchange->response;
    struct span hsts = hsts_of(exchange);
    struct head_out out = head_begin(exchange, head_bytes + RESPONSE_ADDED_MAX);

    head_put_status(&out, response->status, response->reason);
    copied_put(exchange, &out, hsts);
    head_end(exchange, &out, response->status, HTTP_BODY_NONE);
}

void response_continue_write(struct exchange *exchange)
{
    struct head_out out = head_begin(exchange, RESPONSE_ADDED_MAX);

    head_put_status(&out, 100, http_reason(100));
    head_end(exchange, &out, 100, HTTP_BODY_NONE);
}

/* As short as it can be while people still see what it is; names nothing of what is inside. `words` say
 * more, as nginx says it. */
static struct span page_write(uint16_t status, struct span words, char *at)
{
    char *to = at, digits[3];
    struct span code = span_of(digits, (size_t)(status_put(digits, status) - digits));
    const struct span parts[] = {
        SPAN("<html>\r\n<head><title>"),
        code,
        SPAN(" "),
        words.len > 0 ? words : http_reason(status),
        SPAN("</title></head>\r\n<body>\r\n<center><h1>"),
        code,
        SPAN(" "),
        http_reason(status),
        SPAN("</h1></center>\r\n"),
        words.len > 0 ? SPAN("<center>") : SPAN_EMPTY,
        words,
        words.len > 0 ? SPAN("</center>\r\n") : SPAN_EMPTY,
        SPAN("</body>\r\n</html>\r\n"),
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len > 0)
            memcpy(to, parts[i].ptr, parts[i].len);
        to += parts[i].len;
    }
    return span_of(at, (size_t)(to - at));
}

/* Without content, so that the fields are trailers and head at once. The log has the status of HTTP. */
static void response_grpc_write(struct exchange *exchange, uint16_t status)
{
    struct head_out out = head_begin(exchange, RESPONSE_ADDED_MAX);

    exchange->response = (struct http_head){ .status = 200 };
    head_put_status(&out, 200, http_reason(200));
    head_put_field(&out, SPAN("Date"), worker_date(exchange->worker));
    head_put_field(&out, SPAN("Content-Type"), SPAN("application/grpc"));
    head_put_field_u64(&out, SPAN("grpc-status"), grpc_status_of(status));
    head_put_field(&out, SPAN("grpc-message"), http_reason(status));
    if (out.form == HEAD_WHOLE)
        head_put(&out, SPAN("Content-Length: 0\r\n"));
    connection_put(exchange, &out);
    exchange->status = status;
    head_end(exchange, &out, 200, HTTP_BODY_NONE);
    pump_init(&exchange->response_pump, NULL, exchange->client->sink);
}

void response_local_write(struct exchange *exchange, uint16_t status, struct span extra)
{
    if (exchange->is_grpc && status >= 400) {
        response_grpc_write(exchange, status);
        return;
    }
    struct span page =
        status == 200 ? SPAN_EMPTY : page_write(status, exchange->page_words, exchange->page);
    bool is_sent = page.len > 0 && exchange->request.method != HTTP_HEAD;
    struct head_out out = head_begin(exchange, RESPONSE_ADDED_MAX + page.len + extra.len);

    exchange->response = (struct http_head){ .status = status };
    head_put_status(&out, status, http_reason(status));
    head_put_field(&out, SPAN("Date"), worker_date(exchange->worker));
    if (page.len > 0)
        head_put_field(&out, SPAN("Content-Type"), SPAN("text/html"));
    head_put_field_u64(&out, SPAN("Content-Length"), page.len);
    head_put(&out, extra);
    hsts_put(&out, hsts_of(exchange));
    connection_put(exchange, &out);
    exchange->status = status;
    head_end(exchange, &out, status, is_sent ? HTTP_BODY_LENGTH : HTTP_BODY_NONE);
    memory_source_init(&exchange->memory, page);
    pump_init(&exchange->response_pump, is_sent ? &exchange->memory.base : NULL,
              exchange->client->sink);
    exchange->response_bytes = is_sent ? page.len : 0;
}
