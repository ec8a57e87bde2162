#include "supervisor/rollout.h"

#include <string.h>

#include "base/bug.h"

/* An image is good when every worker that lives has taken it. Until then the one before is what a
 * restarted worker gets, so that the worst image costs one worker one restart. Workers that are
 * down when an image becomes good are not waited for: they start with it. */

static void check(const struct rollout *rollout)
{
    invariant((rollout->phase == ROLLOUT_IDLE) == (rollout->rolling == 0));
    invariant(rollout->waiting == 0 || rollout->rolling != 0);
    invariant(rollout->good == 0 || rollout->good <= rollout->newest);
    invariant(rollout->waiting == 0 || rollout->waiting > rollout->rolling);
}

static void set_phase(struct rollout *rollout, enum rollout_phase phase)
{
    switch (phase) {
    case ROLLOUT_IDLE:
        break;
    case ROLLOUT_FIRST: /* again, where the first worker died of something else */
        break;
    case ROLLOUT_REST:
        invariant(rollout->phase == ROLLOUT_FIRST);
        break;
    }
    rollout->phase = phase;
}

static struct rollout_action *action_add(struct rollout_actions *actions,
                                         enum rollout_action_kind kind)
{
    invariant(actions->len < ARRAY_LEN(actions->items));
    struct rollout_action *action = &actions->items[actions->len++];
    *action = (struct rollout_action){ .kind = kind, .worker = ROLLOUT_NO_WORKER };
    return action;
}

static void send(struct rollout *rollout, uint32_t worker, uint64_t generation,
                 struct rollout_actions *actions)
{
    struct rollout_action *action = action_add(actions, ROLLOUT_SEND);

    action->worker = worker;
    action->generation = generation;
    rollout->workers[worker].asked = generation;
}

static void send_to_all(struct rollout *rollout, uint64_t generation,
                        struct rollout_actions *actions)
{
    for (uint32_t i = 0; i < rollout->workers_len; i++) {
        if (rollout->workers[i].is_live && rollout->workers[i].asked != generation)
            send(rollout, i, generation, actions);
    }
}

static uint32_t first_live(const struct rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->workers_len; i++) {
        if (rollout->workers[i].is_live)
            return i;
    }
    return ROLLOUT_NO_WORKER;
}

static void ask_first(struct rollout *rollout, uint64_t now_ms, struct rollout_actions *actions)
{
    set_phase(rollout, ROLLOUT_FIRST);
    rollout->first = first_live(rollout);
    rollout->deadline_ms = UINT64_MAX; /* with nobody there, nobody is late */
    if (rollout->first == ROLLOUT_NO_WORKER)
        return;
    send(rollout, rollout->first, rollout->rolling, actions);
    rollout->deadline_ms = now_ms + ROLLOUT_TAKE_MS;
}

static void begin(struct rollout *rollout, uint64_t generation, uint64_t now_ms,
                  struct rollout_actions *actions)
{
    rollout->rolling = generation;
    rollout->deaths = 0;
    ask_first(rollout, now_ms, actions);
}

static void begin_waiting(struct rollout *rollout, uint64_t now_ms, struct rollout_actions *actions)
{
    uint64_t generation = rollout->waiting;

    rollout->waiting = 0;
    if (generation)
        begin(rollout, generation, now_ms, actions);
}

static void finish(struct rollout *rollout)
{
    set_phase(rollout, ROLLOUT_IDLE);
    rollout->rolling = 0;
    rollout->deadline_ms = UINT64_MAX;
}

static void roll_back(struct rollout *rollout, enum proc_reject reason, uint64_t now_ms,
                      struct rollout_actions *actions)
{
    struct rollout_action *rejected = action_add(actions, ROLLOUT_REJECTED);

    rejected->generation = rollout->rolling;
    rejected->reason = reason;
    finish(rollout);
    if (rollout->good)
        send_to_all(rollout, rollout->good, actions);
    begin_waiting(rollout, now_ms, actions);
}

static bool all_have_taken(const struct rollout *rollout)
{
    bool any = false;

    for (uint32_t i = 0; i < rollout->workers_len; i++) {
        if (!rollout->workers[i].is_live)
            continue;
        if (rollout->workers[i].taken != rollout->rolling)
            return false;
        any = true;
    }
    return any;
}

static void become_good_if_all_took(struct rollout *rollout, uint64_t now_ms,
                                    struct rollout_actions *actions)
{
    if (rollout->phase != ROLLOUT_REST || !all_have_taken(rollout))
        return;
    rollout->previous = rollout->good;
    rollout->good = rollout->rolling;
    rollout->good_since_ms = now_ms;
    memset(rollout->crashes_ms, 0, sizeof(rollout->crashes_ms));
    finish(rollout);
    action_add(actions, ROLLOUT_PUBLISHED)->generation = rollout->good;
    begin_waiting(rollout, now_ms, actions);
}

void rollout_init(struct rollout *rollout, uint32_t workers_len)
{
    invariant(workers_len >= 1 && workers_len <= PROC_WORKERS_MAX);
    *rollout = (struct rollout){ .workers_len = workers_len,
                                 .first = ROLLOUT_NO_WORKER,
                                 .deadline_ms = UINT64_MAX };
}

enum rollout_publish_result rollout_on_publish(struct rollout *rollout, uint64_t generation,
                                               uint64_t now_ms, struct rollout_actions *actions)
{
    if (generation <= rollout->newest)
        return ROLLOUT_STALE;
    rollout->newest = generation;
    if (rollout->phase == ROLLOUT_IDLE)
        begin(rollout, generation, now_ms, actions);
    else
        rollout->waiting = generation;
    check(rollout);
    return ROLLOUT_ACCEPTED;
}

