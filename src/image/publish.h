/* image/publish.h
 *
 * Purpose    Bytes → sealed memfds, the form in which images travel between the roles.
 * Ownership  The caller owns the descriptors (close-on-exec) of *ret_fds. */
#ifndef YETT_IMAGE_PUBLISH_H
#define YETT_IMAGE_PUBLISH_H

#include "image/view.h"
#include "image/writer.h"

/* Makes memfds for the root and every new segment; segments that are not new are dup'ed from
 * `before` (NULL: all are new). Sealed against writing, growing and shrinking. Returns 0 or -errno.
 */
YETT_MUST_USE int image_publish(const struct image_bytes *bytes, const struct image_fds *before,
                                struct image_fds *ret_fds);
void image_fds_close(struct image_fds *fds);

#endif
