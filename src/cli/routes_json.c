#include "cli/routes_rows.h"

static void append_member(struct buf *out, const char *name, struct span value)
{
    buf_printf(out, "\"%s\":\"", name);
    buf_append_json(out, value);
    buf_append_byte(out, '"');
}

static void append_strings(struct buf *out, const char *name, const struct span *items, size_t len)
{
    buf_printf(out, "\"%s\":[", name);
    for (size_t i = 0; i < len; i++) {
        buf_append(out, i > 0 ? SPAN(",\"") : SPAN("\""));
        buf_append_json(out, items[i]);
        buf_append_byte(out, '"');
    }
    buf_append_byte(out, ']');
}

static void append_row(const struct routes_row *row, struct buf *out)
{
    buf_append_byte(out, '{');
    append_member(out, "host", row->host);
    buf_append_byte(out, ',');
    append_member(out, "path", row->path);
    buf_append_byte(out, ',');
    append_member(out, "type", row->type);
    buf_append_byte(out, ',');
    append_member(out, "ingress", row->ingress);
    buf_append_byte(out, ',');
    append_member(out, "place", row->place);
    buf_append(out, row->has_tls ? SPAN(",\"tls\":true,") : SPAN(",\"tls\":false,"));
    append_strings(out, "filters", row->filters, row->filters_len);
    buf_append(out, SPAN(",\"backends\":["));
    for (size_t i = 0; i < row->backends_len; i++) {
        const struct routes_backend *backend = &row->backends[i];

        buf_append(out, i > 0 ? SPAN(",{") : SPAN("{"));
        append_member(out, "service", backend->service);
        buf_printf(out, ",\"weight\":%u,", backend->weight);
        append_strings(out, "endpoints", backend->endpoints, backend->endpoints_len);
        buf_append_byte(out, '}');
    }
    buf_append(out, SPAN("]}"));
}

void routes_rows_append_json(const struct routes_rows *rows, struct buf *out)
{
    buf_append(out, SPAN("{\"routes\":["));
    for (size_t i = 0; i < rows->rows.len; i++) {
        buf_append(out, i > 0 ? SPAN(",\n") : SPAN("\n"));
        append_row(&rows->rows.items[i], out);
    }
    buf_append(out, SPAN("]}\n"));
}
