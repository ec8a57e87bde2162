/* The form of /api/v1/routes: what one yett says, another's `routes --admin` reads. */
#include "cli/routes_rows.h"

#include <inttypes.h>

static void append_member(struct buf *out, const char *name, struct span value)
{
    buf_printf(out, "\"%s\":\"", name);
    buf_append_json(out, value);
    buf_append(out, SPAN("\","));
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

static void append_backends(const struct routes_row *row, struct buf *out)
{
    buf_append(out, SPAN("\"backends\":["));
    for (size_t i = 0; i < row->backends_len; i++) {
        const struct routes_backend *backend = &row->backends[i];

        buf_append(out, i > 0 ? SPAN(",{") : SPAN("{"));
        append_member(out, "namespace", backend->namespace);
        append_member(out, "service", backend->service);
        append_member(out, "port", backend->port);
        buf_printf(out, "\"weight\":%u,", backend->weight);
        append_strings(out, "endpoints", backend->endpoints, backend->endpoints_len);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

static void append_origin(const struct route_origin *origin, struct buf *out)
{
    buf_append(out, SPAN("\"origin\":{"));
    append_member(out, "kind", origin->kind);
    append_member(out, "namespace", origin->namespace);
    append_member(out, "name", origin->name);
    append_member(out, "field", origin->field);
    append_member(out, "file", origin->file);
    buf_printf(out, "\"line\":%u,\"column\":%u}", origin->line, origin->column);
}

static void append_row(const struct routes_row *row, struct buf *out)
{
    buf_append_byte(out, '{');
    if (!row->is_default) {
        append_member(out, "host", row->host);
        append_member(out, "path", row->path);
        append_member(out, "type", row->type);
        buf_printf(out, "\"tls\":%s,", row->has_tls ? "true" : "false");
    }
    append_member(out, "namespace", row->namespace);
    append_member(out, "ingress", row->ingress);
    append_strings(out, "filters", row->filters, row->filters_len);
    buf_append_byte(out, ',');
    append_backends(row, out);
    buf_append_byte(out, ',');
    append_origin(&row->origin, out);
    buf_append_byte(out, '}');
}

void routes_rows_append_json(const struct routes_rows *rows, struct buf *out)
{
    const struct routes_row *default_row = NULL;
    const char *separator = "\n";

    buf_printf(out, "{\"generation\":%" PRIu64 ",\"routes\":[", rows->generation);
    vec_for_each (row, &rows->rows) {
        if (row->is_default) {
            default_row = row;
            continue;
        }
        buf_append(out, span_from_str(separator));
        append_row(row, out);
        separator = ",\n";
    }
    buf_append_byte(out, ']');
    if (default_row != NULL) {
        buf_append(out, SPAN(",\n\"default\":"));
        append_row(default_row, out);
    }
    buf_append(out, SPAN("}\n"));
}
