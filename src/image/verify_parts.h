/* image/verify_parts.h
 *
 * Purpose    What the two files of the verifier share. Not for others: image/verify.h is.
 * Errors     Each check that does not hold says so in check->what. */
#ifndef YETT_IMAGE_VERIFY_PARTS_H
#define YETT_IMAGE_VERIFY_PARTS_H

#include "image/view.h"

struct image_check {
    const struct image_view *view;
    uint32_t shard; /* that is being checked */
    const char *what;
};

#define IMAGE_CHECK(cond, text)                     \
    do {                                            \
        if (!(cond))                                \
            return image_check_fail(check, (text)); \
    } while (0)

/* Always false. */
bool image_check_fail(struct image_check *check, const char *what);

bool image_check_str(const struct image_segment_view *segment, struct image_str str);
/* `len` records of `section` from `first` on are there. */
bool image_check_run(const struct image_segment_view *segment, enum image_section section,
                     uint32_t first, uint32_t len);
/* The table has the size for `records`, and names no other record than these, each once. `base` is what
 * stands in their indexes for the shard. */
bool image_check_slots(struct image_check *check, const struct image_segment_view *segment,
                       enum image_section section, uint32_t base, uint32_t records);

/* The routes of check->shard; the certificates and authorities that they name are there. */
bool image_check_routes(struct image_check *check);
bool image_check_route_secrets(struct image_check *check);

#endif
