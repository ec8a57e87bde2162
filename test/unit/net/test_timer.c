#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/loop.h"

/* The wheel against a naive list, with a clock turned by hand. */

enum { TIMERS = 64, STEPS = 20000, HOUR_MS = 3600000 };

struct watched {
    struct loop_timer timer;
    uint64_t due_ms; /* what the naive list says; 0: not armed */
    unsigned fired;
};

static struct loop *loop;
static struct watched watched[TIMERS];
static uint64_t now_ms, random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

/* Short ones most of all, as in life; some of hours. */
static uint64_t random_delay_ms(void)
{
    switch (random_below(6)) {
    case 0:
        return 0;
    case 1:
        return random_below(2 * LOOP_TICK_MS);
    case 2:
        return random_below(6ull * HOUR_MS);
    case 3:
        return random_below(40000); /* around a turn of the wheel */
    default:
        return random_below(5000);
    }
}

static void arm(struct watched *w)
{
    uint64_t delay_ms = random_delay_ms();

    w->due_ms = now_ms + delay_ms;
    loop_timer_set(loop, &w->timer, delay_ms);
}

static void disarm(struct watched *w)
{
    w->due_ms = 0;
    loop_timer_cancel(&w->timer);
}

/* Checks its moment; then does to itself and others what callbacks do. */
static void on_timeout(struct loop_timer *timer)
{
    struct watched *w = container_of(timer, struct watched, timer);

    assert_int_not_equal(w->due_ms, 0);
    assert_true(w->due_ms <= now_ms); /* never early */
    assert_false(loop_timer_is_set(timer));
    w->due_ms = 0;
    w->fired++;
    if (random_below(2))
        arm(w);
    if (random_below(4) == 0)
        disarm(&watched[random_below(TIMERS)]);
    if (random_below(4) == 0)
        arm(&watched[random_below(TIMERS)]);
}

static void clock_turn(uint64_t by_ms)
{
    now_ms += by_ms;
    loop_clock_set_manual(loop, now_ms);
    assert_int_equal(loop_turn(loop, 0), 0);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(watched[i].due_ms != 0, loop_timer_is_set(&watched[i].timer));
        /* At most a tick late. */
        if (watched[i].due_ms != 0)
            assert_true(watched[i].due_ms + LOOP_TICK_MS > now_ms);
    }
}

static void run_with_seed(uint64_t seed)
{
    unsigned fired = 0;

    random_state = seed;
    now_ms = 1 + random_below(100000);
    assert_int_equal(loop_new(&loop), 0);
    loop_clock_set_manual(loop, now_ms);
    for (size_t i = 0; i < TIMERS; i++) {
        watched[i] = (struct watched){ 0 };
        loop_timer_init(&watched[i].timer, on_timeout);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        struct watched *w = &watched[random_below(TIMERS)];

        switch (random_below(4)) {
        case 0:
            disarm(w);
            break;
        case 1:
            arm(w);
            break;
        default:
            clock_turn(random_below(20) == 0 ? random_below(2ull * HOUR_MS) : random_below(60));
            break;
        }
    }
    for (size_t i = 0; i < TIMERS; i++) {
        fired += watched[i].fired;
        loop_timer_cancel(&watched[i].timer);
    }
    assert_true(fired > 1000); /* the run was about something */
    loop = loop_free(loop);
}

static void test_against_a_naive_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run_with_seed(seed * 0x9E3779B97F4A7C15u);
}

static void count(struct loop_timer *timer)
{
    container_of(timer, struct watched, timer)->fired++;
}

static void test_pushed_out_deadline(void **state)
{
    (void)state;
    struct watched w = { 0 };

    assert_int_equal(loop_new(&loop), 0);
    loop_clock_set_manual(loop, 8000);
    loop_timer_init(&w.timer, count);
    loop_timer_set(loop, &w.timer, 800);
    for (unsigned i = 1; i <= 50; i++) {
        loop_clock_set_manual(loop, 8000 + 400 * i);
        assert_int_equal(loop_turn(loop, 0), 0);
        loop_timer_set(loop, &w.timer, 800);
    }
    assert_int_equal(w.fired, 0);
    loop_clock_set_manual(loop, 8000 + 400 * 50 + 792);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(w.fired, 0);
    loop_clock_set_manual(loop, 8000 + 400 * 50 + 800);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(w.fired, 1);
    loop = loop_free(loop);
}

static void test_pulled_in_deadline(void **state)
{
    (void)state;
    struct watched w = { 0 };

    assert_int_equal(loop_new(&loop), 0);
    loop_clock_set_manual(loop, 8000);
    loop_timer_init(&w.timer, count);
    loop_timer_set(loop, &w.timer, HOUR_MS);
    loop_timer_set(loop, &w.timer, 16);
    loop_clock_set_manual(loop, 8016);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(w.fired, 1);
    loop = loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_naive_list),
        cmocka_unit_test(test_pushed_out_deadline),
        cmocka_unit_test(test_pulled_in_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
