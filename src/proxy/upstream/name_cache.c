#include "proxy/upstream/name_cache.h"

#include "base/mem.h"
#include "base/vec.h"

void name_cache_init(struct name_cache *cache,
                     void (*ask)(struct name_cache *cache, struct name *name))
{
    *cache = (struct name_cache){ .ask = ask };
    list_init(&cache->asked);
}

static void name_free(struct name *name)
{
    list_remove(&name->link);
    mem_free((char *)name->text.ptr);
    mem_free(name);
}

void name_cache_deinit(struct name_cache *cache)
{
    struct name *name;
    size_t cursor = 0;

    while ((name = map_next(&cache->names, &cursor)))
        name_free(name);
    map_deinit(&cache->names);
}

static void name_forget(struct name_cache *cache, struct name *name)
{
    map_remove(&cache->names, name->text);
    name_free(name);
}

/* Room for a new name: those whose knowledge has run out go, else the one that is next. */
static bool room_make(struct name_cache *cache, uint64_t now_ms)
{
    VEC(struct name *) old = { 0 };
    struct name *name, *next = NULL;
    size_t cursor = 0;

    if (cache->names.len < RESOLVER_NAMES_MAX)
        return true;
    while ((name = map_next(&cache->names, &cursor))) {
        if (name->is_asked)
            continue;
        if (name->expires_ms <= now_ms)
            vec_push(&old, name);
        else if (!next || name->expires_ms < next->expires_ms)
            next = name;
    }
    if (old.len == 0 && next)
        vec_push(&old, next);
    vec_for_each (it, &old)
        name_forget(cache, *it);
    vec_deinit(&old);
    return cache->names.len < RESOLVER_NAMES_MAX;
}

static struct name *name_get(struct name_cache *cache, struct span text, uint64_t now_ms)
{
    struct name *name = map_find(&cache->names, text);

    if (name || !room_make(cache, now_ms))
        return name;
    char *copy = mem_alloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0'; /* as the library wants names */
    name = mem_alloc_zero(sizeof(*name));
    name->cache = cache;
    name->text = span_of(copy, text.len);
    list_init(&name->waiting);
    list_init(&name->link);
    map_put(&cache->names, name->text, name);
    return name;
}

static void name_ask(struct name *name, uint64_t now_ms)
{
    if (name->is_asked)
        return;
    name->is_asked = true;
    name->deadline_ms = now_ms + RESOLVER_TIMEOUT_MS;
    list_push_back(&name->cache->asked, &name->link);
    name->cache->ask(name->cache, name);
}

int name_cache_find(struct name_cache *cache, struct span text, uint64_t now_ms,
                    struct resolver_query *query, struct ip_addr *ret_ip)
{
    struct name *name = name_get(cache, text, now_ms);

    if (!name)
        return RESOLVER_FAILED;
    if (!name->is_known || now_ms >= name->expires_ms)
        name_ask(name, now_ms);
    if (name->addresses_len > 0) {
        *ret_ip = name->addresses[name->turn++ % name->addresses_len];
        return RESOLVER_OK;
    }
    if (list_is_empty(&name->link)) /* it is not asked, or has been for too long */
        return RESOLVER_FAILED;
    list_push_back(&name->waiting, &query->link);
    return RESOLVER_WAIT;
}

/* Tells those who wait: they ask again, and find what is known now. One who does so may ask for other names as well,
 * for which this one may have to make way: it is not touched any more. */
static void name_tell(struct name *name, uint64_t expires_ms)
{
    struct list told;

    name->is_known = true;
    name->expires_ms = expires_ms;
    list_remove(&name->link);
    list_take(&told, &name->waiting);
    while (!list_is_empty(&told)) {
        struct resolver_query *query = list_entry(told.next, struct resolver_query, link);

        list_remove(&query->link);
        query->on_done(query);
    }
}

void name_cache_answer(struct name *name, uint64_t now_ms, const struct ip_addr *addresses,
                       uint32_t addresses_len, uint64_t ttl_ms)
{
    name->is_asked = false;
    name->addresses_len = MIN(addresses_len, (uint32_t)RESOLVER_ADDRESSES_MAX);
    memcpy(name->addresses, addresses, name->addresses_len * sizeof(*addresses));
    name_tell(name, now_ms + MIN(MAX(ttl_ms, (uint64_t)RESOLVER_TTL_MIN_MS),
                                 (uint64_t)RESOLVER_TTL_MAX_MS));
}

void name_cache_miss(struct name *name, uint64_t now_ms)
{
    name->is_asked = false;
    name_tell(name, now_ms + RESOLVER_FAILED_TTL_MS);
}

void name_cache_expire(struct name_cache *cache, uint64_t now_ms)
{
    while (!list_is_empty(&cache->asked)) {
        struct name *name = list_entry(cache->asked.next, struct name, link);

        if (name->deadline_ms > now_ms)
            return;
        name_tell(name, now_ms + RESOLVER_FAILED_TTL_MS);
    }
}
