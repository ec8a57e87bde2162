/* keeper/format.h
 *
 * Purpose    What lies in the directory of --state-dir: the names of files, and the head of the one
 *            that stands for the whole.
 *
 *   image                    struct state_head, then the root of a routing image
 *   routes-SS-CCCCCCCCCCCCCCCC, endpoints-SS-CCCCCCCCCCCCCCCC
 *                            a segment as it is: shard and checksum, in hexadecimal
 *   *.tmp                    of a write that did not end
 *   lock                     flock(2): whose directory it is
 *
 * Segments are named by their content, and `image` is replaced last: whatever moment the power fails at,
 * `image` names segments that are whole. SECRETS has no file: no key is ever written.
 *
 * See        image/format.h */
#ifndef YETT_KEEPER_FORMAT_H
#define YETT_KEEPER_FORMAT_H

#include <assert.h>

#include "base/buf.h"
#include "image/segment.h"
#include "proc/build_id.h"

#define STATE_MAGIC 0x3145544154535459u /* "YTSTATE1" */
#define STATE_IMAGE "image"
#define STATE_LOCK  "lock"
#define STATE_TMP   ".tmp"

struct state_head {
    uint64_t magic;
    uint32_t root_bytes, reserved;
    struct proc_build_id build; /* records mean what the build that wrote them says … */
    uint64_t flags; /* … and were made as its flags said: a hash of those that count */
};
static_assert(sizeof(struct state_head) == 56, "state_head");

/* Appends the name of the file of the segment at `position`. */
void state_segment_name(const struct image_root_block *block, uint32_t position, struct buf *name);
/* Whether `name` may be deleted where no segment of the image that is kept has it. */
bool state_name_is_ours(struct span name);

#endif
