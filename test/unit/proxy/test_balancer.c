#include "proxy/upstream/balancer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/upstream/balance/round_robin.h"

static const struct image_endpoint endpoints[5];

static struct random numbers = { { 7, 9 } };

static size_t pick(struct balancer *balancer, uint64_t key, uint32_t len)
{
    const struct image_service service = { .key = key };
    const struct image_endpoints all = { .items = endpoints, .len = len };

    return (size_t)(balancer_pick(balancer, &service, &all, &numbers) - endpoints);
}

static void test_even_to_one(void **state)
{
    (void)state;
    struct balancer balancer = { 0 };
    unsigned taken[5] = { 0 };

    for (unsigned i = 1; i <= 103; i++) {
        unsigned least = UINT32_MAX, most = 0;

        taken[pick(&balancer, 1, 5)]++;
        for (size_t j = 0; j < 5; j++) {
            least = MIN(least, taken[j]);
            most = MAX(most, taken[j]);
        }
        assert_true(most - least <= 1);
    }
    balancer_deinit(&balancer);
}

static void test_services_have_turns_of_their_own(void **state)
{
    (void)state;
    struct balancer balancer = { 0 };

    for (unsigned i = 0; i < 20; i++) {
        struct random before = numbers;
        size_t first = pick(&balancer, i, 5), second = pick(&balancer, i + 100, 5);

        assert_int_equal(first, (uint32_t)random_next(&before) % 5); /* begins anywhere */
        assert_int_equal(second, (uint32_t)random_next(&before) % 5);
        assert_int_equal(pick(&balancer, i, 5), (first + 1) % 5); /* and goes on by itself */
        assert_int_equal(pick(&balancer, i + 100, 5), (second + 1) % 5);
        assert_memory_equal(&before, &numbers, sizeof(numbers));
    }
    balancer_deinit(&balancer);
}

static void test_fewer_and_more_endpoints(void **state)
{
    (void)state;
    struct balancer balancer = { 0 };

    assert_true(pick(&balancer, 1, 5) < 5);
    for (uint32_t len = 5; len > 0; len--)
        assert_true(pick(&balancer, 1, len) < len);
    for (uint32_t len = 1; len <= 5; len++)
        assert_true(pick(&balancer, 1, len) < len);
    balancer_deinit(&balancer);
}

static void test_cursor_wraps(void **state)
{
    (void)state;
    struct round_robin cursor = { .next = UINT32_MAX };

    assert_true(round_robin_pick(&cursor, 3) < 3);
    assert_true(round_robin_pick(&cursor, 3) < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_to_one),
        cmocka_unit_test(test_services_have_turns_of_their_own),
        cmocka_unit_test(test_fewer_and_more_endpoints),
        cmocka_unit_test(test_cursor_wraps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
