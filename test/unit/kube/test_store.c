#include "fixture.h"

#include "kube/store.h"

static struct kube_object object_make(enum kube_kind kind, const char *namespace, const char *name)
{
    return (struct kube_object){
        .kind = kind,
        .namespace = span_from_str(namespace),
        .name = span_from_str(name),
    };
}

static struct kube_object slice_make(const char *name, const char *service)
{
    struct kube_object slice = object_make(KUBE_ENDPOINT_SLICE, "shop", name);

    if (service)
        slice.endpoint_slice.service_name.text = span_from_str(service);
    return slice;
}

static void test_finds_by_kind_namespace_and_name(void **state)
{
    struct kube_object web = object_make(KUBE_SERVICE, "shop", "web");
    struct kube_object other = object_make(KUBE_SERVICE, "sho", "pweb");
    struct kube_object ingress = object_make(KUBE_INGRESS, "shop", "web");
    struct kube_object class = object_make(KUBE_INGRESS_CLASS, "", "yett");
    struct kube_store store;

    (void)state;
    kube_store_init(&store);
    assert_null(kube_store_find(&store, KUBE_SERVICE, SPAN("shop"), SPAN("web")));
    assert_null(kube_store_put(&store, &web));
    assert_null(kube_store_put(&store, &other));
    assert_null(kube_store_put(&store, &ingress));
    assert_null(kube_store_put(&store, &class));
    assert_ptr_equal(kube_store_find(&store, KUBE_SERVICE, SPAN("shop"), SPAN("web")), &web);
    assert_ptr_equal(kube_store_find(&store, KUBE_SERVICE, SPAN("sho"), SPAN("pweb")), &other);
    assert_ptr_equal(kube_store_find(&store, KUBE_INGRESS, SPAN("shop"), SPAN("web")), &ingress);
    assert_ptr_equal(kube_store_find(&store, KUBE_INGRESS_CLASS, SPAN_EMPTY, SPAN("yett")), &class);
    assert_null(kube_store_find(&store, KUBE_SECRET, SPAN("shop"), SPAN("web")));
    assert_int_equal(kube_store_len(&store, KUBE_SERVICE), 2);
    kube_store_deinit(&store);
}

static void test_a_second_of_the_same_name_is_left_out(void **state)
{
    struct kube_object first = object_make(KUBE_SERVICE, "shop", "web"), second = first;
    struct kube_store store;

    (void)state;
    kube_store_init(&store);
    assert_null(kube_store_put(&store, &first));
    assert_ptr_equal(kube_store_put(&store, &second), &first);
    kube_store_remove(&store, &second); /* was never in */
    assert_ptr_equal(kube_store_find(&store, KUBE_SERVICE, SPAN("shop"), SPAN("web")), &first);
    kube_store_remove(&store, &first);
    kube_store_remove(&store, &first);
    assert_null(kube_store_find(&store, KUBE_SERVICE, SPAN("shop"), SPAN("web")));
    assert_null(kube_store_put(&store, &second));
    kube_store_deinit(&store);
}

static void test_a_name_that_no_object_can_have_is_not_found(void **state)
{
    char name[5000];
    struct kube_store store;

    (void)state;
    memset(name, 'a', sizeof(name));
    kube_store_init(&store);
    assert_null(kube_store_find(&store, KUBE_SERVICE, SPAN("x"), span_of(name, sizeof(name))));
    assert_int_equal(kube_store_slices(&store, SPAN("x"), span_of(name, sizeof(name))).len, 0);
    kube_store_deinit(&store);
}

static void test_slices_of_a_service_come_sorted(void **state)
{
    struct kube_object c = slice_make("c", "web"), a = slice_make("a", "web"),
                       b = slice_make("b", "web");
    struct kube_object alien = slice_make("z", "api"), nobodys = slice_make("n", NULL);
    const struct kube_object *all[] = { &c, &alien, &a, &nobodys, &b };
    struct kube_store store;

    (void)state;
    kube_store_init(&store);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_null(kube_store_put(&store, all[i]));
    struct kube_slice_list list = kube_store_slices(&store, SPAN("shop"), SPAN("web"));
    assert_int_equal(list.len, 3);
    assert_ptr_equal(list.items[0], &a);
    assert_ptr_equal(list.items[1], &b);
    assert_ptr_equal(list.items[2], &c);
    kube_store_remove(&store, &b);
    kube_store_remove(&store, &nobodys);
    list = kube_store_slices(&store, SPAN("shop"), SPAN("web"));
    assert_int_equal(list.len, 2);
    assert_ptr_equal(list.items[1], &c);
    kube_store_remove(&store, &a);
    kube_store_remove(&store, &c);
    assert_int_equal(kube_store_slices(&store, SPAN("shop"), SPAN("web")).len, 0);
    assert_int_equal(kube_store_slices(&store, SPAN("default"), SPAN("api")).len, 0);
    assert_int_equal(store.slices_by_service.len, 1);
    kube_store_deinit(&store);
}

static void test_walks_all_of_a_kind(void **state)
{
    enum { N = 100 };
    struct kube_object objects[N];
    char names[N][8];
    struct kube_store store;
    size_t cursor = 0, seen = 0;

    (void)state;
    kube_store_init(&store);
    for (size_t i = 0; i < N; i++) {
        memcpy(names[i], "n00", 4);
        names[i][1] = (char)('0' + i / 10);
        names[i][2] = (char)('0' + i % 10);
        objects[i] = object_make(KUBE_SECRET, "ns", names[i]);
        assert_null(kube_store_put(&store, &objects[i]));
    }
    while (kube_store_next(&store, KUBE_SECRET, &cursor))
        seen++;
    assert_int_equal(seen, N);
    cursor = 0;
    assert_null(kube_store_next(&store, KUBE_SERVICE, &cursor));
    for (size_t i = 0; i < N; i++)
        kube_store_remove(&store, &objects[i]);
    assert_int_equal(kube_store_len(&store, KUBE_SECRET), 0);
    kube_store_deinit(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_by_kind_namespace_and_name),
        cmocka_unit_test(test_a_second_of_the_same_name_is_left_out),
        cmocka_unit_test(test_a_name_that_no_object_can_have_is_not_found),
        cmocka_unit_test(test_slices_of_a_service_come_sorted),
        cmocka_unit_test(test_walks_all_of_a_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
