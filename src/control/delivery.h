/* control/delivery.h
 *
 * Purpose    The bytes of an image → sealed, opened and verified as a worker would, and into the supervisor's
 *            hands; and what was handed over last, by which the next is told from it.
 * Ownership  Owns descriptors and view of the newest image; borrows the channel.
 * Lifetime   delivery_init() … delivery_deinit().
 * Roles      controller.
 * Errors     Logged here. */
#ifndef YETT_CONTROL_DELIVERY_H
#define YETT_CONTROL_DELIVERY_H

#include "base/compiler.h"
#include "image/view.h"
#include "image/writer.h"

struct delivery {
    int channel;
    bool has_newest;
    struct image_fds fds;      /* of the newest image, served or not */
    struct image_view *newest; /* likewise; NULL: none */
    uint64_t newest_hash;      /* the same for the same content, in every process */
};

void delivery_init(struct delivery *delivery, int channel);
void delivery_deinit(struct delivery *delivery);

/* False: they are those of the newest image. */
bool delivery_is_news(const struct delivery *delivery, const struct image_bytes *bytes);

/* After false, the newest image is what it was. */
YETT_MUST_USE bool delivery_send(struct delivery *delivery, const struct image_bytes *bytes);

/* There is no newest image any more: the next is to be written whole. */
void delivery_forget(struct delivery *delivery);

#endif
