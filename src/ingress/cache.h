/* ingress/cache.h
 *
 * Purpose    What was found out about certificate pairs, authorities, and lists of ciphers and groups, by their content,
 *            for the next compile: asking OpenSSL costs more than all the rest of a compile together.
 * Ownership  The caller of ingress_compile() owns the cache and names it in its options.
 * Lifetime   ingress_cache_new() … ingress_cache_free(). What a compile did not meet is dropped.
 * Roles      control; `check` needs none. */
#ifndef YETT_INGRESS_CACHE_H
#define YETT_INGRESS_CACHE_H

#include "base/map.h"
#include "tls/certificate.h"

struct ingress_cache;

struct ingress_pair {
    uint64_t id; /* hash of chain and key; never 0 */
    int result;  /* enum tls_pair_result */
    struct tls_pair_facts facts;
};

struct ingress_authorities {
    uint64_t id; /* hash of both texts; never 0 */
    bool is_valid;
};

YETT_MUST_USE struct ingress_cache *ingress_cache_new(void);
struct ingress_cache *ingress_cache_free(struct ingress_cache *cache);

/* Finds or examines. The result holds until an ingress_cache_end() before which
 * it was not asked for again. */
const struct ingress_pair *ingress_cache_pair(struct ingress_cache *cache, struct span chain_pem,
                                              struct span key_pem);
/* Likewise, of authorities and what they have revoked. */
const struct ingress_authorities *ingress_cache_authorities(struct ingress_cache *cache,
                                                            struct span ca_pem,
                                                            struct span crl_pem);
/* As tls/policy.h judges them. */
bool ingress_cache_ciphers_are_valid(struct ingress_cache *cache, struct span list);
bool ingress_cache_groups_are_valid(struct ingress_cache *cache, struct span list);
/* A compile is over: forget what it did not ask for. */
void ingress_cache_end(struct ingress_cache *cache);

#endif
