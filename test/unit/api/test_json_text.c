#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/json_text.h"
#include "base/compiler.h"
#include "base/mem.h"

static void members_are_found_where_they_stand(void **state)
{
    static const struct {
        const char *object, *key, *value; /* value "": none */
    } cases[] = {
        { "{\"a\":1}", "a", "1" },
        { " { \"a\" : 1 , \"b\" : [1,{\"a\":2}] } ", "b", "[1,{\"a\":2}]" },
        { "{\"x\":{\"a\":5},\"a\":6}", "a", "6" },
        { "{\"x\":\"}\\\"a\\\":1{\",\"a\":\"\\\\\"}", "a", "\"\\\\\"" },
        { "{\"a\":null}", "a", "null" },
        { "{\"a\":true,\"a\":false}", "a", "true" },
        { "{\"a\":{}}", "b", "" },
        { "{}", "a", "" },
        { "", "a", "" },
        { "[{\"a\":1}]", "a", "" },
        { "\"a\"", "a", "" },
        { "{\"a\"", "a", "" },
        { "{\"a\":", "a", "" },
        { "{\"a\":\"x", "a", "" },
        { "{\"a\":\"x\\", "a", "" },
        { "{\"a\":{", "a", "" },
        { "{\"b\":1 \"a\":2}", "a", "" },
        { "{\"a\" 1}", "a", "" },
        { "{a:1}", "a", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        /* In a block of its own size, so that a read past the end is seen. */
        size_t len = strlen(cases[i].object);
        char *copy = mem_alloc(len + 1);
        memcpy(copy, cases[i].object, len);
        struct span exact = span_of(copy + 0, len);
        struct span value = json_text_member(exact, span_from_str(cases[i].key));
        if (!span_eq(value, span_from_str(cases[i].value)))
            fail_msg("%s: %s", cases[i].object, cases[i].key);
        mem_free(copy);
    }
}

static void a_path_leads_down(void **state)
{
    static const char *const path[] = { "a", "b.c/d", "e", NULL };
    static const char *const gone[] = { "a", "x", "e", NULL };
    struct span object = SPAN("{\"a\":{\"b.c/d\":{\"e\":\"f\"}}}");

    (void)state;
    assert_true(span_eq(json_text_string(json_text_path(object, path)), SPAN("f")));
    assert_int_equal(json_text_path(object, gone).len, 0);
}

static void strings_with_escapes_say_nothing(void **state)
{
    (void)state;
    assert_true(span_eq(json_text_string(SPAN("\"abc\"")), SPAN("abc")));
    assert_int_equal(json_text_string(SPAN("\"a\\nb\"")).len, 0);
    assert_int_equal(json_text_string(SPAN("12")).len, 0);
    assert_int_equal(json_text_string(SPAN("\"")).len, 0);
    assert_int_equal(json_text_string(SPAN("")).len, 0);
    assert_true(span_eq(json_text_inside(SPAN("\"a\\nb\"")), SPAN("a\\nb")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_where_they_stand),
        cmocka_unit_test(a_path_leads_down),
        cmocka_unit_test(strings_with_escapes_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
