/* control/ticket_keys.h
 *
 * Purpose    Keys of session tickets where nobody else gives any: made, and made anew each day, with the one
 *            before kept behind it. A controller that is started again finds them in the image that is
 *            served, so that clients go on resuming; each says when it was made, so that the day does not
 *            begin anew with the controller.
 * Ownership  Wipes them at the end.
 * Lifetime   A zeroed struct is empty; ticket_keys_open() … ticket_keys_close().
 * Units      Seconds since 1970.
 * Roles      controller. */
#ifndef YETT_CONTROL_TICKET_KEYS_H
#define YETT_CONTROL_TICKET_KEYS_H

#include "image/view.h"
#include "net/loop.h"
#include "route/model.h"

enum {
    /* Workers derive a key for each hour from it: this is for the day when somebody got hold of one. */
    TICKET_KEYS_ROTATE_MS = 24 * 3600 * 1000,
    TICKET_KEYS_MADE_MAX = 2,
};

struct ticket_keys {
    struct route_ticket_key keys[TICKET_KEYS_MADE_MAX]; /* newest first */
    size_t len;
    struct loop *loop;
    struct loop_timer timer;
    void (*on_rotated)(void *ctx);
    void *ctx;
};

/* Those of `served` (NULL: nothing is) that were made; a new one where there is none, or where the newest is of
 * the day before. `on_rotated`: there is another now. */
void ticket_keys_open(struct ticket_keys *keys, struct loop *loop, const struct image_view *served,
                      int64_t now_s, void (*on_rotated)(void *ctx), void *ctx);
void ticket_keys_close(struct ticket_keys *keys);

#endif
