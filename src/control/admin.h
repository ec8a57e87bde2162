/* control/admin.h
 *
 * Purpose    A small HTTP/1.1 server on the admin endpoint's UNIX socket: GET and HEAD, answers
 *            made whole. What is answered stands in admin_pages.c.
 * Ownership  Borrows the loop and the listening descriptor.
 * Lifetime   admin_new() … admin_free(), which ends all connections.
 * Roles      controller.
 * Limits     ADMIN_CONNECTIONS_MAX, ADMIN_HEAD_BYTES_MAX, ADMIN_IDLE_MS: past them a connection
 *            is refused or closed; nothing is ever queued for a peer that does not read but its
 *            one answer.
 * Errors     -errno of the loop from admin_new(). */
#ifndef YETT_CONTROL_ADMIN_H
#define YETT_CONTROL_ADMIN_H

#include "base/buf.h"
#include "net/loop.h"

enum {
    ADMIN_CONNECTIONS_MAX = 64,  /* scrapers and a few people */
    ADMIN_HEAD_BYTES_MAX = 8192, /* what Prometheus and browsers send is a tenth */
    ADMIN_IDLE_MS = 30000,       /* for a head to come, and for an answer to be read */
};

struct admin_answer {
    uint16_t status;
    const char *content_type;
    struct buf body;
};

/* Fills in *answer (zeroed) for a path without its query. */
typedef void admin_page_fn(void *ctx, struct span path, struct admin_answer *answer);

struct admin;

YETT_MUST_USE int admin_new(struct loop *loop, int listen_fd, admin_page_fn *page, void *ctx,
                            struct admin **ret_admin);
struct admin *admin_free(struct admin *admin);

#endif
