#include "image/describe.h"

#include "route/model.h"

void image_describe_endpoint(const struct image_endpoints *endpoints, uint32_t index,
                             struct buf *out)
{
    const struct image_endpoint *endpoint = &endpoints->items[index];
    struct ip_addr addr;
    char text[IP_TEXT_MAX];

    if (endpoint->kind == ROUTE_ENDPOINT_DNS) {
        buf_append(out, image_text(endpoints->segment, endpoint->dns_name));
        buf_printf(out, ":%u", endpoint->port);
        return;
    }
    memcpy(addr.bytes, endpoint->ip, sizeof(addr.bytes));
    size_t len = ip_format(&addr, text);
    if (ip_is_v4(&addr))
        buf_printf(out, "%.*s:%u", (int)len, text, endpoint->port);
    else
        buf_printf(out, "[%.*s]:%u", (int)len, text, endpoint->port);
}

void image_describe_service(const struct image_view *view, const struct image_service *service,
                            struct buf *out)
{
    buf_append(out, image_str_get(view, service->namespace));
    buf_append_byte(out, '/');
    buf_append(out, image_str_get(view, service->name));
    buf_append_byte(out, ':');
    buf_append(out, image_str_get(view, service->port));
}

void image_describe_filter(const struct image_filter *filter, struct buf *out)
{
    switch ((enum route_filter_kind)filter->kind) {
    case ROUTE_FILTER_HTTPS_REDIRECT:
        buf_printf(out, "https-redirect %u", filter->status);
        return;
    case ROUTE_FILTER_RESPOND:
        buf_printf(out, "respond %u", filter->status);
        return;
    }
    unreachable(); /* the image was verified */
}

const char *image_describe_protocol(enum route_protocol protocol)
{
    switch (protocol) {
    case ROUTE_PROTOCOL_UNSET:
        break; /* of a policy only: image_protocol_of() knows */
    case ROUTE_PROTOCOL_HTTP:
        return "http";
    case ROUTE_PROTOCOL_HTTPS:
        return "https";
    case ROUTE_PROTOCOL_AUTO_HTTP:
        return "auto-http";
    case ROUTE_PROTOCOL_H2C:
        return "h2c";
    case ROUTE_PROTOCOL_H2:
        return "h2";
    }
    return "as the service";
}

void image_describe_backend_tls(const struct image_view *view, const struct image_policy *policy,
                                struct buf *out)
{
    const struct image_backend_tls *tls =
        policy->backend_tls == IMAGE_NONE ? NULL : image_backend_tls_get(view, policy->backend_tls);

    if (tls && tls->flags & IMAGE_BACKEND_TLS_BROKEN) {
        buf_append(out, SPAN("not asked, for its secrets are not here"));
        return;
    }
    if (tls && tls->flags & IMAGE_BACKEND_TLS_VERIFY)
        buf_printf(out, "verified as " SPAN_FMT, SPAN_ARG(image_str_get(view, tls->name)));
    else
        buf_append(out, SPAN("not verified"));
    if (tls && tls->certificate_id != 0)
        buf_append(out, SPAN(", shown a certificate"));
    if (tls && tls->flags & IMAGE_BACKEND_TLS_SEND_NAME)
        buf_append(out, SPAN(", asked for by name"));
}

const char *image_describe_client_auth(const struct image_client_auth *auth)
{
    switch ((enum route_client_auth_mode)auth->mode) {
    case ROUTE_CLIENT_AUTH_OFF:
        return "off";
    case ROUTE_CLIENT_AUTH_ON:
        return "on";
    case ROUTE_CLIENT_AUTH_OPTIONAL:
        return "optional";
    case ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA:
        return "optional_no_ca";
    case ROUTE_CLIENT_AUTH_BROKEN:
        return "broken";
    }
    unreachable(); /* the image was verified */
}

const char *image_describe_path_kind(uint32_t kind)
{
    return kind == ROUTE_PATH_EXACT ? "Exact" : "Prefix";
}

struct span image_describe_path(const struct image_view *view, const struct image_path *path)
{
    struct span text = image_str_get(view, path->path);

    return span_is_empty(text) ? SPAN("/") : text;
}

struct span image_describe_host(const struct image_view *view, const struct image_host *host)
{
    struct span name = image_str_get(view, host->name);

    return span_is_empty(name) ? SPAN("*") : name;
}

void image_describe_place(const struct image_view *view, uint32_t origin, struct buf *out)
{
    if (origin == IMAGE_NONE)
        return;

    const struct image_origin *record = image_origin_get(view, origin);
    struct span file = image_str_get(view, record->file);
    if (span_is_empty(file))
        return;
    buf_append(out, file);
    if (record->line > 0)
        buf_printf(out, ":%u:%u", record->line, record->column);
}
