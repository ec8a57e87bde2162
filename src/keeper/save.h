/* keeper/save.h
 *
 * Purpose    An image in sealed memory → files. Only segments that are not there yet are written.
 * Ownership  Borrows the directory and the descriptors; remembers which segments it knows to be
 *            whole on disk.
 * Lifetime   A struct with flags and all else zero knows of none.
 * Roles      keeper.
 * See        keeper/format.h */
#ifndef YETT_KEEPER_SAVE_H
#define YETT_KEEPER_SAVE_H

#include "image/segment.h"

struct save {
    uint64_t flags; /* as struct keeper_options has them */
    /* The image on disk as this process wrote or read it; a ref of size 0: not known to be whole. */
    struct image_root_block kept;
};

/* `fds`: the image's root and its segments in order, but for SECRETS. Returns 0 or -errno; what was
 * kept before is still whole then. -EPROTO: the descriptors are no such image. */
YETT_MUST_USE int save_image(struct save *save, int dir, const int *fds, uint32_t fds_len);

#endif
