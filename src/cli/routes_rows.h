/* cli/routes_rows.h
 *
 * Purpose    The table of routes, one row a rule, wherever it was read from: as text and as JSON.
 * Ownership  Rows and their texts live in the arena. */
#ifndef YETT_CLI_ROUTES_ROWS_H
#define YETT_CLI_ROUTES_ROWS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "image/view.h"

struct routes_backend {
    struct span service; /* "namespace/name:port" */
    uint32_t weight;
    const struct span *endpoints;
    size_t endpoints_len;
};

struct routes_row {
    struct span host; /* "*" is any */
    struct span path, type;
    struct span ingress; /* "namespace/name"; empty: yett itself */
    struct span place;   /* "file:line:column", or empty */
    bool has_tls;
    const struct span *filters;
    size_t filters_len;
    const struct routes_backend *backends;
    size_t backends_len;
};

struct routes_rows {
    struct arena arena;
    VEC(struct routes_row) rows;
};

void routes_rows_init(struct routes_rows *rows);
void routes_rows_deinit(struct routes_rows *rows);

/* All rules of the image, by host and path; the default backend last. */
void routes_rows_read_view(struct routes_rows *rows, const struct image_view *view);

void routes_rows_append_text(const struct routes_rows *rows, struct buf *out);
void routes_rows_append_json(const struct routes_rows *rows, struct buf *out);

#endif
