#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "supervisor/backoff.h"

/* One child's lives in a row, and what it waits after each. */
static const struct {
    uint32_t lived_ms, waits_ms;
} lives[] = {
    { 5000, 0 }, { 999, 0 },  { 10, 100 }, { 0, 200 },    { 999, 400 }, { 1, 800 }, { 1, 1600 },
    { 1, 3200 }, { 1, 5000 }, { 1, 5000 }, { 999, 5000 }, { 1000, 0 }, /* lived long enough: all is forgotten */
    { 1, 0 },    { 1, 100 },
};

static void test_waits_double_while_deaths_are_quick(void **state)
{
    struct backoff backoff = { 0 };
    uint64_t now_ms = 1000000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        backoff_on_start(&backoff, now_ms);
        now_ms += lives[i].lived_ms;
        assert_int_equal(backoff_on_death(&backoff, now_ms), lives[i].waits_ms);
        now_ms += lives[i].waits_ms;
    }
}

static void test_never_waits_longer_than_the_limit(void **state)
{
    struct backoff backoff = { .quick_deaths = UINT32_MAX - 2 };

    (void)state;
    assert_int_equal(backoff_on_death(&backoff, 0), BACKOFF_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_double_while_deaths_are_quick),
        cmocka_unit_test(test_never_waits_longer_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
