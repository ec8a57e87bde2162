/* proxy/upstream/resolver.h
 *
 * Purpose    Names of ExternalName Services → addresses, asynchronously, with the answers' own TTL
 *            (only user of c-ares). Answers are hostile bytes: that is why it lives in the worker.
 * Ownership  The resolver owns its cache; a query lives inside its asker.
 * Lifetime   resolver_new() before the sandbox is entered (it reads resolv.conf) … resolver_free().
 * Limits     RESOLVER_NAMES_MAX cached names, RESOLVER_ADDRESSES_MAX a name; TTLs are held between
 *            RESOLVER_TTL_MIN_MS and RESOLVER_TTL_MAX_MS; nobody waits longer than RESOLVER_TIMEOUT_MS,
 *            however many name servers there are to be asked in turn. */
#ifndef YETT_PROXY_UPSTREAM_RESOLVER_H
#define YETT_PROXY_UPSTREAM_RESOLVER_H

#include "base/ip.h"
#include "net/loop.h"

enum {
    RESOLVER_NAMES_MAX = 4096,
    RESOLVER_ADDRESSES_MAX = 16,
    RESOLVER_TTL_MIN_MS = 1000,
    RESOLVER_TTL_MAX_MS = 300000,
    RESOLVER_FAILED_TTL_MS = 1000, /* a failure is remembered for so long */
    RESOLVER_TIMEOUT_MS = 5000,
};

struct resolver;

struct resolver_query {
    struct list link; /* while it waits */
    void (*on_done)(struct resolver_query *query);
};

enum resolver_result {
    RESOLVER_OK = 0,
    RESOLVER_WAIT,   /* query->on_done will be called: ask again then */
    RESOLVER_FAILED, /* no such name, no address, no answer */
};

YETT_MUST_USE int resolver_new(struct loop *loop, struct resolver **ret_resolver);
struct resolver *resolver_free(struct resolver *resolver);

/* One of the addresses of `name` (lower case), each in its turn: IPv4 ones, or IPv6 where there are none.
 * An answer whose TTL ran out is used until a new one is here, or the news that there is none. */
YETT_MUST_USE int resolver_find(struct resolver *resolver, struct span name,
                                struct resolver_query *query, struct ip_addr *ret_ip);

void resolver_query_init(struct resolver_query *query,
                         void (*on_done)(struct resolver_query *query));
void resolver_query_cancel(struct resolver_query *query);

#endif
