#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_push_and_walk(void **state)
{
    (void)state;
    VEC(int) numbers = { 0 };
    int expected = 0;

    vec_for_each (it, &numbers) {
        (void)it;
        fail_msg("an empty vec has no items");
    }
    for (int i = 0; i < 1000; i++) {
        vec_push(&numbers, i * 3);
        assert_int_equal(*vec_last(&numbers), i * 3);
    }
    vec_for_each (it, &numbers) {
        assert_int_equal(*it, expected);
        expected += 3;
    }
    assert_int_equal(numbers.len, 1000);
    assert_true(numbers.cap >= 1000);
    vec_deinit(&numbers);
    assert_null(numbers.items);
    assert_int_equal(numbers.len + numbers.cap, 0);
    vec_push(&numbers, 7); /* and again */
    assert_int_equal(numbers.items[0], 7);
    vec_deinit(&numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_push_and_walk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
