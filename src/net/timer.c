#include "net/timer.h"

/* A hashed wheel: a timer lies in the slot of its deadline's tick, modulo the number of slots.
 * Pushing a deadline out, by far the most frequent operation of a proxy, only stores it: the timer
 * is found in its old slot when that comes up, and moved then. */

static uint64_t tick_of(uint64_t deadline_ms)
{
    return (deadline_ms + LOOP_TICK_MS - 1) / LOOP_TICK_MS;
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
    for (size_t i = 0; i < TIMER_SLOTS; i++)
        list_init(&wheel->slots[i]);
    for (size_t i = 0; i < ARRAY_LEN(wheel->marked); i++)
        wheel->marked[i] = 0;
    wheel->tick = now_ms / LOOP_TICK_MS;
    wheel->next_tick = UINT64_MAX;
}

static void wheel_insert(struct timer_wheel *wheel, struct loop_timer *timer)
{
    uint64_t tick = MAX(tick_of(timer->deadline_ms), wheel->tick);
    size_t slot = tick % TIMER_SLOTS;

    list_push_back(&wheel->slots[slot], &timer->link);
    wheel->marked[slot / 64] |= 1ull << (slot % 64);
    wheel->next_tick = MIN(wheel->next_tick, tick);
}

void timer_wheel_set(struct timer_wheel *wheel, struct loop_timer *timer, uint64_t deadline_ms)
{
    bool later = loop_timer_is_set(timer) && deadline_ms >= timer->deadline_ms;

    timer->deadline_ms = deadline_ms;
    if (later)
        return;
    list_remove(&timer->link);
    wheel_insert(wheel, timer);
}

static void slot_run(struct timer_wheel *wheel, size_t slot, uint64_t now_ms)
{
    struct list due;

    if (!(wheel->marked[slot / 64] & (1ull << (slot % 64))))
        return;
    wheel->marked[slot / 64] &= ~(1ull << (slot % 64));
    if (list_is_empty(&wheel->slots[slot]))
        return;

    /* Callbacks may arm and cancel any timer: work from a list of our own. */
    due = wheel->slots[slot];
    due.next->prev = &due;
    due.prev->next = &due;
    list_init(&wheel->slots[slot]);
    while (!list_is_empty(&due)) {
        struct loop_timer *timer = list_entry(due.next, struct loop_timer, link);

        list_remove(&timer->link);
        if (timer->deadline_ms <= now_ms)
            timer->on_timeout(timer);
        else
            wheel_insert(wheel, timer);
    }
}

static void next_tick_find(struct timer_wheel *wheel)
{
    size_t from = wheel->tick % TIMER_SLOTS;

    wheel->next_tick = UINT64_MAX;
    for (size_t i = 0; i <= ARRAY_LEN(wheel->marked); i++) {
        size_t word = (from / 64 + i) % ARRAY_LEN(wheel->marked);
        uint64_t bits = wheel->marked[word];

        if (i == 0)
            bits &= ~0ull << (from % 64);
        if (!bits)
            continue;
        size_t slot = word * 64 + (size_t)__builtin_ctzll(bits);
        wheel->next_tick = wheel->tick + (slot + TIMER_SLOTS - from) % TIMER_SLOTS;
        return;
    }
}

void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ms)
{
    uint64_t now_tick = now_ms / LOOP_TICK_MS;

    if (now_tick < wheel->next_tick) {
        wheel->tick = MAX(wheel->tick, now_tick);
        return;
    }
    /* After a long sleep each slot needs one visit only. */
    uint64_t first = MAX(wheel->tick, MIN(wheel->next_tick, now_tick));
    uint64_t visits = MIN(now_tick - first + 1, (uint64_t)TIMER_SLOTS);

    wheel->tick = now_tick + 1; /* what callbacks arm is not for this run */
    for (uint64_t i = 0; i < visits; i++)
        slot_run(wheel, (first + i) % TIMER_SLOTS, now_ms);
    next_tick_find(wheel);
}

uint64_t timer_wheel_wait_ms(const struct timer_wheel *wheel, uint64_t now_ms)
{
    if (wheel->next_tick == UINT64_MAX)
        return UINT64_MAX;
    uint64_t at_ms = wheel->next_tick * LOOP_TICK_MS;
    return at_ms > now_ms ? at_ms - now_ms : 0;
}
