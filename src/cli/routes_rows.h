/* cli/routes_rows.h
 *
 * Purpose    The table of routes, one row a rule, as people read it.
 * Ownership  Rows and their texts live in the arena. */
#ifndef YETT_CLI_ROUTES_ROWS_H
#define YETT_CLI_ROUTES_ROWS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "route/model.h"

struct routes_backend {
    struct span namespace, service, port;
    struct span protocol; /* "http" */
    uint32_t weight;
    const struct span *endpoints;
    size_t endpoints_len;
};

struct routes_row {
    struct span host; /* empty: any */
    struct span path, type;
    struct span namespace, ingress; /* empty: yett itself */
    bool has_tls, is_passed_through;
    struct span client_auth; /* "on"; empty: none */
    bool is_default;         /* the default backend of the gate: has neither host, path nor type */
    const struct span *filters;
    size_t filters_len;
    const struct routes_backend *backends;
    size_t backends_len;
    struct route_origin origin;
};

struct routes_rows {
    struct arena arena;
    uint64_t generation;
    VEC(struct routes_row) rows;
};

void routes_rows_init(struct routes_rows *rows);
void routes_rows_deinit(struct routes_rows *rows);

/* From what image_routes_json() says, here or in a running yett: by host, path, type and Ingress; the
 * default backend last. False, with *ret_what a static text, where it is not of that form. */
YETT_MUST_USE bool routes_rows_read_json(struct routes_rows *rows, struct span text,
                                         const char **ret_what);

void routes_rows_append_text(const struct routes_rows *rows, struct buf *out);

#endif
