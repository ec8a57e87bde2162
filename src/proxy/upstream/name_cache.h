/* proxy/upstream/name_cache.h
 *
 * Purpose    What is known of names: addresses for as long as they live, who waits for an answer, and for
 *            how long. Knows nothing of DNS: resolver.c asks, and brings the answers.
 * Ownership  The cache owns its names; a query lives inside its asker.
 * Lifetime   name_cache_init() … name_cache_deinit(), once nothing is asked any more.
 * Units      Milliseconds of the loop's clock.
 * Limits     resolver.h has them. Where all room is taken, the name whose knowledge ends first makes way; only where
 *            every name is just being asked for there is no room for another one. */
#ifndef YETT_PROXY_UPSTREAM_NAME_CACHE_H
#define YETT_PROXY_UPSTREAM_NAME_CACHE_H

#include "base/map.h"
#include "proxy/upstream/resolver.h"

struct name {
    struct name_cache *cache;
    struct span text; /* owned, ends in NUL */
    struct ip_addr addresses[RESOLVER_ADDRESSES_MAX];
    uint32_t addresses_len;
    uint32_t turn;
    uint64_t expires_ms;  /* of addresses, or of the knowledge that there are none */
    bool is_asked;        /* somebody owes an answer */
    bool is_known;        /* there was one, good or bad, or none in time */
    uint64_t deadline_ms; /* on cache->asked: of the answer */
    struct list link;     /* in cache->asked, until the deadline */
    struct list waiting;  /* struct resolver_query */
};

struct name_cache {
    struct map names;
    struct list asked; /* struct name, by deadline */
    /* Asks for a name: ends in name_cache_answer() or name_cache_miss(), some time later. */
    void (*ask)(struct name_cache *cache, struct name *name);
};

void name_cache_init(struct name_cache *cache,
                     void (*ask)(struct name_cache *cache, struct name *name));
void name_cache_deinit(struct name_cache *cache);

/* resolver_find(), with the time. */
YETT_MUST_USE int name_cache_find(struct name_cache *cache, struct span text, uint64_t now_ms,
                                  struct resolver_query *query, struct ip_addr *ret_ip);

/* The answer for a name: these addresses, at most RESOLVER_ADDRESSES_MAX, or that there are none. Calls
 * those who wait. */
void name_cache_answer(struct name *name, uint64_t now_ms, const struct ip_addr *addresses,
                       uint32_t addresses_len, uint64_t ttl_ms);

/* Nobody answered, or nothing that makes sense: what was known is better than nothing. */
void name_cache_miss(struct name *name, uint64_t now_ms);

/* Those who have waited for RESOLVER_TIMEOUT_MS wait no longer. */
void name_cache_expire(struct name_cache *cache, uint64_t now_ms);

#endif
