#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *a, *b;
    int order;                                               /* of a before b: -1, 0, 1 */
    bool same_nocase, starts, starts_nocase, ends, contains; /* a with b */
} pairs[] = {
    { "", "", 0, true, true, true, true, true },
    { "a", "", 1, false, true, true, true, true },
    { "", "a", -1, false, false, false, false, false },
    { "abc", "abc", 0, true, true, true, true, true },
    { "abc", "ABC", 1, true, false, true, false, false },
    { "abc", "ab", 1, false, true, true, false, true },
    { "abc", "AB", 1, false, false, true, false, false },
    { "abc", "bc", -1, false, false, false, true, true },
    { "abc", "b", -1, false, false, false, false, true },
    { "abc", "abcd", -1, false, false, false, false, false },
    { "abc", "abd", -1, false, false, false, false, false },
    { "\xFF", "a", 1, false, false, false, false, false }, /* bytes are unsigned */
    { "[", "{", -1, false, false, false, false, false },   /* 0x20 apart, but no letters */
    { "@", "`", -1, false, false, false, false, false },
    { "\xC4", "\xE4", -1, false, false, false, false, false }, /* only ASCII has case */
};

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void test_comparisons(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct span a = span_from_str(pairs[i].a), b = span_from_str(pairs[i].b);

        print_message("'%s' '%s'\n", pairs[i].a, pairs[i].b);
        assert_int_equal(sign(span_cmp(a, b)), pairs[i].order);
        assert_int_equal(sign(span_cmp(b, a)), -pairs[i].order);
        assert_int_equal(span_eq(a, b), pairs[i].order == 0);
        assert_int_equal(span_eq_nocase(a, b), pairs[i].same_nocase);
        assert_int_equal(span_starts_with(a, b), pairs[i].starts);
        assert_int_equal(span_starts_with_nocase(a, b), pairs[i].starts_nocase);
        assert_int_equal(span_ends_with(a, b), pairs[i].ends);
        assert_int_equal(span_contains(a, b), pairs[i].contains);
    }
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(span_find(SPAN("a.b.c"), '.'), 1);
    assert_int_equal(span_rfind(SPAN("a.b.c"), '.'), 3);
    assert_true(span_find(SPAN("abc"), '.') == SPAN_NOT_FOUND);
    assert_true(span_rfind(SPAN("abc"), '.') == SPAN_NOT_FOUND);
    assert_true(span_find(span_of(NULL, 0), '.') == SPAN_NOT_FOUND);
    assert_true(span_rfind(span_of(NULL, 0), '.') == SPAN_NOT_FOUND);
    assert_true(span_find(span_of("ab.", 2), '.') == SPAN_NOT_FOUND); /* beyond the end */
    assert_int_equal(span_find(span_of("a\0b", 3), '\0'), 1);
}

static void test_cuts_are_clamped(void **state)
{
    (void)state;
    struct span s = SPAN("hello");

    assert_true(span_eq(span_from(s, 0), s));
    assert_true(span_eq(span_from(s, 2), SPAN("llo")));
    assert_int_equal(span_from(s, 5).len, 0);
    assert_int_equal(span_from(s, 6).len, 0);
    assert_ptr_equal(span_from(s, 100).ptr, s.ptr + 5);
    assert_true(span_eq(span_upto(s, 2), SPAN("he")));
    assert_true(span_eq(span_upto(s, 100), s));
    assert_int_equal(span_upto(s, 0).len, 0);
    assert_int_equal(span_from_str(NULL).len, 0);
    assert_non_null(span_from_str(NULL).ptr);
}

static const struct {
    const char *raw, *trimmed;
} trims[] = {
    { "", "" },           { " ", "" }, { " \t ", "" }, { "a", "a" }, { "\t a b \t", "a b" },
    { "\na\r", "\na\r" }, /* not line ends */
};

static void test_trim(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(trims); i++)
        assert_true(
            span_eq(span_trim(span_from_str(trims[i].raw)), span_from_str(trims[i].trimmed)));
}

static const struct {
    const char *text;
    size_t pieces;
    const char *joined; /* each piece followed by '|' */
} splits[] = {
    { "", 0, "" },      { "a", 1, "a|" }, { "a,b", 2, "a|b|" }, { "a,,b", 3, "a||b|" },
    { ",a", 2, "|a|" }, { ",", 1, "|" },  { "a,", 1, "a|" }, /* nothing is left then */
};

static void test_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
        struct span rest = span_from_str(splits[i].text), piece;
        char joined[32];
        size_t pieces = 0, len = 0;

        for (; span_split(&rest, ',', &piece); pieces++) {
            memcpy(joined + len, piece.ptr, piece.len);
            len += piece.len;
            joined[len++] = '|';
        }
        assert_int_equal(pieces, splits[i].pieces);
        assert_true(span_eq(span_of(joined, len), span_from_str(splits[i].joined)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_cuts_are_clamped),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
