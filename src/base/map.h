/* base/map.h
 *
 * Purpose    Hash maps: `struct map` from bytes, `struct idmap` from 64-bit identities, to pointers.
 * Ownership  Maps own neither keys nor values; a key's bytes must outlive its entry.
 * Lifetime   A zeroed struct is an empty map; _deinit() returns it to that.
 * Limits     Values are never NULL: NULL means absent. */
#ifndef YETT_BASE_MAP_H
#define YETT_BASE_MAP_H

#include <stdint.h>

#include "base/span.h"

struct map_entry {
    struct span key;
    uint64_t hash;
    void *value; /* NULL: free slot */
};

struct map {
    struct map_entry *entries;
    size_t len, cap; /* cap is 0 or a power of two */
};

void map_deinit(struct map *map);
void *map_find(const struct map *map, struct span key);
/* Inserts or replaces; returns the value that was there, or NULL. */
void *map_put(struct map *map, struct span key, void *value);
void *map_remove(struct map *map, struct span key);
/* Next value in no particular order, from *cursor = 0 until NULL. No changes meanwhile. */
void *map_next(const struct map *map, size_t *cursor);

struct idmap_entry {
    uint64_t id;
    void *value;
};

struct idmap {
    struct idmap_entry *entries;
    size_t len, cap;
};

void idmap_deinit(struct idmap *map);
void *idmap_find(const struct idmap *map, uint64_t id);
void *idmap_put(struct idmap *map, uint64_t id, void *value);
void *idmap_remove(struct idmap *map, uint64_t id);
void *idmap_next(const struct idmap *map, size_t *cursor);

#endif
