#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"

static const struct {
    uint64_t wall_ns;
    const char *text;
} times[] = {
    { 0, "1970-01-01T00:00:00.000Z" },
    { 999999, "1970-01-01T00:00:00.000Z" }, /* cut, not rounded */
    { 1000000, "1970-01-01T00:00:00.001Z" },
    { 999999999, "1970-01-01T00:00:00.999Z" },
    { 951782399123000000, "2000-02-28T23:59:59.123Z" },
    { 951782400000000000, "2000-02-29T00:00:00.000Z" },
    { 1709251199999999999, "2024-02-29T23:59:59.999Z" },
    { 4107542400000000000, "2100-03-01T00:00:00.000Z" }, /* no leap year */
    { UINT64_MAX, "2554-07-21T23:34:33.709Z" },
};

static void test_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char at[CLOCK_RFC3339_LEN + 2];

        memset(at, '#', sizeof(at));
        clock_format_rfc3339(times[i].wall_ns, at);
        assert_memory_equal(at, times[i].text, CLOCK_RFC3339_LEN);
        assert_memory_equal(at + CLOCK_RFC3339_LEN, "##", 2); /* no NUL, nothing beyond */
    }
}

/* Every day that the clock can show, against the C library. */
static void test_every_day(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < UINT64_MAX / 86400000000000u; day++) {
        char at[CLOCK_RFC3339_LEN], expected[64];
        time_t seconds = (time_t)(day * 86400 + 86399);
        struct tm tm;

        clock_format_rfc3339((uint64_t)seconds * 1000000000u, at);
        gmtime_r(&seconds, &tm);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        if (memcmp(at, expected, sizeof(at)) != 0)
            fail_msg("%.24s instead of %s", at, expected);
    }
}

static void test_clocks_run(void **state)
{
    (void)state;
    uint64_t last_ns = 0;

    for (int i = 0; i < 1000; i++) {
        uint64_t now_ns = clock_mono_ns();
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
    assert_true(clock_wall_ns() > 1700000000000000000u); /* November 2023 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
