#include "supervisor/keeping.h"

#include <string.h>

#include "base/log.h"
#include "base/scope.h"
#include "supervisor/handover.h"
#include "supervisor/state.h"

void keeping_init(struct keeping *keeping, bool is_on, uint64_t now_ms)
{
    *keeping = (struct keeping){
        .is_on = is_on,
        .has_told = !is_on,
        .is_settled = !is_on,
        .next_ms = now_ms + KEEPING_START_MS,
    };
}

static void found(struct supervisor *supervisor, struct proc_message *image)
{
    struct keeping *keeping = &supervisor->keeping;

    if (keeping->has_told) {
        log_warn("state_came_too_late", F_UINT("image", image->generation));
        return;
    }
    keeping->asked = image->generation; /* it is there already */
    handover_publish(supervisor, image);
}

static void answered(struct keeping *keeping, bool is_kept)
{
    keeping->is_busy = false;
    if (is_kept)
        return;
    keeping->asked = 0;
    keeping->next_ms = now_ms() + KEEPING_RETRY_MS;
}

bool keeping_on_message(struct supervisor *supervisor, struct proc_message *message)
{
    struct keeping *keeping = &supervisor->keeping;

    switch ((enum proc_message_kind)message->kind) {
    case PROC_PUBLISH:
        if (message->fds_len == 0)
            return false;
        found(supervisor, message);
        return true;
    case PROC_READY:
        keeping->has_told = true;
        supervisor->keeper.is_ready = true;
        return true;
    case PROC_TAKEN:
    case PROC_REFUSED:
        answered(keeping, message->kind == PROC_TAKEN);
        return true;
    case PROC_HELLO:
    case PROC_RESUME:
    case PROC_PUBLISHED:
    case PROC_REJECTED:
    case PROC_IMAGE:
    case PROC_DRAIN:
    case PROC_DRAINED:
    case PROC_LISTEN:
    case PROC_UNLISTEN:
    case PROC_PORT:
        return false;
    }
    return false;
}

void keeping_on_death(struct keeping *keeping)
{
    keeping->has_told = true; /* its successor reads nothing */
    if (keeping->is_busy)
        answered(keeping, false);
}

static bool is_ending(const struct supervisor *supervisor)
{
    return supervisor->drain.phase >= DRAIN_LAST;
}

/* The controller goes on counting from the image that was found, so that one must be in or out before. */
static void settle(struct supervisor *supervisor)
{
    struct keeping *keeping = &supervisor->keeping;

    if (!keeping->has_told && now_ms() >= keeping->next_ms) {
        log_warn("state_takes_too_long", F_UINT("limit_ms", KEEPING_START_MS));
        keeping->has_told = true;
    }
    if (!keeping->has_told || supervisor->rollout.phase != ROLLOUT_IDLE)
        return;
    keeping->is_settled = true;
    keeping->next_ms = 0;
    if (!is_ending(supervisor))
        supervisor->controller.restart_at_ms = 0;
}

/* The good image, where the keeper is free and has not got it; 0: none. */
static uint64_t image_due(const struct supervisor *supervisor)
{
    const struct keeping *keeping = &supervisor->keeping;
    bool is_free = keeping->is_settled && !keeping->is_busy && supervisor->keeper.is_ready &&
                   supervisor->keeper.channel != -1;
    uint64_t good = supervisor->rollout.good;

    return is_free && good != keeping->asked ? good : 0;
}

/* Never with its keys. */
static void image_give(struct supervisor *supervisor, uint64_t generation)
{
    struct keeping *keeping = &supervisor->keeping;
    struct proc_message image = *images_get(&supervisor->images, generation);

    if (image.fds_len > PROC_AT_SECRETS) {
        image.fds_len--;
        memmove(&image.fds[PROC_AT_SECRETS], &image.fds[PROC_AT_SECRETS + 1],
                (image.fds_len - PROC_AT_SECRETS) * sizeof(image.fds[0]));
    }
    keeping->is_busy = true;
    keeping->asked = generation;
    keeping->next_ms = now_ms() + KEEPING_EACH_MS;
    handover_send(&supervisor->keeper, &image);
}

/* It ends when its channel does. One that hangs ends with us, as all children do. */
static void end(struct supervisor *supervisor)
{
    struct keeping *keeping = &supervisor->keeping;

    if (!keeping->end_ms)
        keeping->end_ms = now_ms() + KEEPING_END_MS;
    if (keeping->is_busy)
        return;
    fd_closep(&supervisor->keeper.channel);
    supervisor->keeper.channel = -1;
}

void keeping_step(struct supervisor *supervisor)
{
    struct keeping *keeping = &supervisor->keeping;

    if (!keeping->is_on)
        return;
    if (!keeping->is_settled)
        settle(supervisor);
    uint64_t due = image_due(supervisor);
    if (due && (is_ending(supervisor) || now_ms() >= keeping->next_ms))
        image_give(supervisor, due);
    if (is_ending(supervisor))
        end(supervisor);
}

uint64_t keeping_deadline_ms(const struct supervisor *supervisor)
{
    const struct keeping *keeping = &supervisor->keeping;
    bool is_waiting = !keeping->is_settled && !keeping->has_told;

    if (keeping->end_ms)
        return keeping_is_done(supervisor) ? UINT64_MAX : keeping->end_ms;
    return is_waiting || image_due(supervisor) ? keeping->next_ms : UINT64_MAX;
}

bool keeping_is_done(const struct supervisor *supervisor)
{
    const struct keeping *keeping = &supervisor->keeping;

    return supervisor->keeper.pid == 0 || (keeping->end_ms && now_ms() >= keeping->end_ms);
}
