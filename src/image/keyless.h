/* image/keyless.h
 *
 * Purpose    An image that was kept without its SECRETS → one that can be served: no host has a
 *            certificate of its own any more, and the default one is another; a host that checks its
 *            clients' certificates lets nobody in, and no backend is asked over TLS that would have
 *            to be verified, or shown a certificate.
 * Ownership  Root and segments are the caller's, and changed in place.
 * Roles      keeper.
 * See        docs/internals/lifecycle.md, "A cold start" */
#ifndef YETT_IMAGE_KEYLESS_H
#define YETT_IMAGE_KEYLESS_H

#include "image/sections.h"
#include "image/segment.h"
#include "route/model.h"

/* `segments` are those of `block` by position, 8-byte aligned and each as its ref says; that of
 * SECRETS is not looked at. `standby` becomes the default certificate where the image had one at all.
 * Returns an image_open_result; on OK, refs and checksums are those of the image as it is now, and
 * *ret_secrets is its SECRETS segment, on the heap. On failure the segments may be changed in part. */
YETT_MUST_USE int image_keyless_mend(struct image_root_block *block, char *const *segments,
                                     struct route_certificate *standby,
                                     struct image_block_bytes *ret_secrets);

#endif
