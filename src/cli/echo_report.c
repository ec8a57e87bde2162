#include "cli/echo_report.h"

#include <inttypes.h>

static void append_quoted(struct buf *out, struct span text)
{
    buf_append_byte(out, '"');
    buf_append_json(out, text);
    buf_append_byte(out, '"');
}

/* [["Name","value"],…]: in order and with repetitions, as they came. */
static void append_fields_json(struct buf *out, const struct http_header *fields, size_t len)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < len; i++) {
        buf_append(out, i > 0 ? SPAN(",[") : SPAN("["));
        append_quoted(out, http_header_name(&fields[i]));
        buf_append_byte(out, ',');
        append_quoted(out, http_header_value(&fields[i]));
        buf_append_byte(out, ']');
    }
    buf_append_byte(out, ']');
}

static void append_fields_text(struct buf *out, const struct http_header *fields, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        buf_append(out, http_header_name(&fields[i]));
        buf_append(out, SPAN(": "));
        buf_append(out, http_header_value(&fields[i]));
        buf_append_byte(out, '\n');
    }
}

void echo_report_begin(const struct echo_facts *facts, const struct http_head *head,
                       struct buf *out)
{
    if (!facts->as_json) {
        buf_append(out, SPAN("this is "));
        buf_append(out, facts->name);
        buf_append(out, SPAN("\n\n"));
        buf_append(out, head->method_text);
        buf_append_byte(out, ' ');
        buf_append(out, head->target);
        buf_append(out, head->version_minor ? SPAN(" HTTP/1.1\n") : SPAN(" HTTP/1.0\n"));
        append_fields_text(out, head->headers, head->headers_len);
        return;
    }
    buf_append(out, SPAN("{\"name\":"));
    append_quoted(out, facts->name);
    buf_printf(out,
               ",\"connection\":%" PRIu64 ",\"request\":%" PRIu64 ",\"method\":", facts->connection,
               facts->request);
    append_quoted(out, head->method_text);
    buf_append(out, SPAN(",\"target\":"));
    append_quoted(out, head->target);
    buf_printf(out, ",\"version\":\"1.%d\",\"headers\":", head->version_minor);
    append_fields_json(out, head->headers, head->headers_len);
}

void echo_report_end(const struct echo_facts *facts, const struct http_header *trailers,
                     size_t trailers_len, struct span shown, uint64_t bytes, struct buf *out)
{
    if (facts->as_json) {
        buf_append(out, SPAN(",\"trailers\":"));
        append_fields_json(out, trailers, trailers_len);
        buf_printf(out, ",\"bodyBytes\":%" PRIu64 ",\"body\":", bytes);
        append_quoted(out, shown);
        buf_append(out, SPAN("}\n"));
        return;
    }
    append_fields_text(out, trailers, trailers_len);
    if (bytes == 0)
        return;
    buf_printf(out, "\n%" PRIu64 " bytes of body%s\n", bytes,
               bytes > shown.len ? ", which begins with" : "");
    buf_append(out, shown);
    if (!span_ends_with(shown, SPAN("\n")))
        buf_append_byte(out, '\n');
}
