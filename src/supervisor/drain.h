/* supervisor/drain.h
 *
 * Purpose    The orderly end: unready but serving, then finishing, then gone.
 * Roles      supervisor.
 * Limits     grace_ms and drain_ms of the options; DRAIN_CONTROLLER_MS for the controller at the
 *            end.
 * See        docs/internals/lifecycle.md, "An orderly end" */
#ifndef YETT_SUPERVISOR_DRAIN_H
#define YETT_SUPERVISOR_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "proc/inherit.h"

struct supervisor;
struct child;

enum {
    DRAIN_CONTROLLER_MS = 5000,
    /* Our copies of the listening sockets close that long before the workers' do: a connection that
     * arrives between a worker's last accept and our close would be reset. */
    DRAIN_CLOSE_LEAD_MS = 100,
    DRAIN_KILL_LATER_MS =
        500, /* a worker keeps the limit itself; one that hangs is killed after it */
};

enum drain_phase {
    DRAIN_SERVING,
    DRAIN_GRACE,     /* workers are unready and accept; our copies of the sockets are open */
    DRAIN_FINISHING, /* they are closed; workers finish what they have */
    DRAIN_LAST,      /* no worker is left; the controller ends */
    DRAIN_OVER,
};

struct drain {
    enum drain_phase phase;
    uint64_t grace_until_ms;
    uint64_t phase_until_ms; /* UINT64_MAX while serving */
    bool had_to_kill;
};

void drain_init(struct drain *drain);
/* SIGTERM, SIGINT or SIGQUIT number one begins the end; another one makes it short. */
void drain_on_signal(struct supervisor *supervisor);
/* Moves on where time or the children's deaths allow it. */
void drain_step(struct supervisor *supervisor);
/* A worker that is restarted during the grace learns of it. */
void drain_on_worker_start(struct supervisor *supervisor, struct child *worker);
bool drain_wants_restart(const struct drain *drain, enum proc_role role);

#endif
