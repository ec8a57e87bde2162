/* api/backoff.h
 *
 * Purpose    How long to wait before the API server is asked again: decorrelated jitter, so that many
 *            that failed together do not come back together.
 * Roles      controller. Pure but for its own pseudo-random numbers.
 * Units      Milliseconds.
 * Limits     From API_BACKOFF_FIRST_MS to what the caller says, at most API_BACKOFF_MAX_MS. */
#ifndef YETT_API_BACKOFF_H
#define YETT_API_BACKOFF_H

#include <stdint.h>

enum {
    API_BACKOFF_FIRST_MS = 50,
    API_BACKOFF_MAX_MS = 30 * 1000,
};

struct api_backoff {
    uint64_t random;  /* state of the generator */
    uint32_t wait_ms; /* the last; 0: none since the start */
};

void api_backoff_init(struct api_backoff *backoff, uint64_t seed);
/* The next wait: from the last to three times the last, up to `max_ms`. */
uint32_t api_backoff_next(struct api_backoff *backoff, uint32_t max_ms);
/* What was asked for has been standing for long enough. */
void api_backoff_reset(struct api_backoff *backoff);
/* From 0 to below `end`, which is not 0; for other jitter. */
uint32_t api_backoff_random(struct api_backoff *backoff, uint32_t end);

#endif
