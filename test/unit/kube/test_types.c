#include "fixture.h"

#include "kube/types.h"

static void test_kinds_have_the_names_of_the_api(void **state)
{
    static const char *const names[KUBE_KINDS_LEN] = {
        "Ingress", "IngressClass", "Service", "EndpointSlice", "Secret", "ConfigMap", "Namespace",
    };

    (void)state;
    for (int i = 0; i < KUBE_KINDS_LEN; i++)
        assert_string_equal(kube_kind_name((enum kube_kind)i), names[i]);
}

static void test_pairs_are_found_by_their_whole_key(void **state)
{
    const struct kube_pair items[] = {
        { { SPAN("a"), { 1, 1 } }, { SPAN("1"), { 1, 4 } } },
        { { SPAN("ab"), { 2, 1 } }, { SPAN(""), { 2, 4 } } },
    };
    const struct kube_pairs pairs = { items, ARRAY_LEN(items) }, none = { 0 };

    (void)state;
    assert_ptr_equal(kube_pairs_find(&pairs, SPAN("ab")), &items[1].value);
    assert_true(kube_text_is_set(kube_pairs_find(&pairs, SPAN("ab")))); /* empty, but written */
    assert_null(kube_pairs_find(&pairs, SPAN("abc")));
    assert_null(kube_pairs_find(&pairs, SPAN("")));
    assert_null(kube_pairs_find(&none, SPAN("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_have_the_names_of_the_api),
        cmocka_unit_test(test_pairs_are_found_by_their_whole_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
