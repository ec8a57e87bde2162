/* control/event_limits.h
 *
 * Purpose    How often Events may be written: in all, and about each object. As client-go's spam filter, but
 *            that Sync has limits of its own: it keeps no warning back.
 * Ownership  Owns what it notes of objects.
 * Lifetime   A zeroed struct has all its tokens; event_limits_deinit() returns it to that.
 * Roles      controller.
 * Units      Milliseconds of the loop's clock.
 * Limits     EVENT_LIMITS_OBJECTS at once are told apart; those that have all their tokens are forgotten first,
 *            and then no other one may. */
#ifndef YETT_CONTROL_EVENT_LIMITS_H
#define YETT_CONTROL_EVENT_LIMITS_H

#include "base/map.h"
#include "base/token_bucket.h"
#include "control/event.h"

enum {
    EVENT_LIMITS_OBJECTS = 16384,
    EVENT_BURST = 50,
    EVENT_TOKEN_MS = 100, /* 10 a second */
    EVENT_SYNC_BURST = 50,
    EVENT_SYNC_TOKEN_MS = 500,
    EVENT_OBJECT_BURST = 25,
    EVENT_OBJECT_TOKEN_MS = 5 * 60 * 1000,
};

struct event_limits {
    struct token_bucket all, syncs;
    struct idmap objects;
};

void event_limits_deinit(struct event_limits *limits);

/* Takes a token of those for all. Milliseconds until one is there; 0: it was taken. */
uint64_t event_limits_wait_ms(struct event_limits *limits, bool is_sync, uint64_t now_ms);
/* Takes one of the object's. False: it has none, for the next EVENT_OBJECT_TOKEN_MS at most. */
bool event_limits_take(struct event_limits *limits, const struct event *event, uint64_t now_ms);

#endif
