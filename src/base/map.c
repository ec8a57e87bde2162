#include "base/map.h"

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"

/* Open addressing with linear probing, at most 3/4 full. Removal closes the gap by moving later
 * entries of the run back, so that no tombstones are needed. */

enum { MAP_CAP_FIRST = 16 };

static size_t map_slot(const struct map *map, struct span key, uint64_t hash)
{
    size_t at = hash & (map->cap - 1);

    while (map->entries[at].value &&
           (map->entries[at].hash != hash || !span_eq(map->entries[at].key, key)))
        at = (at + 1) & (map->cap - 1);
    return at;
}

static void map_grow(struct map *map)
{
    struct map old = *map;

    map->cap = old.cap ? old.cap * 2 : MAP_CAP_FIRST;
    map->entries = mem_alloc_zero(map->cap * sizeof(map->entries[0]));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.entries[i].value)
            map->entries[map_slot(map, old.entries[i].key, old.entries[i].hash)] = old.entries[i];
    }
    mem_free(old.entries);
}

void map_deinit(struct map *map)
{
    mem_free(map->entries);
    *map = (struct map){ 0 };
}

void *map_find(const struct map *map, struct span key)
{
    return map->cap ? map->entries[map_slot(map, key, hash_bytes(key, 0))].value : NULL;
}

void *map_put(struct map *map, struct span key, void *value)
{
    uint64_t hash = hash_bytes(key, 0);

    invariant(value != NULL);
    if ((map->len + 1) * 4 > map->cap * 3)
        map_grow(map);
    struct map_entry *entry = &map->entries[map_slot(map, key, hash)];
    void *before = entry->value;
    if (!before)
        map->len++;
    *entry = (struct map_entry){ key, hash, value };
    return before;
}

void *map_remove(struct map *map, struct span key)
{
    if (!map->cap)
        return NULL;

    size_t mask = map->cap - 1;
    size_t hole = map_slot(map, key, hash_bytes(key, 0));
    void *before = map->entries[hole].value;
    if (!before)
        return NULL;
    for (size_t at = (hole + 1) & mask; map->entries[at].value; at = (at + 1) & mask) {
        size_t home = map->entries[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole] = (struct map_entry){ 0 };
    map->len--;
    return before;
}

void *map_next(const struct map *map, size_t *cursor)
{
    while (*cursor < map->cap) {
        void *value = map->entries[(*cursor)++].value;
        if (value)
            return value;
    }
    return NULL;
}

static size_t idmap_slot(const struct idmap *map, uint64_t id)
{
    size_t at = hash_u64(id) & (map->cap - 1);

    while (map->entries[at].value && map->entries[at].id != id)
        at = (at + 1) & (map->cap - 1);
    return at;
}

static void idmap_grow(struct idmap *map)
{
    struct idmap old = *map;

    map->cap = old.cap ? old.cap * 2 : MAP_CAP_FIRST;
    map->entries = mem_alloc_zero(map->cap * sizeof(map->entries[0]));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.entries[i].value)
            map->entries[idmap_slot(map, old.entries[i].id)] = old.entries[i];
    }
    mem_free(old.entries);
}

void idmap_deinit(struct idmap *map)
{
    mem_free(map->entries);
    *map = (struct idmap){ 0 };
}

void *idmap_find(const struct idmap *map, uint64_t id)
{
    return map->cap ? map->entries[idmap_slot(map, id)].value : NULL;
}

void *idmap_put(struct idmap *map, uint64_t id, void *value)
{
    invariant(value != NULL);
    if ((map->len + 1) * 4 > map->cap * 3)
        idmap_grow(map);
    struct idmap_entry *entry = &map->entries[idmap_slot(map, id)];
    void *before = entry->value;
    if (!before)
        map->len++;
    *entry = (struct idmap_entry){ id, value };
    return before;
}

void *idmap_remove(struct idmap *map, uint64_t id)
{
    if (!map->cap)
        return NULL;

    size_t mask = map->cap - 1;
    size_t hole = idmap_slot(map, id);
    void *before = map->entries[hole].value;
    if (!before)
        return NULL;
    for (size_t at = (hole + 1) & mask; map->entries[at].value; at = (at + 1) & mask) {
        size_t home = hash_u64(map->entries[at].id) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole] = (struct idmap_entry){ 0 };
    map->len--;
    return before;
}

void *idmap_next(const struct idmap *map, size_t *cursor)
{
    while (*cursor < map->cap) {
        void *value = map->entries[(*cursor)++].value;
        if (value)
            return value;
    }
    return NULL;
}
