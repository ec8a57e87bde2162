/* control/fallback.h
 *
 * Purpose    The certificate that TLS clients are shown where no Secret fits. It is made once and
 *            then kept: a controller that is started again finds it in the image that is served,
 *            so that clients who chose to trust it do not meet another one.
 * Ownership  Owns both texts.
 * Lifetime   A zeroed struct is empty; fallback_deinit() returns it to that.
 * Roles      controller.
 * Units      Unix time in seconds.
 * Errors     -EIO where OpenSSL cannot make a pair. */
#ifndef YETT_CONTROL_FALLBACK_H
#define YETT_CONTROL_FALLBACK_H

#include "base/buf.h"
#include "image/view.h"

enum { FALLBACK_RENEW_S = 30 * 86400 }; /* one that expires sooner is not kept */

struct fallback {
    struct buf chain_pem, key_pem;
};

/* The pair of `served` (NULL: nothing is), if it is one of ours; else a new one. */
YETT_MUST_USE int fallback_open(struct fallback *fallback, const struct image_view *served,
                                int64_t now_s);
void fallback_deinit(struct fallback *fallback);

#endif
