/* supervisor/rollout.h
 *
 * Purpose    Which worker gets which image when: one first, then the rest; back to the last good
 *            one where an image is refused, kills its worker or is not taken in time.
 * Ownership  Knows generations only; supervisor/images.h holds the descriptors of those that
 *            rollout_holds().
 * Roles      supervisor. Pure: events in, actions out, the clock is the caller's.
 * Units      Milliseconds, monotonic. Generation 0 is "none".
 * Limits     PROC_WORKERS_MAX workers; one image rolls, one waits: a newer one takes its place.
 * See        docs/internals/lifecycle.md */
#ifndef YETT_SUPERVISOR_ROLLOUT_H
#define YETT_SUPERVISOR_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "proc/channel.h"
#include "proc/inherit.h"

enum {
    ROLLOUT_TAKE_MS = 5000, /* a worker that needs longer to take an image hangs */
    ROLLOUT_DEATHS_MAX = 2, /* without a crash, while an image rolls: the second is its fault */
    ROLLOUT_CRASHES = 3,    /* so many … */
    ROLLOUT_CRASHES_IN_MS = 10000, /* … in that time … */
    ROLLOUT_YOUNG_MS = 60000,      /* … on an image no older than this: it is to blame */
    ROLLOUT_NO_WORKER = UINT32_MAX,
};

enum rollout_phase {
    ROLLOUT_IDLE,
    ROLLOUT_FIRST, /* one worker has been asked, or none lives that could be */
    ROLLOUT_REST,  /* it has taken the image; so must all that live */
};

struct rollout_worker {
    bool is_live;
    uint64_t asked; /* the image that was sent last to this process */
    uint64_t taken; /* the one that it serves */
};

struct rollout {
    enum rollout_phase phase;
    uint64_t good, previous; /* served by all; the one before it */
    uint64_t rolling, waiting;
    uint64_t newest; /* highest generation ever published */
    uint64_t good_since_ms, deadline_ms;
    uint32_t first;
    uint32_t deaths;                      /* while `rolling` rolls */
    uint64_t crashes_ms[ROLLOUT_CRASHES]; /* of workers that served `good`, latest first; 0: none */
    uint32_t workers_len;
    struct rollout_worker workers[PROC_WORKERS_MAX];
};

enum rollout_action_kind {
    ROLLOUT_SEND = 1, /* image `generation` to `worker` */
    ROLLOUT_KILL,     /* `worker`, which hangs */
    ROLLOUT_PUBLISHED,
    ROLLOUT_REJECTED, /* for `reason` */
};

struct rollout_action {
    enum rollout_action_kind kind;
    uint32_t worker;
    uint64_t generation;
    enum proc_reject reason;
};

struct rollout_actions {
    uint32_t len;
    struct rollout_action items[3 * PROC_WORKERS_MAX + 8]; /* most of one event */
};

enum rollout_publish_result {
    ROLLOUT_ACCEPTED = 0,
    ROLLOUT_STALE, /* its generation is not above those before: nothing changed */
};

void rollout_init(struct rollout *rollout, uint32_t workers_len);

/* Events. Each appends what must be done to *actions, in order. */
YETT_MUST_USE enum rollout_publish_result rollout_on_publish(struct rollout *rollout,
                                                             uint64_t generation, uint64_t now_ms,
                                                             struct rollout_actions *actions);
void rollout_on_start(struct rollout *rollout, uint32_t worker, uint64_t now_ms,
                      struct rollout_actions *actions);
/* `is_crash`: by a signal that a fault of its own raised. */
void rollout_on_death(struct rollout *rollout, uint32_t worker, bool is_crash, uint64_t now_ms,
                      struct rollout_actions *actions);
void rollout_on_taken(struct rollout *rollout, uint32_t worker, uint64_t generation,
                      uint64_t now_ms, struct rollout_actions *actions);
void rollout_on_refused(struct rollout *rollout, uint32_t worker, uint64_t generation,
                        uint64_t now_ms, struct rollout_actions *actions);
void rollout_on_time(struct rollout *rollout, uint64_t now_ms, struct rollout_actions *actions);

/* When rollout_on_time() wants to be called; UINT64_MAX: not at all. */
uint64_t rollout_deadline_ms(const struct rollout *rollout);
/* True while the image may still be sent to someone. */
bool rollout_holds(const struct rollout *rollout, uint64_t generation);

#endif
