/* control/admin_pages.h
 *
 * Purpose    The answers of the admin endpoint, by path.
 * Roles      controller.
 * See        docs/admin.md */
#ifndef YETT_CONTROL_ADMIN_PAGES_H
#define YETT_CONTROL_ADMIN_PAGES_H

#include "control/admin.h"
#include "control/metrics.h"

/* An admin_page_fn; ctx is a struct metrics_input, which names all there is to show. */
void admin_page(void *ctx, struct span path, struct http_answer *answer);

void admin_diagnostics_json(const struct diag_list *diags, struct buf *out);
void admin_status_json(const struct metrics_input *input, struct buf *out);

#endif
