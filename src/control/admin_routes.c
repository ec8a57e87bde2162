/* The table as the workers have it: read from the image that they serve, not from what it was made
 * of. */
#include "base/ip.h"
#include "base/scope.h"
#include "control/admin_pages.h"
#include "control/json.h"
#include "route/model.h"

static void endpoint_json(const struct image_endpoints *endpoints,
                          const struct image_endpoint *endpoint, struct buf *out)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    struct ip_addr ip;
    char ip_text[IP_TEXT_MAX];

    if (endpoint->kind == ROUTE_ENDPOINT_DNS) {
        buf_append(&text, image_text(endpoints->segment, endpoint->dns_name));
    } else {
        memcpy(ip.bytes, endpoint->ip, sizeof(ip.bytes));
        size_t len = ip_format(&ip, ip_text);
        buf_printf(&text, ip_is_v4(&ip) ? SPAN_FMT : "[" SPAN_FMT "]", (int)len, ip_text);
    }
    buf_printf(&text, ":%u", endpoint->port);
    json_text(out, NULL, buf_span(&text));
}

static void backend_json(const struct image_view *view, const struct image_backend *backend,
                         struct buf *out)
{
    const struct image_service *service = image_service_get(view, backend->service);
    struct image_endpoints endpoints = image_endpoints_find(view, service->key);

    json_open(out, NULL, '{');
    json_text(out, "namespace", image_str_get(view, service->namespace));
    json_text(out, "service", image_str_get(view, service->name));
    json_text(out, "port", image_str_get(view, service->port));
    json_u64(out, "weight", backend->weight);
    json_open(out, "endpoints", '[');
    for (uint32_t i = 0; i < endpoints.len; i++)
        endpoint_json(&endpoints, &endpoints.items[i], out);
    json_close(out, ']');
    json_close(out, '}');
}

static void origin_json(const struct image_view *view, uint32_t index, struct buf *out)
{
    if (index >= view->routes.count[IMAGE_SECTION_ORIGINS])
        return;
    const struct image_origin *origin = image_origin_get(view, index);
    json_open(out, "origin", '{');
    json_text(out, "kind", image_str_get(view, origin->kind));
    json_text(out, "namespace", image_str_get(view, origin->namespace));
    json_text(out, "name", image_str_get(view, origin->name));
    json_text(out, "field", image_str_get(view, origin->field));
    json_text(out, "file", image_str_get(view, origin->file));
    json_u64(out, "line", origin->line);
    json_u64(out, "column", origin->column);
    json_close(out, '}');
}

static void filter_json(const struct image_filter *filter, struct buf *out)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    switch ((enum route_filter_kind)filter->kind) {
    case ROUTE_FILTER_HTTPS_REDIRECT:
        buf_printf(&text, "https-redirect %u", filter->status);
        break;
    case ROUTE_FILTER_RESPOND:
        buf_printf(&text, "respond %u", filter->status);
        break;
    }
    json_text(out, NULL, buf_span(&text));
}

/* The members of a rule that do not depend on where it hangs. */
static void rule_json(const struct image_view *view, const struct image_rule *rule, struct buf *out)
{
    json_text(out, "namespace", image_str_get(view, rule->namespace));
    json_text(out, "ingress", image_str_get(view, rule->ingress));
    json_open(out, "filters", '[');
    for (uint32_t i = 0; i < rule->filters_len; i++)
        filter_json(image_filter_get(view, rule->filters_first + i), out);
    json_close(out, ']');
    json_open(out, "backends", '[');
    for (uint32_t i = 0; i < rule->backends_len; i++)
        backend_json(view, image_backend_get(view, rule->backends_first + i), out);
    json_close(out, ']');
    origin_json(view, rule->origin, out);
}

static void path_json(const struct image_view *view, const struct image_host *host,
                      const struct image_path *path, struct buf *out)
{
    struct span text = image_str_get(view, path->path);

    for (uint32_t i = 0; i < path->rules_len; i++) {
        json_open(out, NULL, '{');
        json_text(out, "host", image_str_get(view, host->name));
        json_text(out, "path", text.len ? text : SPAN("/"));
        json_text(out, "type", path->kind == ROUTE_PATH_EXACT ? SPAN("Exact") : SPAN("Prefix"));
        json_bool(out, "tls", (host->flags & IMAGE_HOST_TLS) != 0);
        rule_json(view, image_rule_get(view, path->rules_first + i), out);
        json_close(out, '}');
    }
}

static void view_json(const struct image_view *view, struct buf *out)
{
    uint32_t default_rule = image_settings_get(view)->default_rule;

    json_open(out, "routes", '[');
    for (uint32_t i = 0; i < view->routes.count[IMAGE_SECTION_HOSTS]; i++) {
        const struct image_host *host = image_host_get(view, i);
        for (uint32_t j = 0; j < host->paths_len; j++)
            path_json(view, host, image_path_get(view, host->paths_first + j), out);
    }
    json_close(out, ']');
    if (default_rule == IMAGE_NONE)
        return;
    json_open(out, "default", '{');
    rule_json(view, image_rule_get(view, default_rule), out);
    json_close(out, '}');
}

void admin_routes_json(const struct image_view *view, struct buf *out)
{
    json_open(out, NULL, '{');
    json_u64(out, "generation", view ? view->generation : 0);
    if (view) {
        view_json(view, out);
    } else {
        json_open(out, "routes", '[');
        json_close(out, ']');
    }
    json_close(out, '}');
    buf_append_byte(out, '\n');
}
