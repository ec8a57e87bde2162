#include "api/kubeconfig_json.h"

#include "kube/json.h"

static void text_encode(struct span text, struct buf *out)
{
    buf_append_byte(out, '"');
    buf_append_json(out, text);
    buf_append_byte(out, '"');
}

/* YAML has numbers that JSON does not: 0x10, 010, .5, .inf. */
static bool is_json_number(struct span text)
{
    return text.len > 0 && kube_json_number_len(text) == text.len;
}

static void list_encode(const struct kube_node *list, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < list->len; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        kubeconfig_json_encode(list->items[i], out);
    }
    buf_append_byte(out, ']');
}

static void map_encode(const struct kube_node *map, struct buf *out)
{
    buf_append_byte(out, '{');
    for (size_t i = 0; i < map->len; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        text_encode(map->entries[i].key->text, out);
        buf_append_byte(out, ':');
        kubeconfig_json_encode(map->entries[i].value, out);
    }
    buf_append_byte(out, '}');
}

void kubeconfig_json_encode(const struct kube_node *node, struct buf *out)
{
    switch (node->kind) {
    case KUBE_NODE_NULL:
        buf_append(out, SPAN("null"));
        return;
    case KUBE_NODE_BOOL:
        buf_append(out, node->truth ? SPAN("true") : SPAN("false"));
        return;
    case KUBE_NODE_NUMBER:
        if (is_json_number(node->text))
            buf_append(out, node->text);
        else
            text_encode(node->text, out);
        return;
    case KUBE_NODE_STRING:
        text_encode(node->text, out);
        return;
    case KUBE_NODE_LIST:
        list_encode(node, out);
        return;
    case KUBE_NODE_MAP:
        map_encode(node, out);
        return;
    }
}
