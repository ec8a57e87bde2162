#include "cli/routes_rows.h"

#include <stdlib.h>

#include "base/scope.h"
#include "cli/describe.h"

void routes_rows_init(struct routes_rows *rows)
{
    *rows = (struct routes_rows){ 0 };
    arena_init(&rows->arena, 64 << 10);
}

void routes_rows_deinit(struct routes_rows *rows)
{
    vec_deinit(&rows->rows);
    arena_deinit(&rows->arena);
}

/* Moves what was described into the arena, and empties `text` for the next. */
static struct span keep(struct routes_rows *rows, struct buf *text)
{
    struct span kept = arena_dup(&rows->arena, buf_span(text));

    text->len = 0;
    return kept;
}

static struct span keep_str(struct routes_rows *rows, const struct image_view *view,
                            struct image_str str)
{
    return arena_dup(&rows->arena, image_str_get(view, str));
}

static void read_backend(struct routes_rows *rows, const struct image_view *view,
                         const struct image_backend *backend, struct routes_backend *ret_backend)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    const struct image_service *service = image_service_get(view, backend->service);
    struct image_endpoints endpoints = image_endpoints_find(view, service->key);
    struct span *texts = arena_new_array(&rows->arena, struct span, endpoints.len);

    for (uint32_t i = 0; i < endpoints.len; i++) {
        describe_endpoint(&endpoints, i, &text);
        texts[i] = keep(rows, &text);
    }
    *ret_backend = (struct routes_backend){
        .namespace = keep_str(rows, view, service->namespace),
        .service = keep_str(rows, view, service->name),
        .port = keep_str(rows, view, service->port),
        .weight = backend->weight,
        .endpoints = texts,
        .endpoints_len = endpoints.len,
    };
}

static struct route_origin read_origin(struct routes_rows *rows, const struct image_view *view,
                                       uint32_t index)
{
    if (index == IMAGE_NONE)
        return (struct route_origin){ 0 };

    const struct image_origin *origin = image_origin_get(view, index);
    return (struct route_origin){
        .kind = keep_str(rows, view, origin->kind),
        .namespace = keep_str(rows, view, origin->namespace),
        .name = keep_str(rows, view, origin->name),
        .field = keep_str(rows, view, origin->field),
        .file = keep_str(rows, view, origin->file),
        .line = origin->line,
        .column = origin->column,
    };
}

static void read_rule(struct routes_rows *rows, const struct image_view *view,
                      const struct image_rule *rule, struct routes_row row)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    struct routes_backend *backends =
        arena_new_array(&rows->arena, struct routes_backend, rule->backends_len);
    struct span *filters = arena_new_array(&rows->arena, struct span, rule->filters_len);

    for (uint32_t i = 0; i < rule->backends_len; i++)
        read_backend(rows, view, image_backend_get(view, rule->backends_first + i), &backends[i]);
    for (uint32_t i = 0; i < rule->filters_len; i++) {
        describe_filter(image_filter_get(view, rule->filters_first + i), &text);
        filters[i] = keep(rows, &text);
    }
    row.namespace = keep_str(rows, view, rule->namespace);
    row.ingress = keep_str(rows, view, rule->ingress);
    row.origin = read_origin(rows, view, rule->origin);
    row.filters = filters;
    row.filters_len = rule->filters_len;
    row.backends = backends;
    row.backends_len = rule->backends_len;
    vec_push(&rows->rows, row);
}

static void read_path(struct routes_rows *rows, const struct image_view *view,
                      const struct image_host *host, const struct image_path *path)
{
    struct routes_row row = {
        .host = keep_str(rows, view, host->name),
        .path = arena_dup(&rows->arena, describe_path(view, path)),
        .type = span_from_str(describe_path_kind(path->kind)),
        .has_tls = (host->flags & IMAGE_HOST_TLS) != 0,
    };

    for (uint32_t i = 0; i < path->rules_len; i++)
        read_rule(rows, view, image_rule_get(view, path->rules_first + i), row);
}

/* Exact names, then wildcards, then any host: as hosts are looked up. */
static int host_rank(struct span host)
{
    if (span_starts_with(host, SPAN("*.")))
        return 1;
    return span_is_empty(host) ? 2 : 0;
}

static int row_cmp(const void *a, const void *b)
{
    const struct routes_row *left = a, *right = b;
    int by_rank = host_rank(left->host) - host_rank(right->host);
    int by_host = by_rank ? by_rank : span_cmp(left->host, right->host);
    int by_path = by_host ? by_host : span_cmp(left->path, right->path);
    int by_type = by_path ? by_path : span_cmp(left->type, right->type);

    return by_type ? by_type : span_cmp(left->ingress, right->ingress);
}

void routes_rows_sort(struct routes_rows *rows)
{
    if (rows->rows.len > 0)
        qsort(rows->rows.items, rows->rows.len, sizeof(rows->rows.items[0]), row_cmp);
}

void routes_rows_read_view(struct routes_rows *rows, const struct image_view *view)
{
    const struct image_settings *settings = image_settings_get(view);

    rows->generation = view->generation;
    for (uint32_t h = 0; h < view->routes.count[IMAGE_SECTION_HOSTS]; h++) {
        const struct image_host *host = image_host_get(view, h);
        for (uint32_t p = 0; p < host->paths_len; p++)
            read_path(rows, view, host, image_path_get(view, host->paths_first + p));
    }
    routes_rows_sort(rows);

    if (settings->default_rule != IMAGE_NONE)
        read_rule(
            rows, view, image_rule_get(view, settings->default_rule),
            (struct routes_row){
                .host = SPAN_EMPTY, .path = SPAN_EMPTY, .type = SPAN_EMPTY, .is_default = true });
}
