/* proxy/upstream/balance/round_robin.h
 *
 * Purpose    Each endpoint of a Service in its turn: even to one request per worker.
 * Ownership  The cursor belongs to the worker's balancer, keyed by the Service, across images. */
#ifndef YETT_PROXY_UPSTREAM_BALANCE_ROUND_ROBIN_H
#define YETT_PROXY_UPSTREAM_BALANCE_ROUND_ROBIN_H

#include <stdint.h>

#include "base/bug.h"

struct round_robin {
    uint32_t next; /* starts anywhere, so that workers do not all begin with the same endpoint */
};

/* Index below `len`, which is not 0. */
static inline uint32_t round_robin_pick(struct round_robin *cursor, uint32_t len)
{
    invariant(len > 0);
    if (cursor->next >= len)
        cursor->next %= len;
    return cursor->next++;
}

#endif
