/* control/admin.h
 *
 * Purpose    The admin endpoint on its UNIX socket: GET and HEAD. What is answered stands in
 *            admin_pages.c.
 * Ownership  Borrows the loop and the listening descriptor.
 * Lifetime   admin_new() … admin_free(), which ends all connections.
 * Roles      controller.
 * Limits     ADMIN_CONNECTIONS_MAX, ADMIN_IDLE_MS, and those of control/http_server.h.
 * Errors     -errno of the loop from admin_new(). */
#ifndef YETT_CONTROL_ADMIN_H
#define YETT_CONTROL_ADMIN_H

#include "control/http_server.h"

enum {
    ADMIN_CONNECTIONS_MAX = 64, /* scrapers and a few people */
    ADMIN_IDLE_MS = 30000,
};

/* Fills in *answer (zeroed) for a path without its query. */
typedef void admin_page_fn(void *ctx, struct span path, struct http_answer *answer);

struct admin;

YETT_MUST_USE int admin_new(struct loop *loop, int listen_fd, admin_page_fn *page, void *ctx,
                            struct admin **ret_admin);
struct admin *admin_free(struct admin *admin);

#endif
