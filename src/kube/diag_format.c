#include "kube/diag.h"

/* Diagnostics quote what users wrote. On a terminal, control bytes in it could move the cursor or
 * forge a line of their own: they are shown as escapes instead. */
static void text_append(struct buf *out, struct span text)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != 0x7f) {
            buf_append_byte(out, (char)c);
        } else if (c == '\n') {
            buf_append(out, SPAN("\\n"));
        } else {
            buf_append(out, SPAN("\\x"));
            buf_append_byte(out, hex[c >> 4]);
            buf_append_byte(out, hex[c & 15]);
        }
    }
}

static void place_append(struct buf *out, const struct diag *diag)
{
    if (span_is_empty(diag->file))
        return;
    text_append(out, diag->file);
    if (diag->pos.line)
        buf_printf(out, ":%u:%u", diag->pos.line, diag->pos.column);
    buf_append(out, SPAN(": "));
}

/* "Ingress shop/web: " */
static void object_append(struct buf *out, const struct diag *diag)
{
    if (span_is_empty(diag->kind) && span_is_empty(diag->name))
        return;
    text_append(out, diag->kind);
    if (!span_is_empty(diag->name)) {
        if (!span_is_empty(diag->kind))
            buf_append_byte(out, ' ');
        if (!span_is_empty(diag->namespace)) {
            text_append(out, diag->namespace);
            buf_append_byte(out, '/');
        }
        text_append(out, diag->name);
    }
    buf_append(out, SPAN(": "));
}

void diag_format_text(const struct diag *diag, struct buf *out)
{
    place_append(out, diag);
    buf_append(out, span_from_str(diag_severity_name(diag->severity)));
    buf_append(out, SPAN(": "));
    object_append(out, diag);
    if (!span_is_empty(diag->field)) {
        text_append(out, diag->field);
        buf_append(out, SPAN(": "));
    }
    text_append(out, diag->message);
    buf_printf(out, " [%s]\n", diag_code_name(diag->code));
    if (span_is_empty(diag->mend))
        return;
    buf_append(out, SPAN("    mend: "));
    text_append(out, diag->mend);
    buf_append_byte(out, '\n');
}

static void member_append(struct buf *out, const char *name, struct span value)
{
    if (span_is_empty(value))
        return;
    buf_printf(out, ",\"%s\":\"", name);
    buf_append_json(out, value);
    buf_append_byte(out, '"');
}

void diag_format_json(const struct diag *diag, struct buf *out)
{
    buf_printf(out, "{\"severity\":\"%s\",\"code\":\"%s\"", diag_severity_name(diag->severity),
               diag_code_name(diag->code));
    member_append(out, "file", diag->file);
    if (diag->pos.line)
        buf_printf(out, ",\"line\":%u,\"column\":%u", diag->pos.line, diag->pos.column);
    member_append(out, "kind", diag->kind);
    member_append(out, "namespace", diag->namespace);
    member_append(out, "name", diag->name);
    member_append(out, "field", diag->field);
    member_append(out, "message", diag->message);
    member_append(out, "mend", diag->mend);
    buf_append_byte(out, '}');
}
