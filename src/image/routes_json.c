/* Read from the image that workers serve, not from what it was made of: this is the table as they have
 * it. */
#include "image/routes_json.h"

#include "base/json.h"
#include "base/scope.h"
#include "image/describe.h"

static void protocol_json(const struct image_view *view, const struct image_policy *policy,
                          const struct image_service *service, struct buf *out)
{
    SCOPED(buf_deinit) struct buf tls = { 0 };
    enum route_protocol protocol = image_protocol_of(policy, service);

    json_text(out, "protocol", span_from_str(image_describe_protocol(protocol)));
    if (!image_protocol_has_tls(protocol))
        return;
    image_describe_backend_tls(view, policy, &tls);
    json_text(out, "tls", buf_span(&tls));
}

static void backend_json(const struct image_view *view, const struct image_policy *policy,
                         const struct image_backend *backend, struct buf *out)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    const struct image_service *service = image_service_get(view, backend->service);
    struct image_endpoints endpoints = image_endpoints_find(view, service->key);

    json_open(out, NULL, '{');
    json_text(out, "namespace", image_str_get(view, service->namespace));
    json_text(out, "service", image_str_get(view, service->name));
    json_text(out, "port", image_str_get(view, service->port));
    json_u64(out, "weight", backend->weight);
    protocol_json(view, policy, service, out);
    json_open(out, "endpoints", '[');
    for (uint32_t i = 0; i < endpoints.len; i++) {
        text.len = 0;
        image_describe_endpoint(&endpoints, i, &text);
        json_text(out, NULL, buf_span(&text));
    }
    json_close(out, ']');
    json_close(out, '}');
}

static void origin_json(const struct image_view *view, uint32_t index, struct buf *out)
{
    if (index == IMAGE_NONE)
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

/* The members of a rule that do not depend on where it hangs. */
static void rule_json(const struct image_view *view, const struct image_rule *rule, struct buf *out)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    json_text(out, "namespace", image_str_get(view, rule->namespace));
    json_text(out, "ingress", image_str_get(view, rule->ingress));
    json_open(out, "filters", '[');
    for (uint32_t i = 0; i < rule->filters_len; i++) {
        text.len = 0;
        image_describe_filter(image_filter_get(view, rule->filters_first + i), &text);
        json_text(out, NULL, buf_span(&text));
    }
    json_close(out, ']');
    json_open(out, "backends", '[');
    for (uint32_t i = 0; i < rule->backends_len; i++)
        backend_json(view, image_policy_get(view, rule->policy),
                     image_backend_get(view, rule->backends_first + i), out);
    json_close(out, ']');
    origin_json(view, rule->origin, out);
}

static void host_json(const struct image_view *view, const struct image_host *host, struct buf *out)
{
    json_bool(out, "tls", (host->flags & IMAGE_HOST_TLS) != 0);
    json_bool(out, "passthrough", host->passthrough != IMAGE_NONE);
    if (host->client_auth != IMAGE_NONE)
        json_text(out, "clientAuth",
                  span_from_str(
                      image_describe_client_auth(image_client_auth_get(view, host->client_auth))));
}

static void path_json(const struct image_view *view, const struct image_host *host,
                      const struct image_path *path, struct buf *out)
{
    for (uint32_t i = 0; i < path->rules_len; i++) {
        json_open(out, NULL, '{');
        json_text(out, "host", image_str_get(view, host->name));
        json_text(out, "path", image_describe_path(view, path));
        json_text(out, "type", span_from_str(image_describe_path_kind(path->kind)));
        host_json(view, host, out);
        rule_json(view, image_rule_get(view, path->rules_first + i), out);
        json_close(out, '}');
    }
}

static void hosts_json(const struct image_view *view, struct buf *out)
{
    image_for_each(i, view, IMAGE_SECTION_HOSTS)
    {
        const struct image_host *host = image_host_get(view, i);

        for (uint32_t j = 0; j < host->paths_len; j++)
            path_json(view, host, image_path_get(view, host->paths_first + j), out);
    }
}

void image_routes_json(const struct image_view *view, struct buf *out)
{
    uint32_t default_rule = view ? image_settings_get(view)->default_rule : IMAGE_NONE;

    json_open(out, NULL, '{');
    json_u64(out, "generation", view ? view->generation : 0);
    json_open(out, "routes", '[');
    if (view)
        hosts_json(view, out);
    json_close(out, ']');
    if (default_rule != IMAGE_NONE) {
        json_open(out, "default", '{');
        rule_json(view, image_rule_get(view, default_rule), out);
        json_close(out, '}');
    }
    json_close(out, '}');
    buf_append_byte(out, '\n');
}
