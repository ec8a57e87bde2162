#include "api/address.h"

#include "base/num.h"

enum { ADDRESS_BLOCK_BYTES = 512, HTTP_PORT = 80, HTTPS_PORT = 443 };

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '#' || c == '?' || c == '@')
            return false;
    }
    return true;
}

/* "host", "host:port", "[::1]", "[::1]:port" */
static bool authority_parse(struct span authority, struct api_url *url)
{
    size_t end = span_starts_with(authority, SPAN("[")) ? span_find(authority, ']') : 0;

    if (end == SPAN_NOT_FOUND)
        return false;
    size_t colon = span_find(span_from(authority, end), ':');
    if (colon == SPAN_NOT_FOUND) {
        url->host = authority;
    } else {
        url->host = span_upto(authority, end + colon);
        if (!num_parse_port(span_from(authority, end + colon + 1), &url->port))
            return false;
    }
    return url->host.len > 0 && (end == 0 || url->host.len == end + 1);
}

bool api_url_parse(struct span text, struct api_url *ret_url)
{
    struct api_url url = { .is_https = span_starts_with_nocase(text, SPAN("https://")) };

    if (!url.is_https && !span_starts_with_nocase(text, SPAN("http://")))
        return false;
    url.port = url.is_https ? HTTPS_PORT : HTTP_PORT;
    text = span_from(text, url.is_https ? 8 : 7);
    if (!is_plain(text))
        return false;
    size_t slash = span_find(text, '/');
    struct span authority = slash == SPAN_NOT_FOUND ? text : span_upto(text, slash);
    url.path = span_from(text, authority.len);
    while (span_ends_with(url.path, SPAN("/")))
        url.path.len--;
    if (!authority_parse(authority, &url))
        return false;
    *ret_url = url;
    return true;
}

/* An IPv6 address is written in brackets in a URL. */
static struct span as_host(struct arena *arena, struct span name)
{
    if (span_find(name, ':') == SPAN_NOT_FOUND || span_starts_with(name, SPAN("[")))
        return name;
    return arena_printf(arena, "[" SPAN_FMT "]", SPAN_ARG(name));
}

static void name_set(struct api_address *address, const struct api_url *url, struct span name)
{
    struct arena *arena = &address->arena;
    struct span host = as_host(arena, name);

    address->url = arena_printf(arena, "https://" SPAN_FMT ":%u" SPAN_FMT, SPAN_ARG(host),
                                url->port, SPAN_ARG(url->path));
    address->host_header =
        (char *)arena_printf(arena, "Host: " SPAN_FMT ":%u", SPAN_ARG(url->host), url->port).ptr;
    address->connect_to = arena_new(arena, struct curl_slist);
    address->connect_to->data =
        (char *)arena_printf(arena, "::" SPAN_FMT ":%u", SPAN_ARG(url->host), url->port).ptr;
}

bool api_address_init(struct api_address *address, struct span server, struct span tls_server_name)
{
    struct api_url url;

    if (!api_url_parse(server, &url))
        return false;
    *address = (struct api_address){ 0 };
    arena_init(&address->arena, ADDRESS_BLOCK_BYTES);
    if (url.is_https && tls_server_name.len > 0)
        name_set(address, &url, tls_server_name);
    else
        address->url = arena_printf(&address->arena, "%s" SPAN_FMT ":%u" SPAN_FMT,
                                    url.is_https ? "https://" : "http://", SPAN_ARG(url.host),
                                    url.port, SPAN_ARG(url.path));
    return true;
}

void api_address_deinit(struct api_address *address)
{
    arena_deinit(&address->arena);
    *address = (struct api_address){ 0 };
}
