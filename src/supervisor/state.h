/* supervisor/state.h
 *
 * Purpose    All that the supervisor holds, in one place: one instance, on supervisor_main()'s stack.
 * Ownership  supervisor_main() opens and closes it; every other file borrows.
 * Roles      supervisor, inside this room only.
 * Units      Times in milliseconds, monotonic; UINT64_MAX is "never". */
#ifndef YETT_SUPERVISOR_STATE_H
#define YETT_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "proc/channel.h"
#include "stats/page.h"
#include "supervisor/backoff.h"
#include "supervisor/drain.h"
#include "supervisor/images.h"
#include "supervisor/keeping.h"
#include "supervisor/listeners.h"
#include "supervisor/main.h"
#include "supervisor/ports.h"
#include "supervisor/rollout.h"

struct child {
    enum proc_role role;
    uint32_t index; /* of a worker */
    uint32_t starts;
    pid_t pid;   /* 0: not running */
    int channel; /* -1: not running, or it broke the rules and is being killed */
    bool is_ready;
    uint64_t restart_at_ms; /* UINT64_MAX while it runs */
    uint64_t died_at_ms;    /* 0: never did */
    struct backoff backoff;
};

struct supervisor {
    const struct supervisor_options *options;
    struct listeners listeners;
    struct ports ports;
    struct proc_hello hello; /* what all hellos have in common */
    int null_fd, admin_fd, signal_fd;
    int access_log_fd, webhook_fd; /* -1 where it is off */
    int stats_fds[PROC_WORKERS_MAX];
    struct stats_page *stats[PROC_WORKERS_MAX];
    struct child controller;
    struct child keeper; /* starts with --state-dir only */
    struct child workers[PROC_WORKERS_MAX];
    struct rollout rollout;
    struct images images;
    struct drain drain;
    struct keeping keeping;
};

static inline uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000u;
}

#endif
