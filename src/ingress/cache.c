#include "ingress/cache.h"

#include "base/hash.h"
#include "base/mem.h"

/* Entries are marked as they are asked for; the end of a compile sweeps those without a mark. */

struct cache_entry {
    struct ingress_pair pair;
    struct span chain_pem, key_pem; /* compared too: a forged hash must not borrow facts */
    struct arena arena;
    bool is_used;
    struct cache_entry *next;
};

struct ingress_cache {
    struct idmap by_hash; /* → a list of entries */
};

struct ingress_cache *ingress_cache_new(void)
{
    return mem_alloc_zero(sizeof(struct ingress_cache));
}

static struct cache_entry *entry_free(struct cache_entry *entry)
{
    struct cache_entry *next = entry->next;

    arena_deinit(&entry->arena);
    mem_free(entry);
    return next;
}

struct ingress_cache *ingress_cache_free(struct ingress_cache *cache)
{
    struct cache_entry *entry;

    if (!cache)
        return NULL;
    for (size_t cursor = 0; (entry = idmap_next(&cache->by_hash, &cursor));) {
        while (entry)
            entry = entry_free(entry);
    }
    idmap_deinit(&cache->by_hash);
    return mem_free(cache);
}

const struct ingress_pair *ingress_cache_pair(struct ingress_cache *cache, struct span chain_pem,
                                              struct span key_pem)
{
    uint64_t hash = hash_bytes(key_pem, hash_bytes(chain_pem, 4));
    struct cache_entry *first = idmap_find(&cache->by_hash, hash), *entry;

    for (entry = first; entry; entry = entry->next) {
        if (span_eq(entry->chain_pem, chain_pem) && span_eq(entry->key_pem, key_pem)) {
            entry->is_used = true;
            return &entry->pair;
        }
    }
    entry = mem_alloc_zero(sizeof(*entry));
    arena_init(&entry->arena, 1024);
    entry->chain_pem = arena_dup(&entry->arena, chain_pem);
    entry->key_pem = arena_dup(&entry->arena, key_pem);
    entry->pair.id = hash ? hash : 1;
    entry->pair.result = tls_pair_examine(chain_pem, key_pem, &entry->arena, &entry->pair.facts);
    entry->is_used = true;
    entry->next = first;
    idmap_put(&cache->by_hash, hash, entry);
    return &entry->pair;
}

void ingress_cache_end(struct ingress_cache *cache)
{
    struct idmap kept = { 0 };
    struct cache_entry *entry, *next;

    for (size_t cursor = 0; (entry = idmap_next(&cache->by_hash, &cursor));) {
        for (; entry; entry = next) {
            uint64_t hash = hash_bytes(entry->key_pem, hash_bytes(entry->chain_pem, 4));

            next = entry->next;
            if (!entry->is_used) {
                entry_free(entry);
                continue;
            }
            entry->is_used = false;
            entry->next = idmap_find(&kept, hash);
            idmap_put(&kept, hash, entry);
        }
    }
    idmap_deinit(&cache->by_hash);
    cache->by_hash = kept;
}
