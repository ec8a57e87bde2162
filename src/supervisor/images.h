/* supervisor/images.h
 *
 * Purpose    The descriptors of the images that may still be sent to a worker.
 * Ownership  Owns the descriptors of every image it was given, until images_prune() or
 *            images_deinit().
 * Roles      supervisor. It never looks into an image: that is for the workers to verify.
 * Limits     IMAGES_MAX at once: those that a rollout can hold, and the one that comes in. */
#ifndef YETT_SUPERVISOR_IMAGES_H
#define YETT_SUPERVISOR_IMAGES_H

#include "proc/channel.h"
#include "supervisor/rollout.h"

enum { IMAGES_MAX = 5 };

struct images {
    struct proc_message items[IMAGES_MAX]; /* as PROC_IMAGE messages; generation 0: free */
};

/* Takes the descriptors out of a PROC_PUBLISH message. */
void images_take(struct images *images, struct proc_message *published);
/* The message that hands `generation` on; it is there. Borrowed until it is pruned. */
const struct proc_message *images_get(const struct images *images, uint64_t generation);
/* Closes what `rollout` does not hold any more. */
void images_prune(struct images *images, const struct rollout *rollout);
void images_deinit(struct images *images);

#endif
