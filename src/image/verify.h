/* image/verify.h
 *
 * Purpose    Check every record of an opened image: all offsets, indexes, kinds, lookup tables, sort
 *            orders and cross-references. Run before publishing, in `check` and in fuzzing.
 * Errors     None beyond false: *ret_what then names the first thing that does not hold (static text). */
#ifndef YETT_IMAGE_VERIFY_H
#define YETT_IMAGE_VERIFY_H

#include "image/view.h"

YETT_MUST_USE bool image_verify(const struct image_view *view, const char **ret_what);

/* The same, but for the segments that `view` shares with `before`, which was verified: of them only
 * what they name in segments that are new. */
YETT_MUST_USE bool image_verify_changes(const struct image_view *view,
                                        const struct image_view *before, const char **ret_what);

#endif
