/* fixture.h
 *
 * Purpose    Models and images for the tests of image: small ones by hand, large ones by number.
 * Ownership  As route/model.h and image/view.h say; texts are copied into the model. */
#ifndef YETT_TEST_IMAGE_FIXTURE_H
#define YETT_TEST_IMAGE_FIXTURE_H

#include "base/buf.h"
#include "image/segment.h"
#include "image/view.h"
#include "image/writer.h"
#include "route/model.h"

/* A rule of its own for host and path, with the service ns/`service`:80 (one endpoint) behind it.
 * Its label `path` is `host` and `path` in one, so that a test sees which rule it got. */
struct route_rule *fixture_rule(struct route_model *model, const char *host,
                                enum route_path_kind kind, const char *path, const char *service);

/* Gives the service this many endpoints, 10.`tag`.x.y. */
void fixture_endpoints_set(struct route_model *model, struct route_service *service, uint8_t tag,
                           size_t endpoints);

/* The service of fixture_rule(). */
struct route_service *fixture_service(struct route_model *model, const char *name);

/* A certificate made of its id, not one that TLS would take. */
const struct route_certificate *fixture_certificate(struct route_model *model, uint64_t id);

/* Likewise. */
const struct route_authorities *fixture_authorities(struct route_model *model, uint64_t id);

/* Every kind of record at least once. */
struct route_model *fixture_model_rich(void);

/* `hosts` hosts of four paths and one service each. */
struct route_model *fixture_model_large(uint32_t hosts);

/* Writes, opens and verifies; fails the test where one of them does. */
struct image_view *fixture_view(const struct route_model *model);

/* Opens what a writer gave. */
struct image_view *fixture_view_of(const struct image_bytes *bytes);

/* An image's bytes as a test may damage them: the rich model's, in one shard. */
struct fixture_image {
    struct image_root_block root;
    struct buf segments[IMAGE_SEGMENTS_MAX];
};

void fixture_image_init(struct fixture_image *image);
void fixture_image_deinit(struct fixture_image *image);
/* Makes all checksums true again, so that a damage is met by more than a checksum. */
void fixture_image_reseal(struct fixture_image *image);
YETT_MUST_USE int fixture_image_open(const struct fixture_image *image,
                                     struct image_view **ret_view);
/* Record `index` of a section, to be damaged. */
void *fixture_image_record(struct fixture_image *image, uint32_t position,
                           enum image_section section, uint32_t index);

#endif
