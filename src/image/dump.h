/* image/dump.h
 *
 * Purpose    An image as text for people and golden tests: stable order, no offsets, no key
 * material. */
#ifndef YETT_IMAGE_DUMP_H
#define YETT_IMAGE_DUMP_H

#include "base/buf.h"
#include "image/view.h"

void image_dump(const struct image_view *view, struct buf *out);

#endif
