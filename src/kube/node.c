#include "kube/node.h"

#include "base/bug.h"
#include "base/map.h"
#include "base/scope.h"

/* Below this, looking at each key is cheaper than a hash. */
enum { ENTRIES_INDEXED_FROM = 12 };

struct kube_node *kube_node_new_scalar(struct arena *arena, enum kube_node_kind kind,
                                       struct kube_pos pos, struct span text)
{
    struct kube_node *node = arena_new(arena, struct kube_node);

    node->kind = kind;
    node->pos = pos;
    node->text = text;
    node->weight = 1;
    return node;
}

static void node_count(struct kube_node *node, const struct kube_node *child)
{
    node->weight += child->weight;
    if (node->height <= child->height)
        node->height = (uint16_t)(child->height + 1);
}

struct kube_node *kube_node_new_list(struct arena *arena, struct kube_pos pos,
                                     const struct kube_node *const *items, size_t len)
{
    struct kube_node *node = kube_node_new_scalar(arena, KUBE_NODE_LIST, pos, SPAN_EMPTY);

    node->height = 1;
    node->len = len;
    node->items = arena_new_array(arena, const struct kube_node *, len);
    for (size_t i = 0; i < len; i++) {
        node->items[i] = items[i];
        node_count(node, items[i]);
    }
    return node;
}

/* A map under construction; the index is used once there are many entries. */
struct map_maker {
    struct arena *arena;
    struct kube_node *node;
    struct map by_key;
    bool is_indexed;
};

static void map_maker_deinit(struct map_maker *maker)
{
    map_deinit(&maker->by_key);
}

static struct kube_entry *entry_find(const struct map_maker *maker, struct span key)
{
    if (maker->is_indexed)
        return map_find(&maker->by_key, key);
    for (size_t i = 0; i < maker->node->len; i++) {
        if (span_eq(maker->node->entries[i].key->text, key))
            return &maker->node->entries[i];
    }
    return NULL;
}

static void entry_append(struct map_maker *maker, const struct kube_node *key,
                         const struct kube_node *value)
{
    struct kube_entry *entry = &maker->node->entries[maker->node->len++];

    *entry = (struct kube_entry){ .key = key, .value = value };
    if (maker->is_indexed)
        map_put(&maker->by_key, key->text, entry);
}

/* An equal key: the newcomer takes the place, and keeps the loser for the report. */
static void entry_replace(struct map_maker *maker, struct kube_entry *entry,
                          const struct kube_node *key, const struct kube_node *value)
{
    struct kube_entry *loser = arena_new(maker->arena, struct kube_entry);

    *loser = *entry;
    *entry = (struct kube_entry){ .key = key, .value = value, .shadowed = loser };
}

static size_t merge_len(const struct kube_node *source)
{
    size_t len = 0;

    if (source->kind == KUBE_NODE_MAP)
        return source->len;
    for (size_t i = 0; source->kind == KUBE_NODE_LIST && i < source->len; i++)
        len += source->items[i]->kind == KUBE_NODE_MAP ? source->items[i]->len : 0;
    return len;
}

/* What is written in the map itself, or was merged before, wins. */
static void map_merge_one(struct map_maker *maker, const struct kube_node *source)
{
    for (size_t i = 0; i < source->len; i++) {
        const struct kube_entry *entry = &source->entries[i];
        if (!entry_find(maker, entry->key->text))
            entry_append(maker, entry->key, entry->value);
    }
}

static bool map_merge(struct map_maker *maker, const struct kube_node *source)
{
    if (source->kind == KUBE_NODE_MAP) {
        map_merge_one(maker, source);
        return true;
    }
    if (source->kind != KUBE_NODE_LIST)
        return false;
    for (size_t i = 0; i < source->len; i++) {
        if (source->items[i]->kind != KUBE_NODE_MAP)
            return false;
        map_merge_one(maker, source->items[i]);
    }
    return true;
}

struct kube_node *kube_node_new_map(struct arena *arena, struct kube_pos pos,
                                    const struct kube_node *const *pairs, size_t len)
{
    struct kube_node *node = kube_node_new_scalar(arena, KUBE_NODE_MAP, pos, SPAN_EMPTY);
    SCOPED(map_maker_deinit) struct map_maker maker = { .arena = arena, .node = node };
    size_t cap = len / 2;

    invariant(len % 2 == 0);
    node->height = 1;
    for (size_t i = 0; i < len; i += 2) {
        node_count(node, pairs[i]);
        node_count(node, pairs[i + 1]);
        if (pairs[i]->is_merge)
            cap += merge_len(pairs[i + 1]);
    }
    maker.is_indexed = cap >= ENTRIES_INDEXED_FROM;
    node->entries = arena_new_array(arena, struct kube_entry, cap);
    for (size_t i = 0; i < len; i += 2) {
        if (pairs[i]->is_merge)
            continue;
        struct kube_entry *before = entry_find(&maker, pairs[i]->text);
        if (before)
            entry_replace(&maker, before, pairs[i], pairs[i + 1]);
        else
            entry_append(&maker, pairs[i], pairs[i + 1]);
    }
    for (size_t i = 0; i < len; i += 2) {
        if (pairs[i]->is_merge && !map_merge(&maker, pairs[i + 1]))
            return NULL;
    }
    return node;
}

const struct kube_node *kube_node_find(const struct kube_node *map, struct span key)
{
    if (map->kind != KUBE_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->len; i++) {
        if (span_eq(map->entries[i].key->text, key))
            return map->entries[i].value;
    }
    return NULL;
}

static bool maps_eq(const struct kube_node *a, const struct kube_node *b)
{
    for (size_t i = 0; i < a->len; i++) {
        if (!span_eq(a->entries[i].key->text, b->entries[i].key->text) ||
            !kube_node_eq(a->entries[i].value, b->entries[i].value))
            return false;
    }
    return true;
}

/* Maps are equal here when their keys also stand in the same order: enough to tell a line that was
 * pasted twice from one that says something else. */
bool kube_node_eq(const struct kube_node *a, const struct kube_node *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->len != b->len || !span_eq(a->text, b->text))
        return false;
    if (a->kind == KUBE_NODE_MAP)
        return maps_eq(a, b);
    for (size_t i = 0; a->kind == KUBE_NODE_LIST && i < a->len; i++) {
        if (!kube_node_eq(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

const char *kube_node_kind_name(enum kube_node_kind kind)
{
    switch (kind) {
    case KUBE_NODE_NULL:
        return "nothing (null)";
    case KUBE_NODE_BOOL:
        return "a bool";
    case KUBE_NODE_NUMBER:
        return "a number";
    case KUBE_NODE_STRING:
        return "a string";
    case KUBE_NODE_LIST:
        return "a list";
    case KUBE_NODE_MAP:
        return "a map";
    }
    unreachable();
}
