#include "base/token_bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct token_rate rate = { .burst = 3, .token_ms = 100 };

static int take_all(struct token_bucket *bucket, uint64_t now_ms)
{
    int taken = 0;

    while (token_bucket_take(bucket, rate, now_ms))
        taken++;
    return taken;
}

static void test_a_burst_then_one_at_a_time(void **state)
{
    struct token_bucket bucket = { 0 };

    (void)state;
    assert_int_equal(take_all(&bucket, 1000), 3);
    assert_int_equal(token_bucket_wait_ms(&bucket, rate, 1000), 100);
    assert_int_equal(take_all(&bucket, 1099), 0);
    assert_int_equal(token_bucket_wait_ms(&bucket, rate, 1099), 1);
    assert_int_equal(take_all(&bucket, 1100), 1);
    assert_int_equal(take_all(&bucket, 1350), 2);
    assert_int_equal(take_all(&bucket, 1399), 0);
}

static void test_it_never_holds_more_than_a_burst(void **state)
{
    struct token_bucket bucket = { 0 };

    (void)state;
    assert_int_equal(take_all(&bucket, 0), 3);
    assert_int_equal(take_all(&bucket, 1000000), 3);
}

static void test_what_is_given_back_can_be_taken(void **state)
{
    struct token_bucket bucket = { 0 };

    (void)state;
    assert_int_equal(take_all(&bucket, 1000), 3);
    token_bucket_give(&bucket, rate, 2);
    assert_int_equal(take_all(&bucket, 1000), 2);
    token_bucket_give(&bucket, rate, 1000);
    assert_int_equal(take_all(&bucket, 1000), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_then_one_at_a_time),
        cmocka_unit_test(test_it_never_holds_more_than_a_burst),
        cmocka_unit_test(test_what_is_given_back_can_be_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
