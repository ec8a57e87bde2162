#include "api/status.h"

#include "base/num.h"
#include "kube/json.h"

enum {
    STATUS_NODES_MAX = 10000,
    STATUS_MESSAGE_MAX = 1024,
    STATUS_RETRY_AFTER_MAX_S = 3600,
};

static struct span text_of(const struct kube_node *map, const char *key)
{
    const struct kube_node *node = map ? kube_node_find(map, span_from_str(key)) : NULL;

    return node && node->kind == KUBE_NODE_STRING ? node->text : SPAN_EMPTY;
}

static uint32_t number_of(const struct kube_node *map, const char *key, uint32_t max)
{
    const struct kube_node *node = map ? kube_node_find(map, span_from_str(key)) : NULL;
    uint64_t value = 0;

    if (!node || node->kind != KUBE_NODE_NUMBER || !num_parse_u64(node->text, UINT64_MAX, &value))
        return 0;
    return (uint32_t)MIN(value, (uint64_t)max);
}

/* Text of a stranger as part of a line: no control bytes, not too long. */
static struct span one_line(struct arena *arena, struct span text)
{
    text = arena_dup(arena, span_upto(text, STATUS_MESSAGE_MAX));
    char *at = (char *)text.ptr;

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
            at[i] = ' ';
    }
    return span_trim(text);
}

static struct span message_of_stranger(struct arena *arena, struct span body, uint32_t code)
{
    struct span text = one_line(arena, body);

    if (text.len == 0)
        return arena_printf(arena, "HTTP status %u", code);
    return arena_printf(arena, "HTTP status %u: " SPAN_FMT, code, SPAN_ARG(text));
}

void api_status_read(struct arena *arena, struct span body, uint32_t code,
                     struct api_status *ret_status)
{
    const struct kube_node *root = NULL;
    struct kube_fault fault;
    size_t nodes_left = STATUS_NODES_MAX, bytes;
    struct api_status status = { .code = code };

    if (kube_json_parse(arena, body, (struct kube_pos){ 1, 1 }, false, &nodes_left, &root, &bytes,
                        &fault) != KUBE_PARSE_OK)
        root = NULL;
    if (root && span_eq(text_of(root, "kind"), SPAN("Status"))) {
        const struct kube_node *details = kube_node_find(root, SPAN("details"));

        status.reason = one_line(arena, text_of(root, "reason"));
        status.message = one_line(arena, text_of(root, "message"));
        status.retry_after_ms =
            number_of(details, "retryAfterSeconds", STATUS_RETRY_AFTER_MAX_S) * 1000;
        uint32_t said = number_of(root, "code", 999);
        if (said)
            status.code = said;
    }
    if (status.message.len == 0)
        status.message = message_of_stranger(arena, body, code);
    *ret_status = status;
}
