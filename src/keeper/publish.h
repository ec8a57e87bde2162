/* keeper/publish.h
 *
 * Purpose    An image as the message by which who has one hands it to the supervisor.
 * Ownership  The message borrows the descriptors.
 * Roles      keeper, controller. */
#ifndef YETT_KEEPER_PUBLISH_H
#define YETT_KEEPER_PUBLISH_H

#include "image/view.h"
#include "proc/channel.h"

/* `view` is the image behind `fds`, and has been verified. */
void publish_message(const struct image_fds *fds, const struct image_view *view,
                     struct proc_message *ret_message);

#endif
