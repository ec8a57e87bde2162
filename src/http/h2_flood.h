/* http/h2_flood.h
 *
 * Purpose    Counts what a peer does that costs us more than it costs the peer.
 * Lifetime   A zeroed struct has full budgets.
 * Units      Milliseconds of any clock that does not go back.
 * Limits     http/h2_limits.h
 * See        docs/security.md has what each flood comes to */
#ifndef YETT_HTTP_H2_FLOOD_H
#define YETT_HTTP_H2_FLOOD_H

#include <stddef.h>

#include "base/token_bucket.h"

struct h2_flood {
    struct token_bucket cancels, chores;
    uint32_t bytes_sent; /* since the last chore that they earned */
    uint32_t frames;     /* that came since the last h2_flood_settle() */
    uint32_t useful;     /* of these, such as carried a part of a message */
};

/* A stream was reset, by the peer or for what it did. False: one too many. */
bool h2_flood_cancel(struct h2_flood *flood, uint64_t now_ms);
/* Counts those of the frames that were not useful. False: too many. */
bool h2_flood_settle(struct h2_flood *flood, uint64_t now_ms);

/* Honest work: a head came; content came; content was sent, and all that there was to say at that (rather
 * than what a window left of it); a stream came to its end. */
void h2_flood_earn_head(struct h2_flood *flood);
void h2_flood_earn_received(struct h2_flood *flood);
void h2_flood_earn_sent(struct h2_flood *flood, size_t bytes, bool is_whole);
void h2_flood_earn_end(struct h2_flood *flood);

#endif
