#include "proxy/exchange/request_head.h"

#include "proxy/client/connection.h"
#include "proxy/exchange/client_auth.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

/* What the gate adds at the most, beyond repeated parts of the client's head. */
enum { REQUEST_ADDED_MAX = 2048 };

/* Fields that are not copied: they concern this hop alone, or are written anew below. */
static const uint64_t not_copied =
    1ull << HTTP_CONNECTION | 1ull << HTTP_KEEP_ALIVE | 1ull << HTTP_PROXY_CONNECTION |
    1ull << HTTP_TE | 1ull << HTTP_TRAILER | 1ull << HTTP_TRANSFER_ENCODING | 1ull << HTTP_UPGRADE |
    1ull << HTTP_HTTP2_SETTINGS | 1ull << HTTP_CONTENT_LENGTH | 1ull << HTTP_EXPECT |
    1ull << HTTP_HOST | 1ull << HTTP_PROXY | 1ull << HTTP_PROXY_AUTHORIZATION |
    1ull << HTTP_X_FORWARDED_FOR | 1ull << HTTP_X_FORWARDED_HOST | 1ull << HTTP_X_FORWARDED_PORT |
    1ull << HTTP_X_FORWARDED_PROTO | 1ull << HTTP_X_FORWARDED_SCHEME | 1ull << HTTP_X_REAL_IP |
    1ull << HTTP_X_REQUEST_ID | 1ull << HTTP_X_SCHEME | 1ull << HTTP_X_ORIGINAL_FORWARDED_FOR |
    1ull << HTTP_X_ORIGINAL_FORWARDED_HOST;

/* Eight hex digits at once: the nibbles are spread out, one a byte; those above 9 become letters. */
static uint64_t hex_digits(uint32_t bits)
{
    uint64_t spread = bits;

    spread = (spread | spread << 16) & 0x0000FFFF0000FFFFu;
    spread = (spread | spread << 8) & 0x00FF00FF00FF00FFu;
    spread = (spread | spread << 4) & 0x0F0F0F0F0F0F0F0Fu;
    uint64_t letters = (spread + 0x0606060606060606u) >> 4 & 0x0101010101010101u;
    return spread + 0x3030303030303030u + letters * ('a' - '0' - 10);
}

void request_id_choose(struct exchange *exchange)
{
    const struct http_header *sent = http_head_find(&exchange->request, HTTP_X_REQUEST_ID);
    struct random *random = &exchange->worker->random;

    exchange->request_id_text = SPAN_EMPTY;
    if (sent && sent->value_len > 0) {
        exchange->request_id_text = http_header_value(sent);
        return;
    }
    if (exchange->view && !(image_settings_get(exchange->view)->flags & IMAGE_GENERATE_REQUEST_ID))
        return;
    for (unsigned i = 0; i < EXCHANGE_REQUEST_ID_LEN; i += 16) {
        uint64_t bits = random_next(random);
        const uint64_t digits[] = { hex_digits((uint32_t)bits),
                                    hex_digits((uint32_t)(bits >> 32)) };
        memcpy(exchange->request_id + i, digits, sizeof(digits));
    }
    exchange->request_id_text = span_of(exchange->request_id, EXCHANGE_REQUEST_ID_LEN);
}

static bool is_copied(const struct exchange *exchange, const struct http_header *header,
                      bool connection_lists_more, uint32_t flags)
{
    struct span name = http_header_name(header);

    if (header->id != HTTP_NAME_OTHER)
        return !(not_copied & (1ull << header->id)) &&
               !(connection_lists_more && http_head_connection_lists(&exchange->request, name));
    if (connection_lists_more && http_head_connection_lists(&exchange->request, name))
        return false;
    if (unlikely(ascii_lower(name.ptr[0]) == 's') && client_auth_is_field(name))
        return false;
    /* CGI and its heirs read "a_b" as "a-b": a way to forge what was replaced above. */
    return (flags & IMAGE_ALLOW_UNDERSCORES) || span_find(name, '_') == SPAN_NOT_FOUND;
}

bool request_trailer_passes(const struct http_header *trailer)
{
    struct span name = http_header_name(trailer);

    return !client_auth_is_field(name) && span_find(name, '_') == SPAN_NOT_FOUND;
}

/* Most Connection fields say "keep-alive" or "close" and list nothing else. */
static bool connection_lists_more(const struct http_head *request)
{
    if (!(request->names_seen & (1ull << HTTP_CONNECTION)))
        return false;
    for (uint32_t i = 0; i < request->headers_len; i++) {
        struct span value = http_header_value(&request->headers[i]);

        if (request->headers[i].id == HTTP_CONNECTION && !span_eq_nocase(value, SPAN("close")) &&
            !span_eq_nocase(value, SPAN("keep-alive")))
            return true;
    }
    return false;
}

static void copied_put(struct exchange *exchange, struct head_out *out, uint32_t flags)
{
    const struct http_head *request = &exchange->request;
    bool lists_more = connection_lists_more(request);

    for (uint32_t i = 0; i < request->headers_len; i++) {
        if (is_copied(exchange, &request->headers[i], lists_more, flags))
            head_put_header(out, &request->headers[i]);
    }
}

