/* test/unit/keeper/kept.h
 *
 * Purpose    An image in sealed memory, as the supervisor sends it to the keeper, and a directory to keep it
 *            in.
 * Ownership  kept_close() removes all of it. */
#ifndef YETT_TEST_KEEPER_KEPT_H
#define YETT_TEST_KEEPER_KEPT_H

#include "../scratch.h"
#include "image/view.h"
#include "image/writer.h"
#include "keeper/save.h"
#include "route/model.h"

enum { KEPT_FLAGS = 77 };

struct kept {
    struct scratch scratch;
    int dir;
    struct image_writer *writer;
    struct image_fds fds; /* of the newest image */
    struct save save;
};

void kept_open(struct kept *kept);
void kept_close(struct kept *kept);

/* Writes an image of the model and publishes it. */
void kept_publish(struct kept *kept, const struct route_model *model);
/* Saves what was published last, without SECRETS; the result of save_image(). */
int kept_save(struct kept *kept);

/* Calls `on_file` for each file, but not for the folders above. */
void kept_each(const struct kept *kept, void (*on_file)(void *ctx, const char *name), void *ctx);
size_t kept_count(const struct kept *kept);

#endif
