#include "kube/yaml.h"

#include <yaml.h>

#include "base/bug.h"
#include "base/map.h"
#include "base/scope.h"
#include "kube/decode.h"
#include "kube/mend.h"
#include "kube/scalar.h"

/* libyaml reads the text and tells what it meets, event by event; this builds the tree by
 * recursion, whose depth KUBE_DEPTH_MAX bounds. An anchor counts as known once its node is
 * complete: an alias within the very node that it names is thereby refused, and no tree holds
 * itself. */

struct yaml_builder {
    yaml_parser_t parser;
    struct arena *arena;
    struct span piece;
    struct kube_pos origin;
    size_t *nodes_left;
    VEC(const struct kube_node *) pending; /* children of the collections that are open */
    struct map anchors;                    /* name → const struct kube_node */
    struct kube_fault *fault;
};

static void builder_deinit(struct yaml_builder *builder)
{
    yaml_parser_delete(&builder->parser);
    vec_deinit(&builder->pending);
    map_deinit(&builder->anchors);
}

/* libyaml counts from 0, from the start of the piece. */
static struct kube_pos pos_of(const struct yaml_builder *builder, const yaml_mark_t *mark)
{
    uint32_t column = (uint32_t)mark->column;

    return (struct kube_pos){
        .line = builder->origin.line + (uint32_t)mark->line,
        .column = mark->line == 0 ? builder->origin.column + column : column + 1,
    };
}

static const struct kube_node *refuse(struct yaml_builder *builder, enum diag_code code,
                                      struct kube_pos pos, struct span message, struct span mend)
{
    *builder->fault = (struct kube_fault){ code, pos, message, mend };
    return NULL;
}

/* Bytes that are not text have an offset and no mark. */
static struct kube_pos offset_pos(const struct yaml_builder *builder, size_t offset)
{
    struct kube_pos pos = builder->origin;

    for (size_t i = 0; i < MIN(offset, builder->piece.len); i++) {
        if (builder->piece.ptr[i] == '\n') {
            pos.line++;
            pos.column = 1;
        } else {
            pos.column++;
        }
    }
    return pos;
}

static void refuse_syntax(struct yaml_builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    struct kube_pos pos = parser->error == YAML_READER_ERROR
                              ? offset_pos(builder, parser->problem_offset)
                              : pos_of(builder, &parser->problem_mark);
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    struct span message = parser->context
                              ? arena_printf(builder->arena, "%s: %s", parser->context, problem)
                              : arena_printf(builder->arena, "%s", problem);
    size_t line_at = pos.line - builder->origin.line;

    refuse(builder, DIAG_SYNTAX, pos, message,
           kube_mend_yaml(span_from_str(problem), builder->piece, line_at));
}

static bool event_next(struct yaml_builder *builder, yaml_event_t *ret_event)
{
    if (yaml_parser_parse(&builder->parser, ret_event))
        return true;
    refuse_syntax(builder);
    return false;
}

static bool nodes_take(struct yaml_builder *builder, size_t n, struct kube_pos pos)
{
    if (n <= *builder->nodes_left) {
        *builder->nodes_left -= n;
        return true;
    }
    refuse(builder, DIAG_FILE_TOO_LARGE, pos,
           arena_printf(builder->arena, "more than %d values, aliases counted as often as used",
                        KUBE_NODES_MAX),
           SPAN("split the file, and write out what aliases multiply"));
    return false;
}

static bool depth_allow(struct yaml_builder *builder, size_t depth, struct kube_pos pos)
{
    if (depth <= KUBE_DEPTH_MAX)
        return true;
    refuse(builder, DIAG_TOO_DEEP, pos,
           arena_printf(builder->arena, "nested deeper than %d levels", KUBE_DEPTH_MAX),
           SPAN("no Kubernetes object is that deep: look for an unclosed bracket or runaway "
                "indentation"));
    return false;
}

static struct span yaml_text(const yaml_char_t *text)
{
    return span_from_str((const char *)text);
}

static const struct kube_node *alias_find(struct yaml_builder *builder, const yaml_event_t *event,
                                          size_t depth)
{
    struct kube_pos pos = pos_of(builder, &event->start_mark);
    struct span name = yaml_text(event->data.alias.anchor);
    const struct kube_node *node = map_find(&builder->anchors, name);

    if (!node)
        return refuse(
            builder, DIAG_SYNTAX, pos,
            arena_printf(builder->arena, "alias *" SPAN_FMT " names no anchor before it",
                         SPAN_ARG(name)),
            SPAN("quote the value if it shall begin with a star, or define the anchor first"));
    if (!nodes_take(builder, node->weight, pos) || !depth_allow(builder, depth + node->height, pos))
        return NULL;
    return node;
}

static void anchor_add(struct yaml_builder *builder, const yaml_char_t *anchor,
                       const struct kube_node *node)
{
    if (anchor)
        map_put(&builder->anchors, arena_dup(builder->arena, yaml_text(anchor)), (void *)node);
}

/* A tag that asks for a string, as "!!str" and "!" do, or one that we know nothing of. */
static bool is_string_tag(struct span tag)
{
    static const char *const resolved[] = { YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG,
                                            YAML_NULL_TAG };

    for (size_t i = 0; i < ARRAY_LEN(resolved); i++) {
        if (span_eq(tag, span_from_str(resolved[i])))
            return false;
    }
    return true;
}

