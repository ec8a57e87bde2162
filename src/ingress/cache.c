#include "ingress/cache.h"

#include "base/hash.h"
#include "base/mem.h"
#include "tls/context.h"
#include "tls/policy.h"

/* Entries are marked as they are asked for; the end of a compile sweeps those without a mark. */

/* Their numbers are the seeds of their hashes. */
enum cache_kind { CACHE_PAIR = 4, CACHE_AUTHORITIES = 8, CACHE_CIPHERS = 16, CACHE_GROUPS = 32 };

struct cache_entry {
    enum cache_kind kind;
    union {
        struct ingress_pair pair;
        struct ingress_authorities authorities;
        bool list_is_valid;
    };
    struct span first, second; /* its texts, compared too: a forged hash must not borrow facts */
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

static uint64_t texts_hash(enum cache_kind kind, struct span first, struct span second)
{
    return hash_bytes(second, hash_bytes(first, kind));
}

/* Finds or makes the entry; *ret_is_new: it has still to be judged. */
static struct cache_entry *entry_get(struct ingress_cache *cache, enum cache_kind kind,
                                     struct span first, struct span second, bool *ret_is_new)
{
    uint64_t hash = texts_hash(kind, first, second);
    struct cache_entry *list = idmap_find(&cache->by_hash, hash), *entry;

    *ret_is_new = false;
    for (entry = list; entry; entry = entry->next) {
        if (entry->kind == kind && span_eq(entry->first, first) && span_eq(entry->second, second)) {
            entry->is_used = true;
            return entry;
        }
    }
    entry = mem_alloc_zero(sizeof(*entry));
    arena_init(&entry->arena, 1024);
    entry->kind = kind;
    entry->first = arena_dup(&entry->arena, first);
    entry->second = arena_dup(&entry->arena, second);
    entry->is_used = true;
    entry->next = list;
    idmap_put(&cache->by_hash, hash, entry);
    *ret_is_new = true;
    return entry;
}

static uint64_t never_0(uint64_t hash)
{
    return hash ? hash : 1;
}

const struct ingress_pair *ingress_cache_pair(struct ingress_cache *cache, struct span chain_pem,
                                              struct span key_pem)
{
    bool is_new;
    struct cache_entry *entry = entry_get(cache, CACHE_PAIR, chain_pem, key_pem, &is_new);

    if (is_new) {
        entry->pair.id = never_0(texts_hash(CACHE_PAIR, chain_pem, key_pem));
        entry->pair.result =
            tls_pair_examine(chain_pem, key_pem, &entry->arena, &entry->pair.facts);
    }
    return &entry->pair;
}

const struct ingress_authorities *ingress_cache_authorities(struct ingress_cache *cache,
                                                            struct span ca_pem, struct span crl_pem)
{
    bool is_new;
    struct cache_entry *entry = entry_get(cache, CACHE_AUTHORITIES, ca_pem, crl_pem, &is_new);

    if (is_new) {
        entry->authorities.id = never_0(texts_hash(CACHE_AUTHORITIES, ca_pem, crl_pem));
        entry->authorities.is_valid = tls_authorities_are_valid(ca_pem, crl_pem);
    }
    return &entry->authorities;
}

static bool list_is_valid(struct ingress_cache *cache, enum cache_kind kind, struct span list,
                          bool (*judge)(struct span list))
{
    bool is_new;
    struct cache_entry *entry = entry_get(cache, kind, list, SPAN_EMPTY, &is_new);

    if (is_new)
        entry->list_is_valid = judge(list);
    return entry->list_is_valid;
}

bool ingress_cache_ciphers_are_valid(struct ingress_cache *cache, struct span list)
{
    return list_is_valid(cache, CACHE_CIPHERS, list, tls_ciphers_are_valid);
}

bool ingress_cache_groups_are_valid(struct ingress_cache *cache, struct span list)
{
    return list_is_valid(cache, CACHE_GROUPS, list, tls_groups_are_valid);
}

void ingress_cache_end(struct ingress_cache *cache)
{
    struct idmap kept = { 0 };
    struct cache_entry *entry, *next;

    for (size_t cursor = 0; (entry = idmap_next(&cache->by_hash, &cursor));) {
        for (; entry; entry = next) {
            uint64_t hash = texts_hash(entry->kind, entry->first, entry->second);

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
