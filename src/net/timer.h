/* net/timer.h
 *
 * Purpose    The wheel of the loop's timers. Arming and cancelling cost O(1), whatever their number. Only
 *            net/loop.c uses it directly.
 * Ownership  Borrows the timers, which live inside their owners' structs.
 * Lifetime   timer_wheel_init(); no end of its own.
 * Units      Milliseconds, monotonic; a tick is LOOP_TICK_MS. */
#ifndef YETT_NET_TIMER_H
#define YETT_NET_TIMER_H

#include "net/loop.h"

enum { TIMER_SLOTS = 4096 }; /* a turn of the wheel is about 33 s; longer timers stay for another */

struct timer_wheel {
    struct list slots[TIMER_SLOTS];
    uint64_t marked[TIMER_SLOTS / 64]; /* slots that may hold timers */
    uint64_t tick;                     /* all slots before it have been run */
    uint64_t next_tick;                /* no timer is due before it; UINT64_MAX: none is armed */
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);
void timer_wheel_set(struct timer_wheel *wheel, struct loop_timer *timer, uint64_t deadline_ms);
/* Fires all that are due. */
void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ms);
/* Milliseconds until something may be due; UINT64_MAX: nothing is armed. */
uint64_t timer_wheel_wait_ms(const struct timer_wheel *wheel, uint64_t now_ms);

#endif
