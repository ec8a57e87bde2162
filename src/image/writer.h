/* image/writer.h
 *
 * Purpose    A route model → the bytes of an image, segment by segment.
 * Ownership  The writer owns the bytes of the newest image until the next write or its end.
 * Lifetime   One writer for the controller's life: it remembers what it wrote, so that a segment
 *            whose bytes did not change keeps its generation.
 * Limits     IMAGE_ROUTES_BYTES_MAX for a shard's routes, IMAGE_SEGMENT_BYTES_MAX for other segments:
 *            IMAGE_WRITE_TOO_LARGE, and the image before stays as it was.
 * See        docs/internals/image.md */
#ifndef YETT_IMAGE_WRITER_H
#define YETT_IMAGE_WRITER_H

#include "image/format.h"
#include "route/model.h"

struct image_writer;

struct image_bytes {
    struct span root;
    struct span segments[IMAGE_SEGMENTS_MAX]; /* in the order of the root's refs */
    bool is_new[IMAGE_SEGMENTS_MAX];          /* differs from the image written before */
    uint32_t segments_len;
    uint64_t generation;
};

enum image_write_result { IMAGE_WRITE_OK = 0, IMAGE_WRITE_TOO_LARGE };

YETT_MUST_USE struct image_writer *image_writer_new(void);
struct image_writer *image_writer_free(struct image_writer *writer);

/* The next image gets at least `generation` + 1: for a controller that was started again, while the
 * workers hold an image of the one before it. */
void image_writer_set_generation(struct image_writer *writer, uint64_t generation);

/* Writes all segments from the model. *ret_bytes borrows from the writer. */
YETT_MUST_USE int image_write(struct image_writer *writer, const struct route_model *model,
                              struct image_bytes *ret_bytes);

/* Writes anew only what `changes` concerns, and the root. All else of the model
 * is as it was written last; the result is that of image_write(). */
YETT_MUST_USE int image_write_changes(struct image_writer *writer, const struct route_model *model,
                                      const struct route_changes *changes,
                                      struct image_bytes *ret_bytes);

/* Writes anew only the shards that hold `services`, whose endpoints changed, and the root. All else
 * of the model, its set of services above all, is as image_write() saw it last. */
YETT_MUST_USE int image_write_endpoints(struct image_writer *writer,
                                        const struct route_model *model,
                                        struct route_service *const *services, size_t services_len,
                                        struct image_bytes *ret_bytes);

#endif
