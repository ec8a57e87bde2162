#include "supervisor/handover.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "base/scope.h"
#include "proc/spawn.h"
#include "supervisor/children.h"
#include "supervisor/keeping.h"

/* Messages of one child before the others have their turn. */
enum { MESSAGES_PER_TURN = 64 };

void handover_send(struct child *child, const struct proc_message *message)
{
    if (child->channel == -1)
        return; /* its death is on the way */
    int r = proc_channel_send(child->channel, message);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET)
        children_kill(child, "it does not read its channel");
}

static void act(struct supervisor *supervisor, const struct rollout_action *action)
{
    struct proc_message message = { .generation = action->generation };

    switch (action->kind) {
    case ROLLOUT_SEND:
        handover_send(&supervisor->workers[action->worker],
                      images_get(&supervisor->images, action->generation));
        return;
    case ROLLOUT_KILL:
        children_kill(&supervisor->workers[action->worker], "it did not take an image in time");
        return;
    case ROLLOUT_PUBLISHED:
        log_info("image_published", F_UINT("image", action->generation));
        message.kind = PROC_PUBLISHED;
        handover_send(&supervisor->controller, &message);
        return;
    case ROLLOUT_REJECTED:
        log_error("image_rejected", F_UINT("image", action->generation),
                  F_STR("reason", proc_reject_name((int32_t)action->reason)),
                  F_UINT("serving", supervisor->rollout.good));
        message.kind = PROC_REJECTED;
        message.result = (int32_t)action->reason;
        handover_send(&supervisor->controller, &message);
        return;
    }
}

static void act_all(struct supervisor *supervisor, const struct rollout_actions *actions)
{
    ports_follow(supervisor);
    for (uint32_t i = 0; i < actions->len; i++)
        act(supervisor, &actions->items[i]);
    images_prune(&supervisor->images, &supervisor->rollout);
}

/* A new controller goes on where the one before stopped: with its count, and with the image that is
 * served, for what it shows and what must not change with it. */
static void controller_resume(struct supervisor *supervisor)
{
    const struct rollout *rollout = &supervisor->rollout;
    struct proc_message resume = { 0 };

    if (rollout->good)
        resume = *images_get(&supervisor->images, rollout->good);
    resume.kind = PROC_RESUME;
    resume.generation = rollout->newest;
    handover_send(&supervisor->controller, &resume);
    ports_tell_controller(supervisor);
}

void handover_on_start(struct supervisor *supervisor, struct child *child)
{
    struct rollout_actions actions = { 0 };

    if (child->role == PROC_CONTROLLER) {
        controller_resume(supervisor);
        return;
    }
    if (child->role == PROC_KEEPER)
        return; /* it speaks first */
    ports_tell_worker(supervisor, child);
    rollout_on_start(&supervisor->rollout, child->index, now_ms(), &actions);
    act_all(supervisor, &actions);
    drain_on_worker_start(supervisor, child);
}

void handover_on_death(struct supervisor *supervisor, const struct child *child, bool is_crash)
{
    struct rollout_actions actions = { 0 };

    if (child->role == PROC_KEEPER)
        keeping_on_death(&supervisor->keeping);
    if (child->role != PROC_WORKER)
        return;
    rollout_on_death(&supervisor->rollout, child->index, is_crash, now_ms(), &actions);
    act_all(supervisor, &actions);
}

void handover_on_time(struct supervisor *supervisor)
{
    struct rollout_actions actions = { 0 };

    rollout_on_time(&supervisor->rollout, now_ms(), &actions);
    act_all(supervisor, &actions);
}

void handover_publish(struct supervisor *supervisor, struct proc_message *message)
{
    struct rollout_actions actions = { 0 };
    uint64_t generation = message->generation;

    if (rollout_on_publish(&supervisor->rollout, generation, now_ms(), &actions) == ROLLOUT_STALE) {
        log_warn("image_stale", F_UINT("image", generation),
                 F_UINT("newest", supervisor->rollout.newest));
        struct proc_message rejected = { .kind = PROC_REJECTED,
                                         .result = PROC_REJECT_REFUSED,
                                         .generation = generation };
        handover_send(&supervisor->controller, &rejected);
        return;
    }
    images_take(&supervisor->images, message);
    act_all(supervisor, &actions);
}

static void on_ready(struct child *worker)
{
    uint64_t now = now_ms();

    worker->is_ready = true;
    log_info("worker_ready", F_UINT("index", worker->index), F_INT("pid", worker->pid),
             F_UINT("starts", worker->starts),
             F_UINT("down_ms", worker->died_at_ms ? now - worker->died_at_ms : 0));
}

static void on_refused(struct supervisor *supervisor, const struct child *worker,
                       const struct proc_message *message, struct rollout_actions *actions)
{
    log_error("image_refused", F_UINT("worker", worker->index),
              F_UINT("image", message->generation), F_INT("result", message->result));
    rollout_on_refused(&supervisor->rollout, worker->index, message->generation, now_ms(), actions);
}

/* Returns false where the message is none that this child may send. */
static bool on_message(struct supervisor *supervisor, struct child *child,
                       struct proc_message *message)
{
    struct rollout_actions actions = { 0 };
    bool is_worker = child->role == PROC_WORKER;

    if (child->role == PROC_KEEPER)
        return keeping_on_message(supervisor, message);
    switch ((enum proc_message_kind)message->kind) {
    case PROC_PUBLISH:
        if (is_worker || message->fds_len == 0)
            return false;
        handover_publish(supervisor, message);
        return true;
    case PROC_READY:
        if (is_worker)
            on_ready(child);
        return is_worker;
    case PROC_TAKEN:
        if (!is_worker)
            return false;
        rollout_on_taken(&supervisor->rollout, child->index, message->generation, now_ms(),
                         &actions);
        break;
    case PROC_REFUSED:
        if (!is_worker)
            return false;
        on_refused(supervisor, child, message, &actions);
        break;
    case PROC_DRAINED:
        return is_worker; /* its exit says the same, and frees its memory, too */
    case PROC_HELLO:
    case PROC_RESUME:
    case PROC_PUBLISHED:
    case PROC_REJECTED:
    case PROC_IMAGE:
    case PROC_DRAIN:
    case PROC_LISTEN:
    case PROC_UNLISTEN:
    case PROC_PORT:
        return false;
    }
    act_all(supervisor, &actions);
    return true;
}

/* A child whose channel is gone is of no use any more. Mostly it is just ending, and one that was told
 * to end does so in its own time. */
static void on_end_of_channel(const struct supervisor *supervisor, struct child *child)
{
    fd_closep(&child->channel);
    child->channel = -1;
    if (child->pid && supervisor->drain.phase == DRAIN_SERVING)
        kill(child->pid, SIGKILL);
}

void handover_on_readable(struct supervisor *supervisor, struct child *child)
{
    for (int i = 0; i < MESSAGES_PER_TURN && child->channel != -1; i++) {
        struct proc_message message;
        int r = proc_channel_receive(child->channel, &message);

        if (r == -EAGAIN)
            return;
        if (r == -EPIPE || r == -ECONNRESET) {
            on_end_of_channel(supervisor, child);
            return;
        }
        if (r < 0) {
            children_kill(child, "it sent no message of ours");
            return;
        }
        bool is_allowed = on_message(supervisor, child, &message);
        proc_message_close_fds(&message); /* those that nobody took */
        if (!is_allowed)
            children_kill(child, "it sent a message that is not its to send");
    }
}
