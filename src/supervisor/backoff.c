#include "supervisor/backoff.h"

#include "base/compiler.h"

void backoff_on_start(struct backoff *backoff, uint64_t now_ms)
{
    backoff->started_ms = now_ms;
}

uint32_t backoff_on_death(struct backoff *backoff, uint64_t now_ms)
{
    uint32_t wait_ms = BACKOFF_FIRST_MS;

    if (now_ms - backoff->started_ms >= BACKOFF_QUICK_MS) {
        backoff->quick_deaths = 0;
        return 0;
    }
    backoff->quick_deaths++;
    if (backoff->quick_deaths == 1)
        return 0;
    for (uint32_t i = 2; i < backoff->quick_deaths && wait_ms < BACKOFF_MAX_MS; i++)
        wait_ms *= 2;
    return MIN(wait_ms, (uint32_t)BACKOFF_MAX_MS);
}
