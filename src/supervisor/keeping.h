/* supervisor/keeping.h
 *
 * Purpose    What the supervisor has to do with the keeper (--state-dir): takes the image that it found at
 *            a cold start, lets the controller start after it, and hands it each newest good image, one
 *            at a time.
 * Ownership  Part of struct supervisor.
 * Roles      supervisor. It never waits for the keeper: a disk that hangs costs the state, not traffic.
 * Units      Milliseconds, monotonic. Generation 0 is "none".
 * See        docs/internals/lifecycle.md, "A cold start" */
#ifndef YETT_SUPERVISOR_KEEPING_H
#define YETT_SUPERVISOR_KEEPING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct supervisor;
struct proc_message;

enum {
    KEEPING_START_MS = 10 * 1000, /* a disk that needs longer for what it has is not waited for */
    KEEPING_EACH_MS = 1000,       /* from one write to the next; of what changes faster, the last */
    KEEPING_RETRY_MS = 10 * 1000, /* after one that failed */
    KEEPING_END_MS = 3000,        /* for the last one, at the end of all */
};

struct keeping {
    bool is_on;       /* there is a --state-dir */
    bool has_told;    /* the keeper has said all that it found, or it never will */
    bool is_settled;  /* what it found is served or refused: the controller starts */
    bool is_busy;     /* an image is with it */
    uint64_t asked;   /* the one that it was given last; the one that it found */
    uint64_t next_ms; /* none is given before that; until is_settled: when its time is over */
    uint64_t end_ms;  /* at the end: it is not waited for any longer; 0: not yet */
};

void keeping_init(struct keeping *keeping, bool is_on, uint64_t now_ms);
/* What the keeper says. False: that is not its to say. */
YETT_MUST_USE bool keeping_on_message(struct supervisor *supervisor, struct proc_message *message);
void keeping_on_death(struct keeping *keeping);
/* After each event: what is due. */
void keeping_step(struct supervisor *supervisor);
uint64_t keeping_deadline_ms(const struct supervisor *supervisor);
/* At the end: whatever is good is on disk, or cannot be got there. */
bool keeping_is_done(const struct supervisor *supervisor);

#endif
