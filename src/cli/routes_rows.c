#include "cli/routes_rows.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/scope.h"

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

/* Members that a newer yett adds are passed over; those that an older one lacks are empty. */

static struct span member_text(struct routes_rows *rows, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value))
        return SPAN_EMPTY;
    return arena_dup(&rows->arena, span_of(json_string_value(value), json_string_length(value)));
}

static uint32_t member_u32(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value >= 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static const struct span *member_texts(struct routes_rows *rows, const json_t *object,
                                       const char *name, size_t *ret_len)
{
    const json_t *array = json_object_get(object, name);
    size_t len = json_array_size(array);
    struct span *texts = arena_new_array(&rows->arena, struct span, len);

    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(array, i);
        texts[i] =
            arena_dup(&rows->arena, span_of(json_is_string(item) ? json_string_value(item) : "",
                                            json_string_length(item)));
    }
    *ret_len = len;
    return texts;
}

static void parse_backends(struct routes_rows *rows, const json_t *object, struct routes_row *row)
{
    const json_t *array = json_object_get(object, "backends");
    size_t len = json_array_size(array);
    struct routes_backend *backends = arena_new_array(&rows->arena, struct routes_backend, len);

    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(array, i);

        backends[i].namespace = member_text(rows, item, "namespace");
        backends[i].service = member_text(rows, item, "service");
        backends[i].port = member_text(rows, item, "port");
        backends[i].protocol = member_text(rows, item, "protocol");
        backends[i].weight = member_u32(item, "weight");
        backends[i].endpoints = member_texts(rows, item, "endpoints", &backends[i].endpoints_len);
    }
    row->backends = backends;
    row->backends_len = len;
}

static void parse_row(struct routes_rows *rows, const json_t *object, bool is_default)
{
    const json_t *origin = json_object_get(object, "origin");
    struct routes_row row = {
        .host = member_text(rows, object, "host"),
        .path = member_text(rows, object, "path"),
        .type = member_text(rows, object, "type"),
        .namespace = member_text(rows, object, "namespace"),
        .ingress = member_text(rows, object, "ingress"),
        .has_tls = json_is_true(json_object_get(object, "tls")),
        .is_passed_through = json_is_true(json_object_get(object, "passthrough")),
        .client_auth = member_text(rows, object, "clientAuth"),
        .is_default = is_default,
        .origin = { .kind = member_text(rows, origin, "kind"),
                    .namespace = member_text(rows, origin, "namespace"),
                    .name = member_text(rows, origin, "name"),
                    .field = member_text(rows, origin, "field"),
                    .file = member_text(rows, origin, "file"),
                    .line = member_u32(origin, "line"),
                    .column = member_u32(origin, "column") },
    };

    row.filters = member_texts(rows, object, "filters", &row.filters_len);
    parse_backends(rows, object, &row);
    vec_push(&rows->rows, row);
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

static void sort_rows(struct routes_rows *rows)
{
    if (rows->rows.len > 0)
        qsort(rows->rows.items, rows->rows.len, sizeof(rows->rows.items[0]), row_cmp);
}

static void json_freep(json_t **json)
{
    json_decref(*json);
}

bool routes_rows_read_json(struct routes_rows *rows, struct span text, const char **ret_what)
{
    SCOPED(json_freep) json_t *root = json_loadb(text.ptr, text.len, 0, NULL);
    const json_t *routes = json_object_get(root, "routes");
    const json_t *default_rule = json_object_get(root, "default");

    if (root == NULL) {
        *ret_what = "the answer is no JSON";
        return false;
    }
    if (!json_is_array(routes)) {
        *ret_what = "the answer has no table of routes";
        return false;
    }
    rows->generation = (uint64_t)json_integer_value(json_object_get(root, "generation"));
    for (size_t i = 0; i < json_array_size(routes); i++)
        parse_row(rows, json_array_get(routes, i), false);
    sort_rows(rows);
    if (json_is_object(default_rule))
        parse_row(rows, default_rule, true);
    return true;
}
