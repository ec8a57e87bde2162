#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/backoff.h"
#include "base/compiler.h"

static void waits_grow_at_most_threefold_up_to_the_cap(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct api_backoff backoff;
        uint32_t last = API_BACKOFF_FIRST_MS, most = 0;

        api_backoff_init(&backoff, seed);
        for (int i = 0; i < 200; i++) {
            uint32_t wait = api_backoff_next(&backoff, API_BACKOFF_MAX_MS);
            assert_true(wait >= API_BACKOFF_FIRST_MS);
            assert_true(wait <= API_BACKOFF_MAX_MS);
            assert_true(wait < last * 3);
            assert_true(wait >= MIN(last, (uint32_t)API_BACKOFF_MAX_MS / 2));
            last = wait;
            most = MAX(most, wait);
        }
        assert_true(most > API_BACKOFF_MAX_MS / 2);
    }
}

static void a_reset_starts_anew(void **state)
{
    struct api_backoff backoff;

    (void)state;
    api_backoff_init(&backoff, 7);
    for (int i = 0; i < 100; i++)
        (void)api_backoff_next(&backoff, API_BACKOFF_MAX_MS);
    api_backoff_reset(&backoff);
    assert_true(api_backoff_next(&backoff, API_BACKOFF_MAX_MS) < API_BACKOFF_FIRST_MS * 3);
}

/* A thousand that failed at the same moment: no tenth of the first two seconds sees a third of them. */
static void a_crowd_scatters(void **state)
{
    enum { CROWD = 1000, SLOTS = 20, ROUNDS = 4 };
    unsigned slots[SLOTS] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < CROWD; i++) {
        struct api_backoff backoff;
        uint32_t at = 0;

        api_backoff_init(&backoff, i);
        for (int round = 0; round < ROUNDS; round++)
            at += api_backoff_next(&backoff, API_BACKOFF_MAX_MS);
        slots[MIN(at / 100, (uint32_t)SLOTS - 1)]++;
    }
    for (int slot = 0; slot < SLOTS - 1; slot++)
        assert_true(slots[slot] < CROWD / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_at_most_threefold_up_to_the_cap),
        cmocka_unit_test(a_reset_starts_anew),
        cmocka_unit_test(a_crowd_scatters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
