#include "kube/json.h"

#include <jansson.h>

#include "base/bug.h"
#include "base/scope.h"
#include "kube/decode.h"
#include "kube/mend.h"
#include "kube/yaml.h"

/* jansson judges the text but keeps no positions. So the same text is then read once more by
 * libyaml, as JSON is YAML in flow style. Where libyaml disagrees (surrogate escapes, keys of more
 * than 1,024 bytes), the tree comes from jansson, and diagnostics of it name the file only. */

struct json_builder {
    struct arena *arena;
    size_t *nodes_left;
    struct kube_fault *fault;
};

static void json_unref(json_t **value)
{
    json_decref(*value);
}

static struct kube_pos error_pos(struct kube_pos origin, const json_error_t *error)
{
    uint32_t column = (uint32_t)MAX(error->column, 1);

    if (error->line <= 1)
        return (struct kube_pos){ origin.line, origin.column + column - 1 };
    return (struct kube_pos){ origin.line + (uint32_t)error->line - 1, column };
}

static const struct kube_node *refuse(struct json_builder *builder, enum diag_code code,
                                      struct span message)
{
    *builder->fault = (struct kube_fault){
        .code = code,
        .message = message,
        .mend = SPAN("split the file, and keep to Kubernetes objects"),
    };
    return NULL;
}

static bool nodes_take(struct json_builder *builder)
{
    if (*builder->nodes_left == 0) {
        refuse(builder, DIAG_FILE_TOO_LARGE,
               arena_printf(builder->arena, "more than %d values", KUBE_NODES_MAX));
        return false;
    }
    --*builder->nodes_left;
    return true;
}

static const struct kube_node *node_build(struct json_builder *builder, json_t *value, int depth);

static const struct kube_node *scalar_build(struct json_builder *builder, const json_t *value)
{
    enum kube_node_kind kind = KUBE_NODE_NULL;
    struct span text = SPAN("null");

    if (json_is_string(value)) {
        kind = KUBE_NODE_STRING;
        text =
            arena_dup(builder->arena, span_of(json_string_value(value), json_string_length(value)));
    } else if (json_is_integer(value)) {
        kind = KUBE_NODE_NUMBER;
        text = arena_printf(builder->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        kind = KUBE_NODE_NUMBER;
        text = arena_printf(builder->arena, "%.17g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        kind = KUBE_NODE_BOOL;
        text = json_is_true(value) ? SPAN("true") : SPAN("false");
    }
    struct kube_node *node =
        kube_node_new_scalar(builder->arena, kind, (struct kube_pos){ 0 }, text);
    node->truth = json_is_true(value);
    return node;
}

static const struct kube_node *list_build(struct json_builder *builder, json_t *value, int depth)
{
    size_t len = json_array_size(value);
    SCOPED(mem_freep) const struct kube_node **items = mem_alloc((len + 1) * sizeof(items[0]));

    for (size_t i = 0; i < len; i++) {
        items[i] = node_build(builder, json_array_get(value, i), depth);
        if (!items[i])
            return NULL;
    }
    return kube_node_new_list(builder->arena, (struct kube_pos){ 0 }, items, len);
}

static const struct kube_node *map_build(struct json_builder *builder, json_t *value, int depth)
{
    size_t cap = json_object_size(value) * 2, len = 0;
    SCOPED(mem_freep) const struct kube_node **pairs = mem_alloc((cap + 1) * sizeof(pairs[0]));

    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        struct span key = span_from_str(json_object_iter_key(at));
        const struct kube_node *child = node_build(builder, json_object_iter_value(at), depth);
        if (!child)
            return NULL;
        invariant(len + 2 <= cap);
        if (!nodes_take(builder))
            return NULL;
        pairs[len++] = kube_node_new_scalar(builder->arena, KUBE_NODE_STRING,
                                            (struct kube_pos){ 0 }, arena_dup(builder->arena, key));
        pairs[len++] = child;
    }
    return kube_node_new_map(builder->arena, (struct kube_pos){ 0 }, pairs, len);
}

static const struct kube_node *node_build(struct json_builder *builder, json_t *value, int depth)
{
    bool is_list = json_is_array(value), is_map = json_is_object(value);

    if (!nodes_take(builder))
        return NULL;
    if ((is_list || is_map) && depth == KUBE_DEPTH_MAX)
        return refuse(builder, DIAG_TOO_DEEP,
                      arena_printf(builder->arena, "nested deeper than %d levels", KUBE_DEPTH_MAX));
    if (is_list)
        return list_build(builder, value, depth + 1);
    return is_map ? map_build(builder, value, depth + 1) : scalar_build(builder, value);
}

enum kube_parse_result kube_json_parse(struct arena *arena, struct span text,
                                       struct kube_pos origin, bool wants_positions,
                                       size_t *nodes_left, const struct kube_node **ret_root,
                                       size_t *ret_bytes, struct kube_fault *ret_fault)
{
    json_error_t error;
    SCOPED(json_unref)
    json_t *value =
        json_loadb(text.ptr, text.len, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);

    if (!value) {
        struct span problem = arena_dup(arena, span_from_str(error.text));
        *ret_fault = (struct kube_fault){ DIAG_SYNTAX, error_pos(origin, &error), problem,
                                          kube_mend_json(problem) };
        return KUBE_PARSE_FAULT;
    }
    *ret_bytes = (size_t)error.position;
    if (wants_positions) {
        size_t left = *nodes_left;
        struct span piece = span_upto(text, *ret_bytes);
        enum kube_parse_result result =
            kube_yaml_parse(arena, piece, origin, nodes_left, ret_root, ret_fault);
        if (result == KUBE_PARSE_OK ||
            (result == KUBE_PARSE_FAULT && ret_fault->code != DIAG_SYNTAX))
            return result;
        *nodes_left = left;
    }

    struct json_builder builder = { arena, nodes_left, ret_fault };
    const struct kube_node *root = node_build(&builder, value, 0);
    if (!root)
        return KUBE_PARSE_FAULT;
    *ret_root = root;
    return KUBE_PARSE_OK;
}
