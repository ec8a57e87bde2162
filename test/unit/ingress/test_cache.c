#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingress/cache.h"

static void test_pairs_are_found_by_content(void **state)
{
    struct ingress_cache *cache = ingress_cache_new();
    const struct ingress_pair *first = ingress_cache_pair(cache, SPAN("chain"), SPAN("key"));

    (void)state;
    assert_int_not_equal(first->result, TLS_PAIR_OK);
    assert_ptr_equal(ingress_cache_pair(cache, SPAN("chain"), SPAN("key")), first);
    assert_ptr_not_equal(ingress_cache_pair(cache, SPAN("chain"), SPAN("other")), first);
    assert_ptr_not_equal(ingress_cache_pair(cache, SPAN("chaink"), SPAN("ey")), first);
    ingress_cache_free(cache);
}

static void test_what_was_asked_for_outlives_a_compile(void **state)
{
    struct ingress_cache *cache = ingress_cache_new();
    const struct ingress_pair *kept = ingress_cache_pair(cache, SPAN("kept"), SPAN("key"));

    (void)state;
    (void)ingress_cache_pair(cache, SPAN("dropped"), SPAN("key"));
    ingress_cache_end(cache);
    assert_ptr_equal(ingress_cache_pair(cache, SPAN("kept"), SPAN("key")), kept);
    ingress_cache_end(cache); /* drops the other: the leak checker would tell if not */
    assert_ptr_equal(ingress_cache_pair(cache, SPAN("kept"), SPAN("key")), kept);
    assert_null(ingress_cache_free(cache));
    assert_null(ingress_cache_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_found_by_content),
        cmocka_unit_test(test_what_was_asked_for_outlives_a_compile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
