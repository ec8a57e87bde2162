#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/utf8.h"

static const struct {
    uint32_t rune;
    const char *bytes;
} runes[] = {
    { 'a', "a" },
    { 0x7F, "\x7F" },
    { 0x80, "\xC2\x80" },
    { 0x7FF, "\xDF\xBF" },
    { 0x800, "\xE0\xA0\x80" },
    { 0xFFFD, "\xEF\xBF\xBD" },
    { 0x10000, "\xF0\x90\x80\x80" },
    { 0x10FFFF, "\xF4\x8F\xBF\xBF" },
};

static void test_what_is_encoded_is_one_sequence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(runes); i++) {
        char bytes[UTF8_BYTES_MAX];
        size_t len = (size_t)(utf8_encode(bytes, runes[i].rune) - bytes);
        assert_true(span_eq(span_of(bytes, len), span_from_str(runes[i].bytes)));
        assert_int_equal(utf8_sequence(span_of(bytes, len)), len);
        for (size_t less = 1; less < len; less++)
            assert_int_equal(utf8_sequence(span_of(bytes, less)), 0);
    }
}

static void test_refuses_what_is_none(void **state)
{
    static const char *const wrong[] = {
        "\x80",         "\xBF",     "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xC2\x7F", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(utf8_sequence(span_from_str(wrong[i])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_encoded_is_one_sequence),
        cmocka_unit_test(test_refuses_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
