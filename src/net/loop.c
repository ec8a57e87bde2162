#include "net/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"
#include "net/timer.h"

enum { LOOP_EVENTS_MAX = 256 };

struct loop {
    int epoll_fd;
    bool stopped;
    bool clock_is_manual;
    uint64_t now_us;
    struct epoll_event events[LOOP_EVENTS_MAX]; /* of the running turn */
    int events_at, events_len;
    struct list tasks;
    VEC(void *) deferred;
    struct timer_wheel wheel;
};

static void clock_read(struct loop *loop)
{
    if (!loop->clock_is_manual)
        loop->now_us = clock_mono_ns() / 1000;
}

int loop_new(struct loop **ret_loop)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd == -1)
        return -errno;

    struct loop *loop = mem_alloc_zero(sizeof(*loop));
    loop->epoll_fd = fd;
    list_init(&loop->tasks);
    clock_read(loop);
    timer_wheel_init(&loop->wheel, loop_now_ms(loop));
    *ret_loop = loop;
    return 0;
}

static void deferred_free(struct loop *loop)
{
    vec_for_each (ptr, &loop->deferred)
        mem_free(*ptr);
    loop->deferred.len = 0;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    deferred_free(loop);
    vec_deinit(&loop->deferred);
    close(loop->epoll_fd);
    return mem_free(loop);
}

static int watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t mask)
{
    struct epoll_event event = { .events = mask, .data.ptr = watch };

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
        return -errno;
    watch->fd = fd;
    watch->mask = mask;
    return 0;
}

int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
{
    return watch_add(loop, watch, fd, events | EPOLLET);
}

int loop_watch_add_level(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
{
    return watch_add(loop, watch, fd, events);
}

int loop_watch_change_level(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    if (watch->mask == events)
        return 0;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == -1)
        return -errno;
    watch->mask = events;
    return 0;
}

void loop_watch_forget(struct loop *loop, struct loop_watch *watch)
{
    /* Events of this turn that were collected already must not reach it any more. */
    for (int i = loop->events_at; i < loop->events_len; i++) {
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
    }
    watch->fd = -1;
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
    if (watch->fd < 0)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    loop_watch_forget(loop, watch);
}

void loop_timer_init(struct loop_timer *timer, void (*on_timeout)(struct loop_timer *timer))
{
    list_init(&timer->link);
    timer->deadline_ms = 0;
    timer->on_timeout = on_timeout;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    timer_wheel_set(&loop->wheel, timer, loop_now_ms(loop) + delay_ms);
}

void loop_timer_cancel(struct loop_timer *timer)
{
    list_remove(&timer->link);
}

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task))
{
    list_init(&task->link);
    task->run = run;
}

void loop_task_queue(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->link))
        list_push_back(&loop->tasks, &task->link);
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}

void loop_defer_free(struct loop *loop, void *ptr)
{
    if (ptr)
        vec_push(&loop->deferred, ptr);
}

/* Runs what is queued by now. What is queued meanwhile waits until descriptors had their turn, else
 * a task that always has more to do would keep them from it. */
static void tasks_run(struct loop *loop)
{
    struct list queued;

    list_take(&queued, &loop->tasks);
    while (!list_is_empty(&queued)) {
        struct loop_task *task = list_entry(queued.next, struct loop_task, link);

        list_remove(&task->link);
        task->run(task);
    }
}

static int wait_time_ms(const struct loop *loop, uint64_t wait_ms)
{
    uint64_t timer_ms = timer_wheel_wait_ms(&loop->wheel, loop_now_ms(loop));
    uint64_t ms = MIN(wait_ms, timer_ms);

    if (loop->clock_is_manual || !list_is_empty(&loop->tasks))
        ms = 0;
    return ms > INT32_MAX ? -1 : (int)ms;
}

int loop_turn(struct loop *loop, uint64_t wait_ms)
{
    tasks_run(loop);
    int n = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS_MAX, wait_time_ms(loop, wait_ms));
    if (n == -1 && errno != EINTR)
        return -errno;
    clock_read(loop);

    loop->events_len = n > 0 ? n : 0;
    for (loop->events_at = 0; loop->events_at < loop->events_len;) {
        struct epoll_event *event = &loop->events[loop->events_at++];
        struct loop_watch *watch = event->data.ptr;

        if (watch)
            watch->on_events(watch, event->events);
    }
    loop->events_at = loop->events_len = 0;
    timer_wheel_run(&loop->wheel, loop_now_ms(loop));
    tasks_run(loop);
    deferred_free(loop);
    return 0;
}

int loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        int r = loop_turn(loop, UINT64_MAX);
        if (r < 0)
            return r;
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_us / 1000;
}

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

void loop_clock_set_manual(struct loop *loop, uint64_t now_ms)
{
    if (!loop->clock_is_manual)
        timer_wheel_init(&loop->wheel, now_ms);
    loop->clock_is_manual = true;
    loop->now_us = now_ms * 1000;
}