void rollout_on_start(struct rollout *rollout, uint32_t worker, uint64_t now_ms,
                      struct rollout_actions *actions)
{
    rollout->workers[worker] = (struct rollout_worker){ .is_live = true };
    if (rollout->good)
        send(rollout, worker, rollout->good,
             actions); /* serves at once, whatever the next one does */
    if (rollout->phase == ROLLOUT_FIRST && rollout->first == ROLLOUT_NO_WORKER)
        ask_first(rollout, now_ms, actions);
    if (rollout->phase == ROLLOUT_REST) {
        send(rollout, worker, rollout->rolling, actions);
        rollout->deadline_ms = now_ms + ROLLOUT_TAKE_MS;
    }
    check(rollout);
}

/* True where the third crash in a short time falls on a young image that has a forerunner. */
static bool is_crash_loop(struct rollout *rollout, uint64_t now_ms)
{
    uint64_t *crashes = rollout->crashes_ms;

    memmove(crashes + 1, crashes, (ROLLOUT_CRASHES - 1) * sizeof(*crashes));
    crashes[0] = now_ms;
    uint64_t oldest_ms = crashes[ROLLOUT_CRASHES - 1];
    return oldest_ms != 0 && now_ms - oldest_ms <= ROLLOUT_CRASHES_IN_MS &&
           now_ms - rollout->good_since_ms < ROLLOUT_YOUNG_MS && rollout->previous != 0;
}

static void good_was_bad(struct rollout *rollout, struct rollout_actions *actions)
{
    struct rollout_action *rejected = action_add(actions, ROLLOUT_REJECTED);

    rejected->generation = rollout->good;
    rejected->reason = PROC_REJECT_KILLED;
    rollout->good = rollout->previous;
    rollout->previous = 0;
    memset(rollout->crashes_ms, 0, sizeof(rollout->crashes_ms));
    for (uint32_t i = 0; i < rollout->workers_len; i++) {
        if (rollout->workers[i].is_live && rollout->workers[i].asked == rejected->generation)
            send(rollout, i, rollout->good, actions);
    }
}

/* A worker that had been given the rolling image died. A crash is the image's fault; a kill from
 * outside (an operator, the memory limit) is so only where it happens again. */
static void rolling_lost_worker(struct rollout *rollout, bool is_crash, bool was_first,
                                uint64_t now_ms, struct rollout_actions *actions)
{
    rollout->deaths++;
    if (is_crash || rollout->deaths >= ROLLOUT_DEATHS_MAX)
        roll_back(rollout, PROC_REJECT_KILLED, now_ms, actions);
    else if (rollout->phase == ROLLOUT_FIRST && was_first)
        ask_first(rollout, now_ms, actions);
    else
        become_good_if_all_took(rollout, now_ms, actions);
}

void rollout_on_death(struct rollout *rollout, uint32_t worker, bool is_crash, uint64_t now_ms,
                      struct rollout_actions *actions)
{
    struct rollout_worker dead = rollout->workers[worker];

    rollout->workers[worker] = (struct rollout_worker){ 0 };
    if (rollout->rolling && dead.asked == rollout->rolling) {
        rolling_lost_worker(rollout, is_crash, rollout->first == worker, now_ms, actions);
    } else {
        if (is_crash && dead.asked != 0 && dead.asked == rollout->good &&
            is_crash_loop(rollout, now_ms))
            good_was_bad(rollout, actions);
        become_good_if_all_took(rollout, now_ms, actions);
    }
    check(rollout);
}

void rollout_on_taken(struct rollout *rollout, uint32_t worker, uint64_t generation,
                      uint64_t now_ms, struct rollout_actions *actions)
{
    if (rollout->workers[worker].asked != generation)
        return; /* of an image that it was told to leave since, or never given */
    rollout->workers[worker].taken = generation;
    if (rollout->rolling == 0 || generation != rollout->rolling)
        return;
    if (rollout->phase == ROLLOUT_FIRST && worker == rollout->first) {
        set_phase(rollout, ROLLOUT_REST);
        rollout->deadline_ms = now_ms + ROLLOUT_TAKE_MS;
        send_to_all(rollout, rollout->rolling, actions);
    }
    become_good_if_all_took(rollout, now_ms, actions);
    check(rollout);
}

void rollout_on_refused(struct rollout *rollout, uint32_t worker, uint64_t generation,
                        uint64_t now_ms, struct rollout_actions *actions)
{
    if (rollout->rolling == 0 || generation != rollout->rolling ||
        rollout->workers[worker].asked != generation)
        return;
    roll_back(rollout, PROC_REJECT_REFUSED, now_ms, actions);
    check(rollout);
}

void rollout_on_time(struct rollout *rollout, uint64_t now_ms, struct rollout_actions *actions)
{
    if (now_ms < rollout->deadline_ms)
        return;
    for (uint32_t i = 0; i < rollout->workers_len; i++) {
        struct rollout_worker *worker = &rollout->workers[i];

        if (!worker->is_live || worker->asked != rollout->rolling ||
            worker->taken == rollout->rolling)
            continue;
        action_add(actions, ROLLOUT_KILL)->worker = i;
        worker->is_live = false; /* its death is on the way, and no news */
        worker->asked = 0;
    }
    roll_back(rollout, PROC_REJECT_TIMED_OUT, now_ms, actions);
    check(rollout);
}

uint64_t rollout_deadline_ms(const struct rollout *rollout)
{
    return rollout->deadline_ms;
}

bool rollout_holds(const struct rollout *rollout, uint64_t generation)
{
    return generation != 0 && (generation == rollout->good || generation == rollout->previous ||
                               generation == rollout->rolling || generation == rollout->waiting);
}
