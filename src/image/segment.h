/* image/segment.h
 *
 * Purpose    Root and segments as bytes: what must hold before anything in them is looked at.
 * Ownership  Nothing is copied or kept but the root, which is small.
 * See        image/format.h */
#ifndef YETT_IMAGE_SEGMENT_H
#define YETT_IMAGE_SEGMENT_H

#include "base/span.h"
#include "image/format.h"
#include "image/view.h"

/* A root with room for as many segments as there can be. */
struct image_root_block {
    struct image_root root;
    struct image_segment_ref refs[IMAGE_SEGMENTS_MAX];
};

/* Positions of the refs, and so of the descriptors. */
enum {
    IMAGE_AT_SECRETS = 0,
    IMAGE_AT_ROUTES = 1,    /* the first shard's; the others' follow two by two */
    IMAGE_AT_ENDPOINTS = 2, /* likewise */
};

/* What the ref at `position` must be: its kind, and its shard (0 for SECRETS). */
enum image_segment_kind image_kind_at(uint32_t position);
uint32_t image_shard_at(uint32_t position);

static inline uint32_t image_routes_at(uint32_t shard)
{
    return IMAGE_AT_ROUTES + 2 * shard;
}

static inline uint32_t image_endpoints_at(uint32_t shard)
{
    return IMAGE_AT_ENDPOINTS + 2 * shard;
}

static inline uint32_t image_segments_for(uint32_t shards)
{
    return 1 + 2 * shards;
}

/* The most that a segment of the kind may have. */
uint64_t image_segment_bytes_max(enum image_segment_kind kind);

/* Bytes of one record; 1 for STRINGS. */
uint32_t image_section_record_bytes(enum image_section section);
bool image_section_belongs(enum image_section section, enum image_segment_kind kind);

static inline size_t image_root_bytes(uint32_t segments_len)
{
    return sizeof(struct image_root) + segments_len * sizeof(struct image_segment_ref);
}

/* The checksum that the root should carry; whatever it carries now is left out of it. */
uint64_t image_root_checksum(const struct image_root_block *block);

/* Both return an image_open_result. */
YETT_MUST_USE int image_root_read(struct span bytes, struct image_root_block *ret_block);
/* `bytes` are 8-byte aligned; of *ret_view all but the map is set. */
YETT_MUST_USE int image_segment_resolve(struct span bytes, enum image_segment_kind kind,
                                        struct image_segment_view *ret_view);

#endif
