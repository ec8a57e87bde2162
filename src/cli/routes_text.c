#include "base/scope.h"
#include "cli/routes_rows.h"
#include "cli/words.h"

/* Columns as wide as their widest cell, but the last. */
enum { COLUMNS = 8, COLUMN_GAP = 2, ENDPOINTS_SHOWN = 3 };

struct table_row {
    struct span cells[COLUMNS];
};

static const struct table_row heading = { { SPAN("HOST"), SPAN("PATH"), SPAN("TYPE"),
                                            SPAN("SERVICE:PORT"), SPAN("ENDPOINTS"),
                                            SPAN("INGRESS"), SPAN("TLS"), SPAN("FILTERS") } };

static struct span or_dash(struct span text)
{
    return span_is_empty(text) ? SPAN("-") : text;
}

static void append_comma(struct buf *out)
{
    if (out->len > 0)
        buf_append_byte(out, ',');
}

static struct span services_cell(const struct routes_row *row, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    for (size_t i = 0; i < row->backends_len; i++) {
        append_comma(&text);
        buf_append(&text, row->backends[i].namespace);
        buf_append_byte(&text, '/');
        buf_append(&text, row->backends[i].service);
        buf_append_byte(&text, ':');
        buf_append(&text, row->backends[i].port);
        if (row->backends_len > 1)
            buf_printf(&text, "*%u", row->backends[i].weight);
        if (row->backends[i].protocol.len > 0 && !span_eq(row->backends[i].protocol, SPAN("http")))
            buf_printf(&text, "(" SPAN_FMT ")", SPAN_ARG(row->backends[i].protocol));
    }
    return or_dash(arena_dup(arena, buf_span(&text)));
}

static struct span endpoints_cell(const struct routes_row *row, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    size_t hidden = 0;

    for (size_t i = 0; i < row->backends_len; i++) {
        const struct routes_backend *backend = &row->backends[i];
        size_t shown = MIN(backend->endpoints_len, (size_t)ENDPOINTS_SHOWN);

        for (size_t j = 0; j < shown; j++) {
            append_comma(&text);
            buf_append(&text, backend->endpoints[j]);
        }
        hidden += backend->endpoints_len - shown;
    }
    if (hidden > 0)
        buf_printf(&text, ",+%zu", hidden);
    if (text.len == 0)
        return SPAN("none");
    return arena_dup(arena, buf_span(&text));
}

static struct span tls_cell(const struct routes_row *row, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    if (row->is_passed_through)
        buf_append(&text, SPAN("through"));
    else if (row->has_tls)
        buf_append(&text, SPAN("yes"));
    if (row->client_auth.len > 0) {
        append_comma(&text);
        buf_printf(&text, "clients:" SPAN_FMT, SPAN_ARG(row->client_auth));
    }
    return or_dash(arena_dup(arena, buf_span(&text)));
}

static struct span filters_cell(const struct routes_row *row, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    for (size_t i = 0; i < row->filters_len; i++) {
        append_comma(&text);
        buf_append(&text, row->filters[i]);
    }
    return or_dash(arena_dup(arena, buf_span(&text)));
}

static struct span ingress_cell(const struct routes_row *row, struct arena *arena)
{
    if (span_is_empty(row->ingress))
        return SPAN("-");
    return arena_printf(arena, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(row->namespace),
                        SPAN_ARG(row->ingress));
}

static struct table_row cells_of(const struct routes_row *row, struct arena *arena)
{
    struct span any = SPAN("*");

    return (struct table_row){ {
        span_is_empty(row->host) ? any : row->host,
        row->is_default ? any : row->path,
        row->is_default ? SPAN("Default") : row->type,
        services_cell(row, arena),
        endpoints_cell(row, arena),
        ingress_cell(row, arena),
        tls_cell(row, arena),
        filters_cell(row, arena),
    } };
}

static void append_row(const struct table_row *row, const size_t *widths, struct buf *out)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        buf_append(out, row->cells[i]);
        if (i + 1 < COLUMNS)
            words_pad(out, widths[i] - row->cells[i].len + COLUMN_GAP);
    }
    buf_append_byte(out, '\n');
}

void routes_rows_append_text(const struct routes_rows *rows, struct buf *out)
{
    VEC(struct table_row) table = { 0 };
    struct arena arena;
    size_t widths[COLUMNS] = { 0 };

    arena_init(&arena, 64 << 10);
    vec_push(&table, heading);
    vec_for_each (row, &rows->rows)
        vec_push(&table, cells_of(row, &arena));
    vec_for_each (row, &table)
        for (size_t i = 0; i < COLUMNS; i++)
            widths[i] = MAX(widths[i], row->cells[i].len);
    vec_for_each (row, &table)
        append_row(row, widths, out);
    vec_deinit(&table);
    arena_deinit(&arena);
}
