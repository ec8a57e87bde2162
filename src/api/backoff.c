#include "api/backoff.h"

#include "base/compiler.h"
#include "base/hash.h"

/* wait = random(the wait before, 3 × the wait before): it grows each time, and two that start together drift
 * apart from the first on, unlike with a doubling and some noise. At the cap, anything from half of it. */

void api_backoff_init(struct api_backoff *backoff, uint64_t seed)
{
    *backoff = (struct api_backoff){ .random = seed };
}

uint32_t api_backoff_random(struct api_backoff *backoff, uint32_t end)
{
    backoff->random += 0x9E3779B97F4A7C15u; /* splitmix64's step; hash_u64 is its mixer's kin */
    return (uint32_t)(hash_u64(backoff->random) % end);
}

uint32_t api_backoff_next(struct api_backoff *backoff, uint32_t max_ms)
{
    uint32_t low = MAX(backoff->wait_ms, (uint32_t)API_BACKOFF_FIRST_MS);
    uint32_t high = low * 3;

    if (high > max_ms) {
        high = max_ms;
        low = MIN(low, high / 2);
    }
    backoff->wait_ms = low + api_backoff_random(backoff, high - low);
    return backoff->wait_ms;
}

void api_backoff_reset(struct api_backoff *backoff)
{
    backoff->wait_ms = 0;
}
