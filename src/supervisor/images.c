#include "supervisor/images.h"

#include "base/bug.h"

static void image_close(struct proc_message *image)
{
    proc_message_close_fds(image);
    image->generation = 0;
}

void images_take(struct images *images, struct proc_message *published)
{
    for (size_t i = 0; i < IMAGES_MAX; i++) {
        struct proc_message *image = &images->items[i];

        if (image->generation != 0)
            continue;
        *image = *published;
        image->kind = PROC_IMAGE;
        published->fds_len = 0; /* they are ours now */
        return;
    }
    unreachable(); /* pruned after each event */
}

const struct proc_message *images_get(const struct images *images, uint64_t generation)
{
    for (size_t i = 0; i < IMAGES_MAX; i++) {
        if (images->items[i].generation == generation)
            return &images->items[i];
    }
    unreachable();
}

void images_prune(struct images *images, const struct rollout *rollout)
{
    for (size_t i = 0; i < IMAGES_MAX; i++) {
        if (!rollout_holds(rollout, images->items[i].generation))
            image_close(&images->items[i]);
    }
}

void images_deinit(struct images *images)
{
    for (size_t i = 0; i < IMAGES_MAX; i++)
        image_close(&images->items[i]);
}
