#include "fixture.h"

static struct diag diag_at(const char *file, uint32_t line, uint32_t column, enum diag_code code,
                           const char *message)
{
    return (struct diag){
        .severity = DIAG_ERROR,
        .code = code,
        .file = span_from_str(file),
        .pos = { line, column },
        .message = span_from_str(message),
    };
}

static void test_copies_what_it_is_given(void **state)
{
    char message[] = "text";
    struct diag diag = { .severity = DIAG_WARNING, .message = span_of(message, 4) };
    struct diag_list list;

    (void)state;
    diag_list_init(&list);
    diag_add(&list, &diag);
    memset(message, 'x', sizeof(message) - 1);
    fixture_assert_span(list.diags.items[0].message, "text");
    fixture_assert_span(list.diags.items[0].mend, "");
    assert_int_equal(list.errors, 0);
    assert_int_equal(list.warnings, 1);
    diag_list_deinit(&list);
}

static void test_sorts_by_place_and_keeps_the_order_of_equals(void **state)
{
    static const struct {
        const char *file;
        uint32_t line, column;
        enum diag_code code;
        const char *message;
    } rows[] = {
        { "b", 1, 1, DIAG_SYNTAX, "6" },          { "a", 2, 1, DIAG_SYNTAX, "4" },
        { "a", 1, 2, DIAG_WRONG_TYPE, "2" },      { "a", 1, 2, DIAG_SYNTAX, "1" },
        { "a", 1, 2, DIAG_WRONG_TYPE, "3" },      { "a", 1, 1, DIAG_WRONG_TYPE, "0" },
        { "a", 10, 1, DIAG_FILE_TOO_LARGE, "5" },
    };
    struct diag_list list;

    (void)state;
    diag_list_init(&list);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct diag diag =
            diag_at(rows[i].file, rows[i].line, rows[i].column, rows[i].code, rows[i].message);
        diag_add(&list, &diag);
    }
    diag_list_sort(&list);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(list.diags.items[i].message.ptr[0], '0' + (int)i);
    diag_list_deinit(&list);
}

static void test_counts_what_is_past_the_cap(void **state)
{
    struct diag diag = diag_at("f", 1, 1, DIAG_SYNTAX, "m");
    struct diag_list list, all;

    (void)state;
    diag_list_init(&list);
    diag_list_init(&all);
    for (size_t i = 0; i < DIAGS_MAX + 3; i++)
        diag_add(&list, &diag);
    assert_int_equal(list.diags.len, DIAGS_MAX);
    assert_int_equal(list.dropped, 3);
    assert_int_equal(list.errors, DIAGS_MAX + 3);

    diag_add(&all, &diag);
    diag_list_append(&all, &list);
    assert_int_equal(all.diags.len, DIAGS_MAX);
    assert_int_equal(all.dropped, 4);
    assert_int_equal(all.errors, DIAGS_MAX + 4);
    diag_list_deinit(&list);
    diag_list_deinit(&all);
}

static void test_codes_are_kebab_case_and_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIAG_CODES_LEN; i++) {
        const char *name = diag_code_name((enum diag_code)i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, diag_code_name((enum diag_code)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_what_it_is_given),
        cmocka_unit_test(test_sorts_by_place_and_keeps_the_order_of_equals),
        cmocka_unit_test(test_counts_what_is_past_the_cap),
        cmocka_unit_test(test_codes_are_kebab_case_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
