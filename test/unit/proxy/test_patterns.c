#include "proxy/exchange/patterns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_what_matches(void **state)
{
    struct patterns patterns = { 0 };

    (void)state;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(patterns_match(&patterns, SPAN("^a+$"), SPAN("aaa")), PATTERN_OK);
        assert_int_equal(patterns_match(&patterns, SPAN("^a+$"), SPAN("b")), PATTERN_MISS);
        assert_int_equal(patterns_match(&patterns, SPAN("^A+$"), SPAN("aaa")), PATTERN_MISS);
        assert_int_equal(patterns_match(&patterns, SPAN("("), SPAN("b")), PATTERN_BAD);
        assert_int_equal(patterns.by_text.len, 3);
    }
    patterns_deinit(&patterns);
}

static void test_they_are_kept_while_used(void **state)
{
    struct patterns patterns = { 0 };

    (void)state;
    assert_int_equal(patterns_match(&patterns, SPAN("^a+$"), SPAN("aaa")), PATTERN_OK);
    assert_int_equal(patterns_match(&patterns, SPAN("("), SPAN("b")), PATTERN_BAD);
    patterns_sweep(&patterns); /* both were used since the last one */
    assert_int_equal(patterns.by_text.len, 2);
    assert_int_equal(patterns_match(&patterns, SPAN("^a+$"), SPAN("aaa")), PATTERN_OK);
    patterns_sweep(&patterns);
    assert_int_equal(patterns.by_text.len, 1);
    assert_int_equal(patterns_match(&patterns, SPAN("("), SPAN("b")), PATTERN_BAD); /* as before */
    patterns_sweep(&patterns);
    patterns_sweep(&patterns);
    assert_int_equal(patterns.by_text.len, 0);
    patterns_deinit(&patterns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_matches),
        cmocka_unit_test(test_they_are_kept_while_used),
    };

    return cmocka_run_group_tests_name("proxy/patterns", tests, NULL, NULL);
}