/* All fields of that name, as the one list that they are (RFC 9110, 5.3). */
static void list_put(const struct http_head *request, struct head_out *out, enum http_name id)
{
    bool is_first = true;

    for (uint32_t i = 0; i < request->headers_len; i++) {
        const struct http_header *header = &request->headers[i];

        if (header->id != id || header->value_len == 0)
            continue;
        if (!is_first)
            head_put(out, SPAN(", "));
        head_put(out, http_header_value(header));
        is_first = false;
    }
}

static bool has_value(const struct http_head *request, enum http_name id)
{
    if (!(request->names_seen & (1ull << id)))
        return false;
    for (uint32_t i = 0; i < request->headers_len; i++) {
        if (request->headers[i].id == id && request->headers[i].value_len > 0)
            return true;
    }
    return false;
}

static void forwarded_for_put(const struct exchange *exchange, struct head_out *out, uint32_t flags)
{
    const struct exchange_origin *origin = &exchange->origin;
    struct span client_ip = span_of(origin->ip_text, origin->ip_text_len);
    const uint32_t full = IMAGE_USE_FORWARDED_HEADERS | IMAGE_COMPUTE_FULL_FORWARDED_FOR;
    char peer[IP_TEXT_MAX];

    if ((flags & full) == full && has_value(&exchange->request, HTTP_X_FORWARDED_FOR)) {
        head_put(out, SPAN("X-Forwarded-For: "));
        list_put(&exchange->request, out, HTTP_X_FORWARDED_FOR);
        head_put(out, SPAN(", "));
        head_put(out, span_of(peer, ip_format(&exchange->client->connection->ip, peer)));
        head_put(out, SPAN("\r\n"));
    } else {
        head_put_field(out, SPAN("X-Forwarded-For"), client_ip);
    }
    head_put_field(out, SPAN("X-Real-IP"), client_ip);
}

static void original_put(const struct exchange *exchange, struct head_out *out, enum http_name id,
                         struct span name)
{
    if (!has_value(&exchange->request, id))
        return;
    head_put(out, name);
    head_put(out, SPAN(": "));
    list_put(&exchange->request, out, id);
    head_put(out, SPAN("\r\n"));
}

static void known_put(struct exchange *exchange, struct head_out *out, uint32_t flags)
{
    const struct exchange_origin *origin = &exchange->origin;

    if (exchange->request_id_text.len > 0)
        head_put_field(out, SPAN("X-Request-ID"), exchange->request_id_text);
    forwarded_for_put(exchange, out, flags);
    if (origin->host.len > 0)
        head_put_field(out, SPAN("X-Forwarded-Host"), origin->host);
    head_put_field(out, SPAN("X-Forwarded-Port"), origin->port);
    head_put_field(out, SPAN("X-Forwarded-Proto"), origin->scheme);
    head_put_field(out, SPAN("X-Forwarded-Scheme"), origin->scheme);
    head_put_field(out, SPAN("X-Scheme"), origin->scheme);
    original_put(exchange, out, HTTP_X_FORWARDED_FOR, SPAN("X-Original-Forwarded-For"));
    original_put(exchange, out, HTTP_X_FORWARDED_HOST, SPAN("X-Original-Forwarded-Host"));
    if (exchange->client_auth)
        client_auth_put(exchange, out);
}

static bool takes_trailers(const struct http_head *request)
{
    const struct http_header *te = http_head_find(request, HTTP_TE);

    return te && http_list_has(http_header_value(te), SPAN("trailers"));
}

static void framing_put(struct exchange *exchange, struct head_out *out)
{
    const struct http_head *request = &exchange->request;

    if (request->body == HTTP_BODY_LENGTH)
        head_put_field_u64(out, SPAN("Content-Length"), request->content_length);
    if (out->form != HEAD_WHOLE) {
        /* The only thing that TE may say there (RFC 9113, 8.2.2); gRPC insists on it. */
        if (takes_trailers(request))
            head_put(out, SPAN("te: trailers\r\n"));
        return;
    }
    if (request->body == HTTP_BODY_CHUNKED)
        head_put(out, SPAN("Transfer-Encoding: chunked\r\n"));
    if (exchange->upgrade_asked) {
        head_put(out, SPAN("Connection: upgrade\r\n"));
        head_put_field(out, SPAN("Upgrade"), request->upgrade);
    }
}

void request_head_write(struct exchange *exchange)
{
    const struct http_head *request = &exchange->request;
    uint32_t flags = exchange->view ? image_settings_get(exchange->view)->flags : 0;
    struct upstream *upstream = exchange->upstream;
    struct head_request line = { .method = exchange_method(exchange),
                                 .scheme = upstream->stream->tls ? SPAN("https") : SPAN("http"),
                                 .authority = exchange->origin.host,
                                 .path = exchange->target.origin };
    size_t identity_bytes = exchange->client_auth ? PROXY_CLIENT_IDENTITY_BYTES_MAX : 0;
    struct iobuf *buf = upstream->ops->head_room(upstream, 3 * exchange->request_head_bytes +
                                                               REQUEST_ADDED_MAX + identity_bytes);
    struct head_out out = head_out_begin(buf, upstream->head_form);

    head_put_request(&out, &line);
    known_put(exchange, &out, flags);
    copied_put(exchange, &out, flags);
    framing_put(exchange, &out);
    head_out_end(&out);
    upstream->ops->head_end(upstream, &line, request->body);
}
