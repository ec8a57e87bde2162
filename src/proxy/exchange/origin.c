#include "proxy/exchange/origin.h"

#include "base/num.h"
#include "proxy/client/connection.h"

enum { FORWARDED_HOPS_MAX = 64 };

bool origin_is_trusted(const struct image_view *view, const struct ip_addr *ip)
{
    uint32_t count = image_trusted_count(view);

    for (uint32_t i = 0; i < count; i++) {
        const struct image_block *record = image_trusted_get(view, i);
        struct ip_block block = { .prefix_bits = (uint8_t)record->prefix_bits };

        memcpy(block.addr.bytes, record->addr, sizeof(record->addr));
        if (ip_block_has(&block, ip))
            return true;
    }
    return false;
}

/* An element of X-Forwarded-For: an address, perhaps with a port or in brackets. */
static bool hop_parse(struct span text, struct ip_addr *ret_ip)
{
    text = span_trim(text);
    if (ip_parse(text, ret_ip))
        return true;
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t end = span_find(text, ']');
        return end != SPAN_NOT_FOUND && ip_parse(span_of(text.ptr + 1, end - 1), ret_ip);
    }
    size_t colon = span_rfind(text, ':');
    return colon != SPAN_NOT_FOUND && ip_parse(span_upto(text, colon), ret_ip);
}

/* Walks one field's list from the right. True: all its hops are trusted, the walk goes on before it. */
static bool forwarded_for_walk(struct exchange *exchange, struct span list, unsigned *hops)
{
    struct exchange_origin *origin = &exchange->origin;

    while (list.len > 0) {
        size_t comma = span_rfind(list, ',');
        struct span hop = comma == SPAN_NOT_FOUND ? list : span_from(list, comma + 1);
        struct ip_addr ip;

        if ((*hops)++ == FORWARDED_HOPS_MAX || !hop_parse(hop, &ip))
            return false;
        origin->ip = ip;
        if (!origin_is_trusted(exchange->view, &ip))
            return false;
        list = span_upto(list, comma == SPAN_NOT_FOUND ? 0 : comma);
    }
    return true;
}

/* The first hop from the right that is not trusted is the client; where all are, the left-most. A
 * balancer may add a field of its own below the client's: several are one list (RFC 9110, 5.3). */
static void forwarded_for_apply(struct exchange *exchange, struct span name)
{
    const struct http_head *request = &exchange->request;
    unsigned hops = 0;

    for (uint32_t i = request->headers_len; i-- > 0;) {
        const struct http_header *header = &request->headers[i];

        if (span_eq_nocase(http_header_name(header), name) &&
            !forwarded_for_walk(exchange, http_header_value(header), &hops))
            return;
    }
}

static struct span first_of_list(struct span list)
{
    return span_trim(span_upto(list, MIN(span_find(list, ','), list.len)));
}

static struct span header_or(const struct exchange *exchange, enum http_name id,
                             struct span otherwise)
{
    const struct http_header *header = http_head_find(&exchange->request, id);
    struct span value = header ? first_of_list(http_header_value(header)) : SPAN_EMPTY;

    return value.len > 0 ? value : otherwise;
}

static void connection_facts(struct exchange *exchange)
{
    struct exchange_origin *origin = &exchange->origin;
    const struct connection *connection = exchange->client->connection;
    bool is_tls = connection_is_tls(connection);
    uint16_t port = connection->is_proxied ? connection->local_port
                    : is_tls               ? 443
                                           : connection->listener_port;

    origin->ip = connection->ip;
    /* A balancer that ends TLS itself says so by the port that its client went to. */
    origin->scheme =
        is_tls || (connection->is_proxied && port == 443) ? SPAN("https") : SPAN("http");
    origin->host = exchange->request.host;
    origin->port = span_of(origin->port_text, num_format_u64(origin->port_text, port));
}

void origin_find(struct exchange *exchange)
{
    struct exchange_origin *origin = &exchange->origin;
    const struct image_settings *settings =
        exchange->view ? image_settings_get(exchange->view) : NULL;
    uint32_t flags = settings ? settings->flags : 0;

    connection_facts(exchange);
    if (flags & (IMAGE_USE_FORWARDED_HEADERS | IMAGE_ENABLE_REAL_IP)) {
        if (origin_is_trusted(exchange->view, &exchange->client->connection->ip))
            forwarded_for_apply(exchange,
                                image_str_get(exchange->view, settings->forwarded_for_header));
    }
    /* Scheme, port and host are taken from any peer, as ingress-nginx does: who sets
     * use-forwarded-headers says that only a trusted balancer reaches this port. */
    if (flags & IMAGE_USE_FORWARDED_HEADERS) {
        origin->scheme = header_or(exchange, HTTP_X_FORWARDED_PROTO, origin->scheme);
        origin->port = header_or(exchange, HTTP_X_FORWARDED_PORT, origin->port);
        origin->host = header_or(exchange, HTTP_X_FORWARDED_HOST, origin->host);
    }
    origin->ip_text_len = (uint8_t)ip_format(&origin->ip, origin->ip_text);
}
