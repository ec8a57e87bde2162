#include "control/ticket_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fake.h"

static void on_rotated(void *ctx)
{
    ++*(int *)ctx;
}

enum { DAY_S = 24 * 3600 };

static void open_after(struct ticket_keys *keys, struct fake *fake, const struct image_view *served,
                       int *rotations)
{
    ticket_keys_open(keys, fake->loop, served, clock_wall_s(), on_rotated, rotations);
}

static bool is_same(const struct route_ticket_key *a, const struct route_ticket_key *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Serves an image with these keys. */
static const struct image_view *serve(struct fake *fake, const struct route_ticket_key *keys,
                                      size_t len)
{
    fake->options.made_ticket_keys = keys;
    fake->options.made_ticket_keys_len = len;
    assert_int_not_equal(fake_serve(fake, ""), 0);
    return reconcile_serving(fake->reconcile);
}

static void test_a_successor_goes_on_with_them(void **state)
{
    struct fake *fake = *state;
    struct ticket_keys first, second;
    int rotations = 0;

    open_after(&first, fake, NULL, &rotations);
    assert_int_equal(first.len, 1);
    assert_int_equal(first.keys[0].len, 80);
    first.timer.on_timeout(&first.timer); /* a day later */
    assert_int_equal(rotations, 1);
    assert_int_equal(first.len, 2);
    assert_false(is_same(&first.keys[0], &first.keys[1]));
    const struct image_view *served = serve(fake, first.keys, first.len);
    open_after(&second, fake, served, &rotations);
    assert_int_equal(second.len, 2);
    assert_true(is_same(&first.keys[0], &second.keys[0]));
    assert_true(is_same(&first.keys[1], &second.keys[1]));
    ticket_keys_close(&first);
    ticket_keys_close(&second);
}

/* Seconds until the timer rings. */
static int64_t rings_in_s(const struct ticket_keys *keys)
{
    return (int64_t)(keys->timer.deadline_ms - loop_now_ms(keys->loop)) / 1000;
}

/* However often the controller is started: a key is the newest for a day. */
static void test_a_day_goes_on_over_restarts(void **state)
{
    struct fake *fake = *state;
    struct ticket_keys first, hour, day, before;
    int rotations = 0;

    ticket_keys_open(&first, fake->loop, NULL, clock_wall_s(), on_rotated, &rotations);
    assert_in_range(rings_in_s(&first), DAY_S - 60, DAY_S);
    const struct image_view *served = serve(fake, first.keys, first.len);
    ticket_keys_open(&hour, fake->loop, served, clock_wall_s() + 3600, on_rotated, &rotations);
    assert_int_equal(hour.len, 1);
    assert_true(is_same(&hour.keys[0], &first.keys[0]));
    assert_in_range(rings_in_s(&hour), DAY_S - 3600 - 60, DAY_S - 3600);
    ticket_keys_open(&day, fake->loop, served, clock_wall_s() + DAY_S, on_rotated, &rotations);
    assert_int_equal(day.len, 2);
    assert_false(is_same(&day.keys[0], &first.keys[0]));
    assert_true(is_same(&day.keys[1], &first.keys[0]));
    assert_in_range(rings_in_s(&day), DAY_S - 60, DAY_S);
    /* Of a time that has not come: nobody knows how old it is. */
    ticket_keys_open(&before, fake->loop, served, clock_wall_s() - DAY_S, on_rotated, &rotations);
    assert_int_equal(before.len, 2);
    assert_false(is_same(&before.keys[0], &first.keys[0]));
    assert_int_equal(rotations, 0);
    ticket_keys_close(&first);
    ticket_keys_close(&hour);
    ticket_keys_close(&day);
    ticket_keys_close(&before);
}

/* Behind the first of all stands none: one of no bytes, or of known ones, would let anybody make tickets. */
static void test_only_what_was_made_moves_back(void **state)
{
    struct fake *fake = *state;
    struct ticket_keys keys;
    int rotations = 0;

    ticket_keys_open(&keys, fake->loop, NULL, clock_wall_s(), on_rotated, &rotations);
    ticket_keys_close(&keys);
    assert_int_equal(keys.len, 0);
    keys.timer.on_timeout(&keys.timer);
    assert_int_equal(keys.len, 1);
    assert_int_equal(keys.keys[0].len, 80);
    keys.timer.on_timeout(&keys.timer);
    assert_int_equal(keys.len, 2);
    assert_int_equal(keys.keys[1].len, 80);
    ticket_keys_close(&keys);
}

static void test_two_that_start_differ(void **state)
{
    struct ticket_keys a, b;
    int rotations = 0;

    open_after(&a, *state, NULL, &rotations);
    open_after(&b, *state, NULL, &rotations);
    assert_false(is_same(&a.keys[0], &b.keys[0]));
    ticket_keys_close(&a);
    ticket_keys_close(&b);
    assert_int_equal(a.len, 0);
}

static void test_the_newest_stays_behind_the_next(void **state)
{
    struct ticket_keys keys;
    int rotations = 0;

    open_after(&keys, *state, NULL, &rotations);
    for (int day = 0; day < 3; day++) {
        struct route_ticket_key newest = keys.keys[0];

        keys.timer.on_timeout(&keys.timer);
        assert_true(is_same(&keys.keys[1], &newest));
        assert_false(is_same(&keys.keys[0], &newest));
        assert_int_equal(keys.len, 2);
    }
    ticket_keys_close(&keys);
}

/* Somebody may have taken it back because it is known. */
static void test_a_key_that_was_given_is_left_alone(void **state)
{
    struct route_ticket_key given = { .len = 80 };
    struct ticket_keys keys;
    int rotations = 0;

    memset(given.bytes, 7, sizeof(given.bytes));
    const struct image_view *served = serve(*state, &given, 1);
    assert_int_equal(image_ticket_key_count(served), 1);
    open_after(&keys, *state, served, &rotations);
    assert_int_equal(keys.len, 1);
    assert_false(is_same(&keys.keys[0], &given));
    ticket_keys_close(&keys);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_successor_goes_on_with_them),    CASE(test_a_day_goes_on_over_restarts),
        CASE(test_only_what_was_made_moves_back),    CASE(test_two_that_start_differ),
        CASE(test_the_newest_stays_behind_the_next), CASE(test_a_key_that_was_given_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
