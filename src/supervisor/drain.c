#include "supervisor/drain.h"

#include <signal.h>

#include "base/bug.h"
#include "base/log.h"
#include "supervisor/children.h"
#include "supervisor/handover.h"
#include "supervisor/keeping.h"
#include "supervisor/listeners.h"
#include "supervisor/state.h"

void drain_init(struct drain *drain)
{
    *drain = (struct drain){ .phase = DRAIN_SERVING, .phase_until_ms = UINT64_MAX };
}

static void set_phase(struct drain *drain, enum drain_phase phase, uint64_t until_ms)
{
    invariant(phase > drain->phase); /* only forward */
    drain->phase = phase;
    drain->phase_until_ms = until_ms;
}

static void worker_tell(const struct supervisor *supervisor, struct child *worker, uint64_t now)
{
    uint64_t until_ms = supervisor->drain.grace_until_ms;
    struct proc_message message = {
        .kind = PROC_DRAIN,
        .result = until_ms > now ? (int32_t)(until_ms - now) : 0,
        .time_ms = supervisor->options->drain_ms,
    };

    handover_send(worker, &message);
}

static void finishing_begin(struct supervisor *supervisor)
{
    listeners_close(&supervisor->listeners);
    ports_close(&supervisor->ports);
    set_phase(&supervisor->drain, DRAIN_FINISHING,
              supervisor->drain.grace_until_ms + supervisor->options->drain_ms +
                  DRAIN_KILL_LATER_MS);
    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        supervisor->workers[i].restart_at_ms = UINT64_MAX; /* those that waited */
}

static void drain_begin(struct supervisor *supervisor)
{
    const struct supervisor_options *options = supervisor->options;
    uint64_t now = now_ms();

    log_info("draining", F_UINT("grace_ms", options->grace_ms),
             F_UINT("drain_ms", options->drain_ms));
    supervisor->drain.grace_until_ms = now + options->grace_ms;
    if (options->grace_ms <= DRAIN_CLOSE_LEAD_MS)
        finishing_begin(supervisor); /* before the workers hear of it */
    else
        set_phase(&supervisor->drain, DRAIN_GRACE,
                  supervisor->drain.grace_until_ms - DRAIN_CLOSE_LEAD_MS);
    for (uint32_t i = 0; i < options->workers; i++)
        worker_tell(supervisor, &supervisor->workers[i], now);
}

static void child_end(struct supervisor *supervisor, struct child *child, const char *reason)
{
    if (child->pid == 0)
        return;
    children_kill(child, reason);
    supervisor->drain.had_to_kill = true;
}

static void end_now(struct supervisor *supervisor)
{
    log_warn("ending_at_once");
    supervisor->drain.had_to_kill = true;
    supervisor->controller.restart_at_ms = UINT64_MAX;
    supervisor->keeper.restart_at_ms = UINT64_MAX;
    for (uint32_t i = 0; i < supervisor->options->workers; i++) {
        supervisor->workers[i].restart_at_ms = UINT64_MAX;
        child_end(supervisor, &supervisor->workers[i], "second signal");
    }
    child_end(supervisor, &supervisor->controller, "second signal");
    set_phase(&supervisor->drain, DRAIN_OVER, UINT64_MAX);
}

void drain_on_signal(struct supervisor *supervisor)
{
    switch (supervisor->drain.phase) {
    case DRAIN_SERVING:
        drain_begin(supervisor);
        return;
    case DRAIN_GRACE:
    case DRAIN_FINISHING:
    case DRAIN_LAST:
        end_now(supervisor);
        return;
    case DRAIN_OVER:
        return;
    }
}

/* The controller goes last, so that metrics are there until the end. */
static void last_begin(struct supervisor *supervisor)
{
    struct child *controller = &supervisor->controller;

    set_phase(&supervisor->drain, DRAIN_LAST,
              now_ms() + MAX(supervisor->options->controller_ms, (uint32_t)DRAIN_CONTROLLER_MS));
    controller->restart_at_ms = UINT64_MAX;
    supervisor->keeper.restart_at_ms = UINT64_MAX;
    if (controller->pid)
        kill(controller->pid, SIGTERM);
}

static void workers_kill(struct supervisor *supervisor)
{
    supervisor->drain.phase_until_ms = UINT64_MAX;
    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        child_end(supervisor, &supervisor->workers[i], "it was not finished in time");
}

static void controller_kill(struct supervisor *supervisor)
{
    supervisor->drain.phase_until_ms = UINT64_MAX;
    child_end(supervisor, &supervisor->controller, "it did not end in time");
}

void drain_step(struct supervisor *supervisor)
{
    struct drain *drain = &supervisor->drain;
    bool is_late = now_ms() >= drain->phase_until_ms;

    if (drain->phase == DRAIN_GRACE && is_late) {
        finishing_begin(supervisor);
        is_late = now_ms() >= drain->phase_until_ms;
    }
    if (drain->phase == DRAIN_FINISHING && children_workers_running(supervisor) == 0)
        last_begin(supervisor);
    else if (drain->phase == DRAIN_FINISHING && is_late)
        workers_kill(supervisor);
    if (drain->phase == DRAIN_LAST && supervisor->controller.pid == 0 &&
        keeping_is_done(supervisor))
        set_phase(drain, DRAIN_OVER, UINT64_MAX);
    else if (drain->phase == DRAIN_LAST && now_ms() >= drain->phase_until_ms)
        controller_kill(supervisor);
}

void drain_on_worker_start(struct supervisor *supervisor, struct child *worker)
{
    if (supervisor->drain.phase == DRAIN_GRACE)
        worker_tell(supervisor, worker, now_ms());
}

bool drain_wants_restart(const struct drain *drain, enum proc_role role)
{
    switch (drain->phase) {
    case DRAIN_SERVING:
    case DRAIN_GRACE:
        return true;
    case DRAIN_FINISHING:
        return role != PROC_WORKER; /* metrics, and the state, until the end */
    case DRAIN_LAST:
    case DRAIN_OVER:
        return false;
    }
    return false;
}
