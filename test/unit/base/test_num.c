#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { UNTOUCHED = 4711 };

static const struct {
    const char *text;
    uint64_t max;
    bool good;
    uint64_t value;
} u64s[] = {
    { "0", 10, true, 0 },
    { "10", 10, true, 10 },
    { "11", 10, false, 0 },
    { "007", 10, true, 7 },
    { "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
    { "18446744073709551616", UINT64_MAX, false, 0 },
    { "18446744073709551620", UINT64_MAX, false, 0 },
    { "99999999999999999999", UINT64_MAX, false, 0 },
    { "184467440737095516150", UINT64_MAX, false, 0 },
    { "0", 0, true, 0 },
    { "1", 0, false, 0 },
    { "", 10, false, 0 },
    { "-1", 10, false, 0 },
    { "+1", 10, false, 0 },
    { " 1", 10, false, 0 },
    { "1 ", 10, false, 0 },
    { "1a", 10, false, 0 },
    { "0x1", 10, false, 0 },
    { "1.0", 10, false, 0 },
    { "\xD9\xA1", 10, false, 0 }, /* an Arabic digit */
};

static void test_u64(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(u64s); i++) {
        uint64_t value = UNTOUCHED;

        print_message("'%s'\n", u64s[i].text);
        assert_int_equal(num_parse_u64(span_from_str(u64s[i].text), u64s[i].max, &value),
                         u64s[i].good);
        assert_int_equal(value, u64s[i].good ? u64s[i].value : UNTOUCHED);
    }
}

static void test_u32(void **state)
{
    (void)state;
    uint32_t value = UNTOUCHED;

    assert_false(num_parse_u32(SPAN("4294967296"), UINT32_MAX, &value));
    assert_false(num_parse_u32(SPAN("11"), 10, &value));
    assert_int_equal(value, UNTOUCHED);
    assert_true(num_parse_u32(SPAN("4294967295"), UINT32_MAX, &value));
    assert_int_equal(value, UINT32_MAX);
}

static const struct {
    const char *text;
    bool good;
    int64_t value;
} i64s[] = {
    { "0", true, 0 },
    { "-0", true, 0 },
    { "-1", true, -1 },
    { "42", true, 42 },
    { "9223372036854775807", true, INT64_MAX },
    { "9223372036854775808", false, 0 },
    { "-9223372036854775807", true, -INT64_MAX },
    { "-9223372036854775808", true, INT64_MIN },
    { "-9223372036854775809", false, 0 },
    { "-", false, 0 },
    { "--1", false, 0 },
    { "+1", false, 0 },
    { "", false, 0 },
};

static void test_i64(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(i64s); i++) {
        int64_t value = UNTOUCHED;

        print_message("'%s'\n", i64s[i].text);
        assert_int_equal(num_parse_i64(span_from_str(i64s[i].text), &value), i64s[i].good);
        assert_true(value == (i64s[i].good ? i64s[i].value : UNTOUCHED));
    }
}

static const struct {
    const char *text;
    int port; /* 0: refused */
} ports[] = {
    { "1", 1 }, { "80", 80 }, { "65535", 65535 }, { "65536", 0 }, { "0", 0 },
    { "", 0 },  { "-1", 0 },  { "http", 0 },      { "80 ", 0 },
};

static void test_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        uint16_t port = UNTOUCHED;

        assert_int_equal(num_parse_port(span_from_str(ports[i].text), &port), ports[i].port != 0);
        assert_int_equal(port, ports[i].port ? ports[i].port : UNTOUCHED);
    }
}

static const struct {
    const char *text;
    int value; /* -1: refused */
} bools[] = {
    { "1", 1 },     { "t", 1 },      { "T", 1 },    { "true", 1 },   { "TRUE", 1 },
    { "True", 1 },  { "0", 0 },      { "f", 0 },    { "F", 0 },      { "false", 0 },
    { "FALSE", 0 }, { "False", 0 },  { "yes", -1 }, { "on", -1 },    { "tRUE", -1 },
    { "", -1 },     { "true ", -1 }, { "2", -1 },   { "truee", -1 }, { "fals", -1 },
};

static void test_bool(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bools); i++) {
        for (int before = 0; before < 2; before++) {
            bool value = before;

            assert_int_equal(num_parse_bool(span_from_str(bools[i].text), &value),
                             bools[i].value >= 0);
            assert_int_equal(value, bools[i].value >= 0 ? bools[i].value : before);
        }
    }
}

