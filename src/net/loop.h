/* net/loop.h
 *
 * Purpose    One thread's event loop: readiness of descriptors (epoll, edge-triggered), timers,
 *            deferred work.
 * Ownership  The loop borrows watches and timers, which live inside their owners' structs.
 * Lifetime   loop_new() … loop_free(). A callback may remove or free anything, its own watch too,
 * as long as memory that other events of the same turn may name is freed with loop_defer_free().
 * Units      Milliseconds, monotonic; loop_now_ms() is read once per turn.
 * Errors     -errno of the system call beneath. */
#ifndef YETT_NET_LOOP_H
#define YETT_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"

struct loop;

enum loop_events {
    LOOP_READ = 0x001,   /* EPOLLIN */
    LOOP_WRITE = 0x004,  /* EPOLLOUT */
    LOOP_ERROR = 0x008,  /* EPOLLERR */
    LOOP_HANGUP = 0x010, /* EPOLLHUP: both directions are over */
    LOOP_END = 0x2000,   /* EPOLLRDHUP: the peer will send no more */
};

struct loop_watch {
    int fd;        /* -1 while not watched */
    uint32_t mask; /* as registered */
    void (*on_events)(struct loop_watch *watch, uint32_t events);
};

YETT_MUST_USE int loop_new(struct loop **ret_loop);
struct loop *loop_free(struct loop *loop);

/* Watches `fd` edge-triggered for `events`. The owner reads and writes until EAGAIN (or a short
 * count). */
YETT_MUST_USE int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd,
                                 uint32_t events);
/* Level-triggered: for listeners and channels, where a turn may leave work behind. */
YETT_MUST_USE int loop_watch_add_level(struct loop *loop, struct loop_watch *watch, int fd,
                                       uint32_t events);
YETT_MUST_USE int loop_watch_change_level(struct loop *loop, struct loop_watch *watch,
                                          uint32_t events);
/* Stops watching; the descriptor stays open. Fine where it is not watched. */
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);
/* For a descriptor that is closed in the same breath: saves the system call, since closing the last
 * descriptor of a socket ends its watch. */
void loop_watch_forget(struct loop *loop, struct loop_watch *watch);

struct loop_timer {
    struct list link; /* in a slot of the wheel; linked to itself while off */
    uint64_t deadline_ms;
    void (*on_timeout)(struct loop_timer *timer);
};

void loop_timer_init(struct loop_timer *timer, void (*on_timeout)(struct loop_timer *timer));
/* (Re)arms; fires once, no earlier than after `delay_ms`, and at most LOOP_TICK_MS late plus the
 * turn. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_cancel(struct loop_timer *timer);
static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
    return !list_is_empty(&timer->link);
}

enum { LOOP_TICK_MS = 8 };

/* Work to run before the loop sleeps next, once per loop_task_queue(); what a task queues runs after
 * the next look at the descriptors. */
struct loop_task {
    struct list link;
    void (*run)(struct loop_task *task);
};

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));
void loop_task_queue(struct loop *loop, struct loop_task *task); /* again while queued: no effect */
void loop_task_cancel(struct loop_task *task);

/* Frees with mem_free() once the turn's events have all been delivered. */
void loop_defer_free(struct loop *loop, void *ptr);

/* Runs until loop_stop(). Returns 0 or -errno. */
YETT_MUST_USE int loop_run(struct loop *loop);
/* One turn, waiting at most `wait_ms`. */
YETT_MUST_USE int loop_turn(struct loop *loop, uint64_t wait_ms);
void loop_stop(struct loop *loop);

uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop);

/* For tests: the clock stands still and goes on only by this. */
void loop_clock_set_manual(struct loop *loop, uint64_t now_ms);

#endif
