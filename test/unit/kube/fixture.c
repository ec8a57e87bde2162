#include "fixture.h"

#include "base/buf.h"

struct kube_bundle *fixture_decode(const char *text)
{
    return kube_bundle_decode(span_from_str(text), SPAN("t.yaml"));
}

const struct kube_object *fixture_object(const struct kube_bundle *bundle)
{
    assert_int_equal(bundle->objects.len, 1);
    return &bundle->objects.items[0];
}

void fixture_assert_diags(const struct kube_bundle *bundle, const char *expected)
{
    struct buf lines = { 0 };

    vec_for_each (diag, &bundle->diags.diags) {
        buf_printf(&lines, "%s %s %u:%u " SPAN_FMT "\n", diag_severity_name(diag->severity),
                   diag_code_name(diag->code), diag->pos.line, diag->pos.column,
                   SPAN_ARG(diag->field));
        assert_true(diag->message.len > 0);
        assert_true(diag->mend.len > 0);
    }
    buf_append_byte(&lines, '\0');
    assert_string_equal(lines.ptr, expected);
    buf_deinit(&lines);
}

void fixture_assert_span(struct span actual, const char *expected)
{
    struct buf text = { 0 };

    buf_append(&text, actual);
    buf_append_byte(&text, '\0');
    assert_string_equal(text.ptr, expected);
    buf_deinit(&text);
}

static void tree_append(struct buf *out, const struct kube_node *node, bool with_positions)
{
    switch (node->kind) {
    case KUBE_NODE_NULL:
        buf_append(out, SPAN("null"));
        break;
    case KUBE_NODE_BOOL:
        buf_append(out, node->truth ? SPAN("true") : SPAN("false"));
        break;
    case KUBE_NODE_NUMBER:
        buf_append(out, node->text);
        break;
    case KUBE_NODE_STRING:
        buf_append_byte(out, '"');
        buf_append_json(out, node->text);
        buf_append_byte(out, '"');
        break;
    case KUBE_NODE_LIST:
        buf_append_byte(out, '[');
        for (size_t i = 0; i < node->len; i++) {
            buf_append(out, i ? SPAN(", ") : SPAN_EMPTY);
            tree_append(out, node->items[i], with_positions);
        }
        buf_append_byte(out, ']');
        break;
    case KUBE_NODE_MAP:
        buf_append_byte(out, '{');
        for (size_t i = 0; i < node->len; i++) {
            buf_printf(out, "%s" SPAN_FMT ": ", i ? ", " : "",
                       SPAN_ARG(node->entries[i].key->text));
            tree_append(out, node->entries[i].value, with_positions);
        }
        buf_append_byte(out, '}');
        break;
    }
    if (with_positions)
        buf_printf(out, "@%u:%u", node->pos.line, node->pos.column);
}

void fixture_assert_tree(const struct kube_node *node, bool with_positions, const char *expected)
{
    struct buf text = { 0 };

    tree_append(&text, node, with_positions);
    fixture_assert_span(buf_span(&text), expected);
    buf_deinit(&text);
}
