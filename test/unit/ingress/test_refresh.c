#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "ingress/compile.h"

#define CLASS                                                                        \
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: yett}\n" \
    "spec: {controller: yett.dev/ingress-controller}\n---\n"
#define SERVICE                                                               \
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n" \
    "spec: {ports: [{name: http, port: 80}, {name: admin, port: 81}]}\n---\n"
#define INGRESS                                                                              \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\n"                                      \
    "metadata: {name: web, namespace: shop}\n"                                               \
    "spec: {ingressClassName: yett, rules: [{host: a.test, http: {paths: [\n"                \
    "  {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}},\n"  \
    "  {path: /n, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}},\n" \
    "  {path: /x, pathType: Prefix, backend: {service: {name: web, port: {name: admin}}}}]}}]}\n"
#define SLICE(addresses)                                                                    \
    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                           \
    "metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\n" \
    "addressType: IPv4\nports: [{name: http, port: 8080}]\nendpoints: [" addresses "]\n"

static void on_change(void *ctx, struct route_service *service)
{
    (void)service;
    ++*(size_t *)ctx;
}

static size_t refresh(struct route_model *model, const char *yaml)
{
    struct ingress_options options = ingress_options_default();
    struct fixture now;
    size_t changes = 0;

    fixture_init(&now, yaml, FIXTURE_AS_WRITTEN);
    ingress_endpoints_refresh(&now.store, &options, model, SPAN("shop"), SPAN("web"), on_change,
                              &changes);
    fixture_deinit(&now);
    return changes;
}

static const struct {
    const char *what, *yaml;
    size_t changes, endpoints;
} steps[] = {
    { "nothing new", SERVICE SLICE("{addresses: [10.0.0.1]}"), 0, 1 },
    { "another order is nothing new", SERVICE SLICE("{addresses: [10.0.0.1]}"), 0, 1 },
    { "two more",
      SERVICE SLICE("{addresses: [10.0.0.3]},{addresses: [10.0.0.1]},"
                    "{addresses: [10.0.0.2]}"),
      2, 3 },
    { "one less", SERVICE SLICE("{addresses: [10.0.0.2]},{addresses: [10.0.0.1]}"), 2, 2 },
    { "one replaced", SERVICE SLICE("{addresses: [10.0.0.2]},{addresses: [10.0.0.9]}"), 2, 2 },
    { "none ready", SERVICE SLICE("{addresses: [10.0.0.2], conditions: {ready: false}}"), 2, 0 },
    { "still none", SERVICE, 0, 0 },
    { "Service gone", CLASS, 0, 0 },
    { "back", SERVICE SLICE("{addresses: [10.0.0.1]}"), 2, 1 },
};

static void test_refresh_tells_what_changed(void **state)
{
    struct ingress_options options = ingress_options_default();
    struct diag_list diags;
    struct fixture fixture;

    (void)state;
    diag_list_init(&diags);
    fixture_init(&fixture, CLASS SERVICE INGRESS SLICE("{addresses: [10.0.0.1]}"),
                 FIXTURE_AS_WRITTEN);
    struct route_model *model = ingress_compile(&fixture.store, &options, &diags);
    fixture_deinit(&fixture); /* the model borrows nothing from it */

    assert_int_equal(model->services.len, 3);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        print_message("%s\n", steps[i].what);
        assert_int_equal(refresh(model, steps[i].yaml), steps[i].changes);
        assert_int_equal(model->services.items[0]->endpoints_len, steps[i].endpoints);
        assert_int_equal(model->services.items[2]->endpoints_len, 0);
    }
    route_model_free(model);
    diag_list_deinit(&diags);
}

static void test_flapping_endpoints_take_no_memory(void **state)
{
    struct ingress_options options = ingress_options_default();
    struct diag_list diags;
    struct fixture fixture;
    size_t bytes = 0;

    (void)state;
    diag_list_init(&diags);
    fixture_init(&fixture, CLASS SERVICE INGRESS, FIXTURE_AS_WRITTEN);
    struct route_model *model = ingress_compile(&fixture.store, &options, &diags);
    fixture_deinit(&fixture);
    for (size_t i = 0; i < 2000; i++) {
        refresh(model, SERVICE SLICE("{addresses: [10.0.0.1]},{addresses: [10.0.0.2]}"));
        if (i == 0)
            bytes = arena_bytes(&model->arena);
        refresh(model, SERVICE SLICE("{addresses: [10.0.0.3]}"));
    }
    assert_int_equal(arena_bytes(&model->arena), bytes);
    route_model_free(model);
    diag_list_deinit(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refresh_tells_what_changed),
        cmocka_unit_test(test_flapping_endpoints_take_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
