/* supervisor/backoff.h
 *
 * Purpose    How long a child that died waits for its restart.
 * Roles      supervisor. Pure: the clock is the caller's.
 * Units      Milliseconds, monotonic.
 * Limits     BACKOFF_MAX_MS: a child that cannot live costs a start every five seconds. */
#ifndef YETT_SUPERVISOR_BACKOFF_H
#define YETT_SUPERVISOR_BACKOFF_H

#include <stdint.h>

enum {
    BACKOFF_QUICK_MS = 1000, /* a child that lived that long did not die of its start */
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 5000,
};

struct backoff {
    uint64_t started_ms;
    uint32_t quick_deaths; /* in a row */
};

void backoff_on_start(struct backoff *backoff, uint64_t now_ms);
/* Returns the wait: none for the first quick death, then doubling. */
uint32_t backoff_on_death(struct backoff *backoff, uint64_t now_ms);

#endif
