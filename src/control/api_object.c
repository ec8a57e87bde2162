#include "control/api_object.h"

#include "base/num.h"
#include "kube/decode.h"
#include "kube/json.h"

const struct kube_node *api_object_parse(struct arena *arena, struct span json)
{
    size_t nodes_left = KUBE_NODES_MAX, bytes;
    const struct kube_node *root;
    struct kube_fault fault;
    struct span copy = arena_dup(arena, json); /* nodes borrow from the text */

    if (kube_json_parse(arena, copy, (struct kube_pos){ 0 }, false, &nodes_left, &root, &bytes,
                        &fault) != KUBE_PARSE_OK)
        return NULL;
    return root->kind == KUBE_NODE_MAP ? root : NULL;
}

const struct kube_node *api_object_find(const struct kube_node *object, const char *path)
{
    struct span rest = span_from_str(path), key;

    while (object && span_split(&rest, '.', &key))
        object = kube_node_find(object, key);
    return object;
}

struct span api_object_text(const struct kube_node *object, const char *path)
{
    const struct kube_node *node = api_object_find(object, path);

    return node && node->kind == KUBE_NODE_STRING ? node->text : SPAN_EMPTY;
}

uint32_t api_object_u32(const struct kube_node *object, const char *path)
{
    const struct kube_node *node = api_object_find(object, path);
    uint32_t value = 0;

    if (!node || node->kind != KUBE_NODE_NUMBER || !num_parse_u32(node->text, UINT32_MAX, &value))
        return 0;
    return value;
}

size_t api_object_len(const struct kube_node *list)
{
    return list && list->kind == KUBE_NODE_LIST ? list->len : 0;
}
