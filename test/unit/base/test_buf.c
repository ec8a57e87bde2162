#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_grows_at_the_end(void **state)
{
    (void)state;
    struct buf buf = { 0 };

    assert_int_equal(buf_span(&buf).len, 0);
    assert_non_null(buf_span(&buf).ptr); /* an empty one has a pointer, too */
    buf_append(&buf, SPAN_EMPTY);
    buf_append(&buf, span_of(NULL, 0));
    assert_int_equal(buf.cap, 0);
    for (size_t i = 0; i < 10000; i++) {
        buf_append_byte(&buf, (char)i);
        assert_int_equal(buf.len, i + 1);
    }
    buf_append(&buf, SPAN("tail"));
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(buf.ptr[i], (char)i);
    assert_memory_equal(buf.ptr + 10000, "tail", 4);
    buf_deinit(&buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.len + buf.cap, 0);
    buf_deinit(&buf);
}

static void test_reserve_leaves_the_length(void **state)
{
    (void)state;
    struct buf buf = { 0 };

    memset(buf_reserve(&buf, 5000), 'x', 5000);
    assert_int_equal(buf.len, 0);
    assert_true(buf.cap >= 5000);
    buf.len = 5000;
    char *end = buf_reserve(&buf, 1);
    assert_ptr_equal(end, buf.ptr + 5000);
    assert_int_equal(buf.ptr[4999], 'x');
    buf_deinit(&buf);
}

static void test_printf(void **state)
{
    (void)state;
    struct buf buf = { 0 };

    buf_printf(&buf, "%s=%d", "a", 1);
    buf_printf(&buf, "%s", "");
    buf_printf(&buf, ",%0300d", 2); /* beyond the first capacity */
    assert_int_equal(buf.len, 3 + 301);
    assert_memory_equal(buf.ptr, "a=1,000", 7);
    assert_int_equal(buf.ptr[buf.len - 1], '2');
    buf_deinit(&buf);
}

#define REPLACED "\\ufffd"

static const struct {
    struct span raw;
    const char *json;
} jsons[] = {
    { { "", 0 }, "" },
    { { "plain", 5 }, "plain" },
    { { "a\"b\\c", 5 }, "a\\\"b\\\\c" },
    { { "\n\t\r", 3 }, "\\n\\u0009\\u000d" },
    { { "\0\x01\x1F\x7F", 4 }, "\\u0000\\u0001\\u001f\\u007f" },
    { { " /~", 3 }, " /~" },
    /* The first and last of each length. */
    { { "\xC2\x80", 2 }, "\xC2\x80" },
    { { "\xDF\xBF", 2 }, "\xDF\xBF" },
    { { "\xE0\xA0\x80", 3 }, "\xE0\xA0\x80" },
    { { "\xEF\xBF\xBF", 3 }, "\xEF\xBF\xBF" },
    { { "\xF0\x90\x80\x80", 4 }, "\xF0\x90\x80\x80" },
    { { "\xF4\x8F\xBF\xBF", 4 }, "\xF4\x8F\xBF\xBF" },
    { { "\xED\x9F\xBF\xEE\x80\x80", 6 }, "\xED\x9F\xBF\xEE\x80\x80" }, /* around the surrogates */
    /* Overlong, surrogate, too large, never used. */
    { { "\xC0\x80", 2 }, REPLACED REPLACED },
    { { "\xC1\xBF", 2 }, REPLACED REPLACED },
    { { "\xE0\x9F\xBF", 3 }, REPLACED REPLACED REPLACED },
    { { "\xED\xA0\x80", 3 }, REPLACED REPLACED REPLACED },
    { { "\xF0\x8F\xBF\xBF", 4 }, REPLACED REPLACED REPLACED REPLACED },
    { { "\xF4\x90\x80\x80", 4 }, REPLACED REPLACED REPLACED REPLACED },
    { { "\xF5\xFE\xFF", 3 }, REPLACED REPLACED REPLACED },
    /* Cut short, by the end and by another byte; a continuation without a start. */
    { { "\xC3", 1 }, REPLACED },
    { { "\xE2\x82", 2 }, REPLACED REPLACED },
    { { "\xF0\x9F\x98", 3 }, REPLACED REPLACED REPLACED },
    { { "\xC3\"", 2 }, REPLACED "\\\"" },
    { { "\xE2\x82z", 3 }, REPLACED REPLACED "z" },
    { { "a\x80z", 3 }, "a" REPLACED "z" },
};

static void test_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(jsons); i++) {
        struct buf buf = { 0 };

        print_message("case %zu\n", i);
        buf_append_json(&buf, jsons[i].raw);
        assert_int_equal(buf.len, strlen(jsons[i].json));
        assert_memory_equal(buf_span(&buf).ptr, jsons[i].json, buf.len);
        buf_deinit(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_at_the_end),
        cmocka_unit_test(test_reserve_leaves_the_length),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
