/* image/lookup.h
 *
 * Purpose    The hashes and the probing of an image's lookup tables: what writer, view, match and
 *            verify must do alike.
 * See        docs/internals/image.md, "Lookup tables" */
#ifndef YETT_IMAGE_LOOKUP_H
#define YETT_IMAGE_LOOKUP_H

#include "base/hash.h"
#include "image/view.h"
#include "route/model.h"

/* Slots for a table of `records`: a power of two, at most half full; none for none. */
static inline uint32_t image_slots_for(uint32_t records)
{
    uint32_t slots = 2;

    if (records == 0)
        return 0;
    while (slots / 2 < records)
        slots *= 2;
    return slots;
}

/* The shard of a host, by its name's hash, or of a service's endpoints, by its key. */
static inline uint32_t image_shard_of(uint64_t hash, uint32_t shards)
{
    return (uint32_t)(hash >> 32) & (shards - 1);
}

/* A wildcard host is found by what follows its "*", so that a request's host needs no rewriting. */
static inline uint64_t image_host_hash(struct span name)
{
    return hash_bytes(name, 0);
}

static inline uint64_t image_wildcard_hash(struct span suffix)
{
    return hash_bytes(suffix, 1);
}

/* The hash that a host of any form is found by. */
static inline uint64_t image_name_hash(struct span name)
{
    bool is_wildcard = name.len > 0 && name.ptr[0] == '*';

    return is_wildcard ? image_wildcard_hash(span_from(name, 1)) : image_host_hash(name);
}

/* A prefix is hashed as the sum over its segments, each by its number: from a longer prefix to the
 * next shorter one is a subtraction. */
static inline uint64_t image_segment_hash(struct span segment, uint32_t number)
{
    return hash_bytes(segment, number * 0x9E3779B97F4A7C15u);
}

static inline uint64_t image_path_hash(uint32_t host, enum route_path_kind kind, uint64_t path_hash)
{
    return hash_combine(path_hash, (uint64_t)host << 1 | kind);
}

/* One look-up: the records that may be meant, one by one, until IMAGE_NONE. */
struct image_probe {
    const uint32_t *slots;
    uint32_t mask, at, left;
};

static inline struct image_probe image_probe_start(const struct image_segment_view *segment,
                                                   enum image_section section, uint64_t hash)
{
    uint32_t count = segment->count[section];

    return (struct image_probe){
        .slots = segment->at[section], .mask = count - 1, .at = (uint32_t)hash, .left = count
    };
}

static inline uint32_t image_probe_next(struct image_probe *probe)
{
    if (unlikely(probe->left == 0)) /* an empty table, or one without a free slot */
        return IMAGE_NONE;
    probe->left--;
    return probe->slots[probe->at++ & probe->mask];
}

#endif