static const struct {
    const char *text;
    uint64_t max;
    bool good;
    uint64_t bytes;
} byte_sizes[] = {
    { "0", 10, true, 0 },
    { "10", 10, true, 10 },
    { "1k", 1024, true, 1024 },
    { "1K", 1024, true, 1024 },
    { "1k", 1023, false, 0 },
    { "8m", UINT64_MAX, true, 8 << 20 },
    { "2G", UINT64_MAX, true, 2ull << 30 },
    { "17179869183g", UINT64_MAX, true, 17179869183ull << 30 },
    { "17179869184g", UINT64_MAX, false, 0 }, /* 2^64 */
    { "k", 1024, false, 0 },
    { "", 1024, false, 0 },
    { "1kk", 1 << 30, false, 0 },
    { "1t", UINT64_MAX, false, 0 },
    { "1 k", 1024, false, 0 },
    { "-1k", 1024, false, 0 },
    { "1.5k", 4096, false, 0 },
};

static void test_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(byte_sizes); i++) {
        uint64_t bytes = UNTOUCHED;

        print_message("'%s'\n", byte_sizes[i].text);
        assert_int_equal(
            num_parse_size(span_from_str(byte_sizes[i].text), byte_sizes[i].max, &bytes),
            byte_sizes[i].good);
        assert_int_equal(bytes, byte_sizes[i].good ? byte_sizes[i].bytes : UNTOUCHED);
    }
}

static const struct {
    const char *text;
    uint64_t max_ms;
    bool good;
    uint64_t ms;
} durations[] = {
    { "10", 60000, true, 10000 }, /* seconds */
    { "0", 0, true, 0 },
    { "60", 60000, true, 60000 },
    { "61", 60000, false, 0 },
    { "250ms", 60000, true, 250 },
    { "1s", 60000, true, 1000 },
    { "1m", 60000, true, 60000 },
    { "1m1ms", 60000, false, 0 },
    { "1h30m", UINT64_MAX, true, 5400000 },
    { "1h1m1s1ms1us", UINT64_MAX, true, 3661001 },
    { "1.5s", 60000, true, 1500 },
    { "0.25s", 60000, true, 250 },
    { "1.000001h", UINT64_MAX, true, 3600003 },
    { "999us", 60000, true, 0 },
    { "0s", 0, true, 0 },
    { "4294967295h", UINT64_MAX, true, 4294967295ull * 3600000 },
    { "4294967296h", UINT64_MAX, false, 0 },
    /* More than 2^64 us in all; a sum that wrapped would look short. */
    { "4294967295h4294967295h", UINT64_MAX, false, 0 },
    { "4294967295h829128281h", UINT64_MAX, true, 5124095576ull * 3600000 },
    { "4294967295h829128282h", UINT64_MAX, false, 0 },
    { "", 60000, false, 0 },
    { "s", 60000, false, 0 },
    { "1x", 60000, false, 0 },
    { "1s2", 60000, false, 0 },
    { "1.s", 60000, false, 0 },
    { ".5s", 60000, false, 0 },
    { "1.0000001s", 60000, false, 0 },
    { "-1s", 60000, false, 0 },
    { "1 s", 60000, false, 0 },
    { "1s ", 60000, false, 0 },
    { "1s1s1s1s1s1s", 60000, false, 0 },
};

static void test_duration(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        uint64_t ms = UNTOUCHED;

        print_message("'%s'\n", durations[i].text);
        assert_int_equal(
            num_parse_duration_ms(span_from_str(durations[i].text), durations[i].max_ms, &ms),
            durations[i].good);
        assert_int_equal(ms, durations[i].good ? durations[i].ms : UNTOUCHED);
    }
}

static const struct {
    uint64_t value;
    const char *text;
} formats[] = {
    { 0, "0" },     { 9, "9" },         { 10, "10" },
    { 100, "100" }, { 65535, "65535" }, { UINT64_MAX, "18446744073709551615" },
};

static void test_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        char at[21] = "####################";

        size_t len = num_format_u64(at, formats[i].value);
        assert_true(span_eq(span_of(at, len), span_from_str(formats[i].text)));
        assert_true(len == 20 || at[len] == '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),      cmocka_unit_test(test_u32),    cmocka_unit_test(test_i64),
        cmocka_unit_test(test_port),     cmocka_unit_test(test_bool),   cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration), cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
