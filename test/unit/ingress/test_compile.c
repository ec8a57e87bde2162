#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "ingress/cache.h"
#include "ingress/compile.h"

/* What the golden cases cannot show: independence of the store's order, the cache, many mistakes. */

static void many_objects_write(struct buf *yaml, size_t count)
{
    buf_append(yaml, SPAN("apiVersion: networking.k8s.io/v1\nkind: IngressClass\n"
                          "metadata: {name: yett}\n"
                          "spec: {controller: yett.dev/ingress-controller}\n"));
    for (size_t i = 0; i < count; i++) {
        buf_printf(yaml,
                   "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n"
                   "metadata: {name: i%zu, namespace: n%zu}\n"
                   "spec: {ingressClassName: yett, rules: [{host: h%zu.test, http: {paths: [\n"
                   "  {path: /p, pathType: Prefix, backend: {service: {name: s%zu, port: {number: "
                   "80}}}}]}}]}\n",
                   i, i % 3, i % 7, i % 5);
        buf_printf(yaml,
                   "---\napiVersion: v1\nkind: Service\nmetadata: {name: s%zu, namespace: n%zu}\n"
                   "spec: {ports: [{port: 80}]}\n",
                   i, i % 3);
    }
}

static void result_describe(const struct route_model *model, const struct diag_list *diags,
                            struct buf *out)
{
    vec_for_each (host, &model->hosts) {
        vec_for_each (path, &(*host)->paths) {
            const struct route_rule *rule = (*path)->rules.items[0];
            buf_printf(out, SPAN_FMT SPAN_FMT " " SPAN_FMT "/" SPAN_FMT " " SPAN_FMT "\n",
                       SPAN_ARG((*host)->name), SPAN_ARG((*path)->path), SPAN_ARG(rule->namespace),
                       SPAN_ARG(rule->ingress), SPAN_ARG(rule->backends[0].service->upstream_name));
        }
    }
    vec_for_each (diag, &diags->diags)
        diag_format_text(diag, out);
}

static void compile_describe(const char *yaml, enum fixture_order order, struct buf *out)
{
    struct ingress_options options = ingress_options_default();
    struct diag_list diags;
    struct fixture fixture;

    diag_list_init(&diags);
    fixture_init(&fixture, yaml, order);
    struct route_model *model = ingress_compile(&fixture.store, &options, &diags);
    result_describe(model, &diags, out);
    route_model_free(model);
    fixture_deinit(&fixture);
    diag_list_deinit(&diags);
}

static void test_result_is_independent_of_the_order_of_objects(void **state)
{
    struct buf yaml = { 0 }, forwards = { 0 }, backwards = { 0 };

    (void)state;
    many_objects_write(&yaml, 60);
    buf_append_byte(&yaml, '\0');
    compile_describe(yaml.ptr, FIXTURE_AS_WRITTEN, &forwards);
    compile_describe(yaml.ptr, FIXTURE_BACKWARDS, &backwards);
    assert_int_not_equal(forwards.len, 0);
    assert_true(span_eq(buf_span(&forwards), buf_span(&backwards)));
    buf_deinit(&yaml);
    buf_deinit(&forwards);
    buf_deinit(&backwards);
}

static void test_empty_store(void **state)
{
    struct ingress_options options = ingress_options_default();
    struct diag_list diags;
    struct kube_store store;

    (void)state;
    diag_list_init(&diags);
    kube_store_init(&store);
    struct route_model *model = ingress_compile(&store, &options, &diags);
    assert_int_equal(model->hosts.len, 0);
    assert_null(model->default_rule);
    assert_null(model->default_certificate);
    assert_int_equal(diags.diags.len, 0);
    route_model_free(model);
    kube_store_deinit(&store);
    diag_list_deinit(&diags);
}

static void test_cache_outlives_compiles(void **state)
{
    struct ingress_options options = ingress_options_default();
    struct buf chain = { 0 }, key = { 0 };
    struct diag_list diags;
    struct kube_store store;

    (void)state;
    assert_int_equal(tls_pair_generate(&chain, &key), 0);
    diag_list_init(&diags);
    kube_store_init(&store);
    options.cache = ingress_cache_new();
    options.fallback_chain_pem = buf_span(&chain);
    options.fallback_key_pem = buf_span(&key);
    uint64_t id = 0;
    for (size_t i = 0; i < 3; i++) {
        struct route_model *model = ingress_compile(&store, &options, &diags);
        assert_non_null(model->default_certificate);
        assert_true(id == 0 || model->default_certificate->id == id);
        id = model->default_certificate->id;
        assert_int_equal(model->certificates.len, 1);
        route_model_free(model);
    }
    options.cache = ingress_cache_free(options.cache);
    kube_store_deinit(&store);
    diag_list_deinit(&diags);
    buf_deinit(&chain);
    buf_deinit(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_is_independent_of_the_order_of_objects),
        cmocka_unit_test(test_empty_store),
        cmocka_unit_test(test_cache_outlives_compiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