static const struct kube_node *scalar_build(struct yaml_builder *builder, const yaml_event_t *event)
{
    struct kube_pos pos = pos_of(builder, &event->start_mark);
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const yaml_char_t *tag = event->data.scalar.tag;
    enum kube_node_kind kind = KUBE_NODE_STRING;
    bool truth = false;

    if (!nodes_take(builder, 1, pos))
        return NULL;
    struct span text = arena_dup(
        builder->arena, span_of((const char *)event->data.scalar.value, event->data.scalar.length));
    if (tag ? !is_string_tag(yaml_text(tag)) : is_plain)
        kind = kube_scalar_resolve(text, &truth);

    struct kube_node *node = kube_node_new_scalar(builder->arena, kind, pos, text);
    node->truth = truth;
    node->is_merge = is_plain && !tag && span_eq(text, SPAN("<<"));
    anchor_add(builder, event->data.scalar.anchor, node);
    return node;
}

static const struct kube_node *collection_build(struct yaml_builder *builder,
                                                const yaml_event_t *opening, size_t depth);

static const struct kube_node *node_build(struct yaml_builder *builder, const yaml_event_t *event,
                                          size_t depth)
{
    if (event->type == YAML_SCALAR_EVENT)
        return scalar_build(builder, event);
    if (event->type == YAML_ALIAS_EVENT)
        return alias_find(builder, event, depth);
    return collection_build(builder, event, depth + 1);
}

/* Most often the braces of a template: {{ }} is a map with a map as its key. */
static void refuse_key(struct yaml_builder *builder, struct kube_pos pos)
{
    struct span problem = SPAN("a list or a map stands as a key");

    refuse(builder, DIAG_SYNTAX, pos, problem,
           kube_mend_yaml(problem, builder->piece, pos.line - builder->origin.line));
}

/* Children come onto `pending`, up to the end of the collection; false: a fault. */
static bool children_build(struct yaml_builder *builder, bool is_map, size_t depth)
{
    for (bool is_key = is_map;; is_key = is_map && !is_key) {
        SCOPED(yaml_event_delete) yaml_event_t event = { 0 };
        if (!event_next(builder, &event))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            return true;
        const struct kube_node *child = node_build(builder, &event, depth);
        if (!child)
            return false;
        if (is_key && child->height) {
            refuse_key(builder, child->pos);
            return false;
        }
        vec_push(&builder->pending, child);
    }
}

static const struct kube_node *collection_make(struct yaml_builder *builder, bool is_map,
                                               struct kube_pos pos, size_t first)
{
    const struct kube_node *const *children = vec_from(&builder->pending, first);
    size_t len = builder->pending.len - first;

    if (!is_map)
        return kube_node_new_list(builder->arena, pos, children, len);
    const struct kube_node *map = kube_node_new_map(builder->arena, pos, children, len);
    if (!map)
        refuse(builder, DIAG_SYNTAX, pos,
               SPAN("a merge key \"<<\" is given something else than a map"),
               SPAN("give it an alias of a map, or a list of such"));
    return map;
}

static const struct kube_node *collection_build(struct yaml_builder *builder,
                                                const yaml_event_t *opening, size_t depth)
{
    bool is_map = opening->type == YAML_MAPPING_START_EVENT;
    struct kube_pos pos = pos_of(builder, &opening->start_mark);
    size_t first = builder->pending.len;

    invariant(is_map || opening->type == YAML_SEQUENCE_START_EVENT);
    if (!depth_allow(builder, depth, pos) || !nodes_take(builder, 1, pos))
        return NULL;
    if (!children_build(builder, is_map, depth))
        return NULL;
    const struct kube_node *node = collection_make(builder, is_map, pos, first);
    builder->pending.len = first;
    if (node)
        anchor_add(builder,
                   is_map ? opening->data.mapping_start.anchor
                          : opening->data.sequence_start.anchor,
                   node);
    return node;
}

/* Everything up to the stream's end is read: what comes after the document's last line, and is no
 * document, is a fault of this one (most often, text that lost its indentation). */
static enum kube_parse_result stream_build(struct yaml_builder *builder,
                                           const struct kube_node **ret_root)
{
    const struct kube_node *root = NULL;

    for (;;) {
        SCOPED(yaml_event_delete) yaml_event_t event = { 0 };
        if (!event_next(builder, &event))
            return KUBE_PARSE_FAULT;
        if (event.type == YAML_STREAM_END_EVENT)
            break;
        if (event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT ||
            event.type == YAML_DOCUMENT_END_EVENT)
            continue;
        root = node_build(builder, &event, 0);
        if (!root)
            return KUBE_PARSE_FAULT;
    }
    if (!root)
        return KUBE_PARSE_NOTHING;
    *ret_root = root;
    return KUBE_PARSE_OK;
}

enum kube_parse_result kube_yaml_parse(struct arena *arena, struct span piece,
                                       struct kube_pos origin, size_t *nodes_left,
                                       const struct kube_node **ret_root,
                                       struct kube_fault *ret_fault)
{
    SCOPED(builder_deinit)
    struct yaml_builder builder = {
        .arena = arena,
        .piece = piece,
        .origin = origin,
        .nodes_left = nodes_left,
        .fault = ret_fault,
    };

    invariant(yaml_parser_initialize(&builder.parser)); /* fails only out of memory */
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)piece.ptr, piece.len);
    return stream_build(&builder, ret_root);
}
