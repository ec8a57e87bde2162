#include "fixture.h"

#include "kube/base64.h"

static const struct {
    const char *text;
    const char *bytes; /* NULL: refused */
    size_t at;         /* where, if refused */
} cases[] = {
    { "", "", 0 },
    { "YQ==", "a", 0 },
    { "YWI=", "ab", 0 },
    { "YWJj", "abc", 0 },
    { "YWJj\nZGVm\r\n", "abcdef", 0 },
    { "YW\nJj", "abc", 0 },
    { "+/+/", "\xfb\xff\xbf", 0 },
    { "YQ=", NULL, 3 },
    { "YQ", NULL, 2 },
    { "Y", NULL, 1 },
    { "Y===", NULL, 1 },
    { "=", NULL, 0 },
    { "YQ===", NULL, 4 },
    { "YQ==YQ==", NULL, 4 },
    { "YW=j", NULL, 3 },
    { "YWJj=", NULL, 4 },
    { "YWJj YWJj", NULL, 4 },
    { "YWJ-", NULL, 3 },
    { "{{ x }}", NULL, 0 },
};

static void test_decodes_or_says_where_it_cannot(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 256);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span bytes = SPAN("untouched");
        size_t at = 99;
        print_message("\"%s\"\n", cases[i].text);
        bool is_good = kube_base64_decode(&arena, span_from_str(cases[i].text), &bytes, &at);
        assert_int_equal(is_good, cases[i].bytes != NULL);
        fixture_assert_span(bytes, is_good ? cases[i].bytes : "untouched");
        assert_int_equal(at, is_good ? 99 : cases[i].at);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_or_says_where_it_cannot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
