#include "base/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static const struct {
    struct span expression, subject;
    int expected;
} matches[] = {
    { SPAN("b"), SPAN("abc"), PATTERN_OK },
    { SPAN("^b"), SPAN("abc"), PATTERN_MISS },
    { SPAN("B"), SPAN("abc"), PATTERN_MISS },
    /* As docs/tls.md has it. */
    { SPAN("CN=admin"), SPAN("CN=administrator,O=x"), PATTERN_OK },
    { SPAN("CN=admin(,|$)"), SPAN("CN=administrator,O=x"), PATTERN_MISS },
    { SPAN("CN=admin(,|$)"), SPAN("O=x,CN=admin"), PATTERN_OK },
    { SPAN("CN=(?<=^CN=)admin(,|$)"), SPAN("CN=admin,O=x"), PATTERN_OK },
    { SPAN("CN=(?<=^CN=)admin(,|$)"), SPAN("CN=admin"), PATTERN_OK },
    { SPAN("CN=(?<=^CN=)admin(,|$)"), SPAN("CN=administrator,O=x"), PATTERN_MISS },
    { SPAN("CN=(?<=^CN=)admin(,|$)"), SPAN("O=x\\,CN=admin"), PATTERN_MISS },
    { SPAN("(?i)B"), SPAN("abc"), PATTERN_OK },
    { SPAN("^a\\d+(?:b|c)$"), SPAN("a17c"), PATTERN_OK },
    { SPAN("(?=.*x)(?=.*y)"), SPAN("y and x"), PATTERN_OK },
    { SPAN(""), SPAN(""), PATTERN_OK },
    { SPAN("."), { NULL, 0 }, PATTERN_MISS },
    { { NULL, 0 }, SPAN("x"), PATTERN_OK },
    { SPAN("^.$"), SPAN("\xc3\xa9"), PATTERN_MISS }, /* bytes */
    { SPAN("\xff"), SPAN("a\xff"), PATTERN_OK },
    { SPAN("a\\x00b"), SPAN("a\0b"), PATTERN_OK },
    { SPAN("^(a+)+$"), SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), PATTERN_LIMIT },
    { SPAN("(a?){30}a{30}$"), SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), PATTERN_LIMIT },
};

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        struct pattern *pattern = NULL;

        print_message("case %zu\n", i);
        assert_int_equal(pattern_new(matches[i].expression, &pattern), PATTERN_OK);
        for (int again = 0; again < 2; again++)
            assert_int_equal(pattern_match(pattern, matches[i].subject), matches[i].expected);
        assert_null(pattern_free(pattern));
    }
    assert_null(pattern_free(NULL));
}

static void test_deep_matches_are_bounded(void **state)
{
    struct pattern *pattern = NULL;
    struct buf subject = { 0 };

    (void)state;
    while (subject.len < 1 << 20)
        buf_append(&subject, SPAN("abababababababababababababababab"));
    assert_int_equal(pattern_new(SPAN("^((a|b)(?=.))*$"), &pattern), PATTERN_OK);
    assert_int_equal(pattern_match(pattern, buf_span(&subject)), PATTERN_LIMIT);
    pattern_free(pattern);
    buf_deinit(&subject);
}

static void test_what_is_no_expression(void **state)
{
    static const char *const bad[] = { "(",       "a{2,1}",
                                       "[z-a]",   "*",
                                       "\\",      "(?<n>a)(?<n>b)",
                                       "(*UTF)a", "((((a{999}){999}){999}){999})" };
    struct pattern *untouched = (void *)state, *pattern = untouched;
    struct buf nested = { 0 }, lengthy = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        print_message("%s\n", bad[i]);
        assert_int_equal(pattern_new(span_from_str(bad[i]), &pattern), PATTERN_BAD);
        assert_ptr_equal(pattern, untouched);
    }
    for (int i = 0; i < 200; i++)
        buf_append(&nested, SPAN("("));
    for (int i = 0; i < 200; i++)
        buf_append(&nested, SPAN(")"));
    assert_int_equal(pattern_new(buf_span(&nested), &pattern), PATTERN_BAD);
    while (lengthy.len <= PATTERN_BYTES_MAX)
        buf_append(&lengthy, SPAN("a"));
    assert_int_equal(pattern_new(buf_span(&lengthy), &pattern), PATTERN_BAD);
    buf_deinit(&nested);
    buf_deinit(&lengthy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_deep_matches_are_bounded),
        cmocka_unit_test(test_what_is_no_expression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
