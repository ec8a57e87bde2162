#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "cli/words.h"

static const struct {
    const char *a, *b;
    unsigned distance;
    bool near;
} pairs[] = {
    { "", "", 0, true },           { "check", "check", 0, true }, { "chek", "check", 1, true },
    { "check", "chekc", 1, true }, /* neighbours swapped */
    { "chck", "check", 1, true },  { "run", "rnu", 1, true },     { "explain", "exlpian", 2, true },
    { "run", "echo", 4, false },   { "", "run", 3, false },       { "kitten", "sitting", 3, false },
};

static void test_distance(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct span a = span_from_str(pairs[i].a), b = span_from_str(pairs[i].b);

        print_message("%s %s\n", pairs[i].a, pairs[i].b);
        assert_int_equal(words_distance(a, b), pairs[i].distance);
        assert_int_equal(words_distance(b, a), pairs[i].distance);
        assert_int_equal(words_are_near(a, b), pairs[i].near);
    }
}

static void test_long_words_are_far(void **state)
{
    char letters[WORDS_LEN_MAX + 1];

    (void)state;
    memset(letters, 'x', sizeof(letters));
    struct span longest = span_of(letters, WORDS_LEN_MAX);
    struct span too_long = span_of(letters, sizeof(letters));
    assert_int_equal(words_distance(longest, longest), 0);
    assert_int_equal(words_distance(too_long, longest), WORDS_FAR);
    assert_false(words_are_near(too_long, too_long));
}

static const struct {
    const char *text, *wrapped;
    size_t at, indent, width;
} texts[] = {
    { "", "", 0, 0, 10 },
    { "one two three", "one two three", 0, 0, 13 },
    { "one two three", "one two\nthree", 0, 0, 12 },
    { "one two three", "one\n  two\n  three", 4, 2, 8 },
    { "unbreakable", "unbreakable", 0, 0, 4 },
};

static void test_wrap(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        SCOPED(buf_deinit) struct buf out = { 0 };

        words_wrap(&out, span_from_str(texts[i].text), texts[i].at, texts[i].indent,
                   texts[i].width);
        assert_true(span_eq(buf_span(&out), span_from_str(texts[i].wrapped)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_words_are_far),
        cmocka_unit_test(test_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
