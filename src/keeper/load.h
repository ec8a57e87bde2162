/* keeper/load.h
 *
 * Purpose    Files → an image in sealed memory, as the controller would publish it; nothing that does not
 *            verify leaves here.
 * Ownership  The caller owns the descriptors of *ret_fds.
 * Roles      keeper.
 * Errors     Expected outcomes are a load_result; *ret_what then says which thing does not hold.
 * See        keeper/format.h */
#ifndef YETT_KEEPER_LOAD_H
#define YETT_KEEPER_LOAD_H

#include "image/segment.h"
#include "image/view.h"

enum load_result {
    LOAD_OK = 0,
    LOAD_NOTHING, /* none was kept */
    LOAD_FOREIGN, /* by another build of the program, or under other flags */
    LOAD_DAMAGED,
};

struct loaded {
    struct image_fds fds;
    uint64_t generation;
    struct image_root_block on_disk; /* as it was read */
};

/* `flags` as struct keeper_options has them. Returns a load_result or -errno. */
YETT_MUST_USE int load_image(int dir, uint64_t flags, struct loaded *ret_loaded,
                             const char **ret_what);

#endif
