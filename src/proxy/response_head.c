#include "proxy/response_head.h"

#include "proxy/client.h"
#include "proxy/head_out.h"
#include "proxy/worker.h"

enum { RESPONSE_ADDED_MAX = 512, LOCAL_BODY_MAX = 512 };

/* Fields that are not copied: this hop's own, the framing, and what names the backend's software. */
static const uint64_t not_copied =
    1ull << HTTP_CONNECTION | 1ull << HTTP_KEEP_ALIVE | 1ull << HTTP_PROXY_CONNECTION |
    1ull << HTTP_TRAILER | 1ull << HTTP_TRANSFER_ENCODING | 1ull << HTTP_UPGRADE |
    1ull << HTTP_CONTENT_LENGTH | 1ull << HTTP_SERVER | 1ull << HTTP_PROXY_AUTHENTICATE;

enum http_body_kind response_head_framing(struct exchange *exchange)
{
    enum http_body_kind body = exchange->response.body;

    if (body != HTTP_BODY_CHUNKED && body != HTTP_BODY_TO_END)
        return body;
    if (exchange->request.version_minor >= 1)
        return HTTP_BODY_CHUNKED;
    exchange->client_may_keep = false;
    return HTTP_BODY_TO_END;
}

static bool is_copied(const struct exchange *exchange, const struct http_header *header,
                      bool has_connection)
{
    struct span name = http_header_name(header);

    if (header->id != HTTP_NAME_OTHER && (not_copied & (1ull << header->id)))
        return false;
    if (header->id == HTTP_NAME_OTHER &&
        (span_starts_with_nocase(name, SPAN("X-Accel-")) || span_eq_nocase(name, SPAN("X-Pad"))))
        return false;
    return !has_connection || !http_head_connection_lists(&exchange->response, name);
}

static void status_line_put(struct head_out *out, uint16_t status, struct span reason)
{
    head_put(out, SPAN("HTTP/1.1 "));
    head_put_u64(out, status);
    head_put(out, SPAN(" "));
    head_put(out, reason);
    head_put(out, SPAN("\r\n"));
}

static void copied_put(const struct exchange *exchange, struct head_out *out)
{
    const struct http_head *response = &exchange->response;
    bool has_connection = response->names_seen & (1ull << HTTP_CONNECTION);

    for (uint32_t i = 0; i < response->headers_len; i++) {
        if (is_copied(exchange, &response->headers[i], has_connection))
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
    if (framing == HTTP_BODY_CHUNKED) {
        head_put(out, SPAN("Transfer-Encoding: chunked\r\n"));
    } else if (framing == HTTP_BODY_LENGTH ||
               (framing == HTTP_BODY_NONE && tells_length(exchange))) {
        head_put(out, SPAN("Content-Length: "));
        head_put_u64(out, exchange->response.content_length);
        head_put(out, SPAN("\r\n"));
    }
}

static void connection_put(const struct exchange *exchange, struct head_out *out)
{
    if (exchange->response.status == 101) {
        head_put(out, SPAN("Connection: upgrade\r\n"));
        head_put_field(out, SPAN("Upgrade"), exchange->response.upgrade);
    } else if (!exchange->client_may_keep) {
        head_put(out, SPAN("Connection: close\r\n"));
    } else if (exchange->request.version_minor == 0) {
        head_put(out, SPAN("Connection: keep-alive\r\n"));
    }
}

void response_head_write(struct exchange *exchange, enum http_body_kind framing)
{
    const struct http_head *response = &exchange->response;
    struct head_out out = head_out_begin(&exchange->client->stream,
                                         exchange->response_head_bytes + RESPONSE_ADDED_MAX);

    status_line_put(&out, response->status, response->reason);
    if (!(response->names_seen & (1ull << HTTP_DATE)) && response->status >= 200)
        head_put_field(&out, SPAN("Date"), worker_date(exchange->worker));
    copied_put(exchange, &out);
    framing_put(exchange, &out, framing);
    connection_put(exchange, &out);
    head_put(&out, SPAN("\r\n"));
    exchange->status = response->status;
    exchange->response_head_bytes = head_out_end(&out);
}

void response_interim_write(struct exchange *exchange)
{
    const struct http_head *response = &exchange->response;
    struct head_out out = head_out_begin(&exchange->client->stream,
                                         exchange->response_head_bytes + RESPONSE_ADDED_MAX);

    status_line_put(&out, response->status, response->reason);
    copied_put(exchange, &out);
    head_put(&out, SPAN("\r\n"));
    head_out_end(&out);
}

/* As short as it can be while people still see what it is; names nothing of what is inside. */
static size_t local_body_write(uint16_t status, char *at)
{
    char *to = at;
    struct span code =
        span_of((char[3]){ (char)('0' + status / 100), (char)('0' + status / 10 % 10),
                           (char)('0' + status % 10) },
                3);
    const struct span parts[] = {
        SPAN("<html>\r\n<head><title>"),
        code,
        SPAN(" "),
        http_reason(status),
        SPAN("</title></head>\r\n<body>\r\n<center><h1>"),
        code,
        SPAN(" "),
        http_reason(status),
        SPAN("</h1></center>\r\n</body>\r\n</html>\r\n"),
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        memcpy(to, parts[i].ptr, parts[i].len);
        to += parts[i].len;
    }
    return (size_t)(to - at);
}

void response_local_write(struct exchange *exchange, uint16_t status, struct span extra)
{
    char body[LOCAL_BODY_MAX];
    size_t body_len = status == 200 ? 0 : local_body_write(status, body);
    struct head_out out =
        head_out_begin(&exchange->client->stream, RESPONSE_ADDED_MAX + LOCAL_BODY_MAX + extra.len);

    exchange->response = (struct http_head){ .status = status };
    status_line_put(&out, status, http_reason(status));
    head_put_field(&out, SPAN("Date"), worker_date(exchange->worker));
    if (body_len > 0)
        head_put_field(&out, SPAN("Content-Type"), SPAN("text/html"));
    head_put(&out, SPAN("Content-Length: "));
    head_put_u64(&out, body_len);
    head_put(&out, SPAN("\r\n"));
    head_put(&out, extra);
    connection_put(exchange, &out);
    head_put(&out, SPAN("\r\n"));
    if (exchange->request.method != HTTP_HEAD) {
        head_put(&out, span_of(body, body_len));
        exchange->response_bytes = body_len;
    }
    exchange->status = status;
    exchange->response_head_bytes = head_out_end(&out) - exchange->response_bytes;
}
