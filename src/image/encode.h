/* image/encode.h
 *
 * Purpose    A route model → the sections of each kind of segment.
 * Ownership  Texts stay the model's until image_sections_deinit().
 *            Equal models give equal sections, whatever the order in which they were filled. */
#ifndef YETT_IMAGE_ENCODE_H
#define YETT_IMAGE_ENCODE_H

#include "image/sections.h"
#include "route/model.h"

/* `hosts` are those of one shard, sorted by name. */
void image_encode_routes(struct image_sections *sections, const struct route_model *model,
                         struct route_host *const *hosts, size_t hosts_len);
void image_encode_secrets(struct image_sections *sections, const struct route_model *model);

/* `services` are those of one shard, sorted by key. */
void image_encode_endpoints(struct image_sections *sections, struct route_service *const *services,
                            size_t services_len);

#endif
