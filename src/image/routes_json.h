/* image/routes_json.h
 *
 * Purpose    The table of routes in an image as JSON: what /api/v1/routes and `yett routes --output json`
 *            say, in the image's own order.
 * Ownership  Appends to the caller's buf; borrows nothing.
 * See        docs/admin.md */
#ifndef YETT_IMAGE_ROUTES_JSON_H
#define YETT_IMAGE_ROUTES_JSON_H

#include "base/buf.h"
#include "image/view.h"

/* {"generation":…,"routes":[…],"default":…} and a newline; `view` NULL: there is no image yet. */
void image_routes_json(const struct image_view *view, struct buf *out);

#endif
