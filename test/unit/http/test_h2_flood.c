#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_flood.h"
#include "http/h2_limits.h"

static int chores(struct h2_flood *flood, uint64_t now_ms)
{
    int count = 0;

    for (;;) {
        flood->frames = 1;
        flood->useful = 0;
        if (!h2_flood_settle(flood, now_ms))
            return count;
        count++;
    }
}

static int cancels(struct h2_flood *flood, uint64_t now_ms)
{
    int count = 0;

    while (h2_flood_cancel(flood, now_ms))
        count++;
    return count;
}

static void test_bursts_end(void **state)
{
    struct h2_flood flood = { 0 };

    (void)state;
    assert_int_equal(chores(&flood, 5000), H2_CHORES_BURST);
    assert_int_equal(cancels(&flood, 5000), H2_CANCELS_BURST);
    assert_int_equal(chores(&flood, 5000 + 10 * H2_CHORE_REFILL_MS), 10);
    assert_int_equal(cancels(&flood, 5000 + 10 * H2_CANCEL_REFILL_MS), 10);
}

static void test_a_stream_that_ends_pays_for_one_that_does_not(void **state)
{
    struct h2_flood flood = { 0 };

    (void)state;
    cancels(&flood, 5000);
    h2_flood_earn_end(&flood);
    assert_int_equal(cancels(&flood, 5000), 1);
    assert_int_equal(chores(&flood, 5000), H2_CHORES_BURST);
}

static void test_windows_are_paid_by_what_was_sent(void **state)
{
    struct h2_flood flood = { 0 };

    (void)state;
    chores(&flood, 5000);
    h2_flood_earn_sent(&flood, 16384, false);
    assert_int_equal(chores(&flood, 5000), 16384 / H2_BYTES_SENT_TO_EARN_A_CHORE);

    /* A byte at a time pays for nothing. */
    for (int i = 0; i < H2_BYTES_SENT_TO_EARN_A_CHORE - 1; i++)
        h2_flood_earn_sent(&flood, 1, false);
    assert_int_equal(chores(&flood, 5000), 0);
    h2_flood_earn_sent(&flood, 1, false);
    assert_int_equal(chores(&flood, 5000), 1);
}

static void test_small_talk_may_be_measured(void **state)
{
    struct h2_flood flood = { 0 };

    (void)state;
    chores(&flood, 5000);
    h2_flood_earn_received(&flood);
    assert_int_equal(chores(&flood, 5000), H2_CHORES_EARNED_A_PIECE);
    h2_flood_earn_sent(&flood, 1, true);
    assert_int_equal(chores(&flood, 5000), H2_CHORES_EARNED_A_PIECE);
    h2_flood_earn_head(&flood);
    assert_int_equal(chores(&flood, 5000), H2_CHORES_EARNED_A_HEAD);
}

static void test_useful_frames_cost_nothing(void **state)
{
    struct h2_flood flood = { 0 };

    (void)state;
    chores(&flood, 5000);
    flood.frames = 2;
    h2_flood_earn_head(&flood);
    h2_flood_earn_received(&flood);
    assert_true(h2_flood_settle(&flood, 5000));
    assert_int_equal(chores(&flood, 5000), H2_CHORES_EARNED_A_HEAD + H2_CHORES_EARNED_A_PIECE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bursts_end),
        cmocka_unit_test(test_a_stream_that_ends_pays_for_one_that_does_not),
        cmocka_unit_test(test_windows_are_paid_by_what_was_sent),
        cmocka_unit_test(test_small_talk_may_be_measured),
        cmocka_unit_test(test_useful_frames_cost_nothing),
    };

    return cmocka_run_group_tests_name("http/h2_flood", tests, NULL, NULL);
}
