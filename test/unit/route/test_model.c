#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/model.h"

#define assert_span_equal(s, text) assert_true(span_eq((s), SPAN(text)))

static void test_free_takes_null(void **state)
{
    (void)state;
    assert_null(route_model_free(NULL));
}

static void test_hosts_are_found_again(void **state)
{
    struct route_model *model = route_model_new();
    char name[] = "a.test";
    struct route_host *host = route_host_get(model, span_from_str(name));

    (void)state;
    name[0] = 'x'; /* the model keeps a copy */
    assert_span_equal(host->name, "a.test");
    assert_ptr_equal(route_host_get(model, SPAN("a.test")), host);
    assert_ptr_not_equal(route_host_get(model, SPAN("")), host);
    assert_int_equal(model->hosts.len, 2);
    assert_int_equal(model->hosts.items[1]->index, 1);
    route_model_free(model);
}

static void test_paths_differ_by_host_kind_and_text(void **state)
{
    static const struct {
        const char *host;
        enum route_path_kind kind;
        const char *path;
    } rows[] = {
        { "a", ROUTE_PATH_PREFIX, "" },      { "a", ROUTE_PATH_EXACT, "" },
        { "a", ROUTE_PATH_PREFIX, "/x" },    { "b", ROUTE_PATH_PREFIX, "/x" },
        { "a", ROUTE_PATH_EXACT, "/x" },     { "a", ROUTE_PATH_EXACT, "/x/" },
        { "", ROUTE_PATH_PREFIX, "/x\x01" },
    };
    struct route_model *model = route_model_new();
    struct route_path *made[ARRAY_LEN(rows)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_host *host = route_host_get(model, span_from_str(rows[i].host));
        made[i] = route_path_get(model, host, rows[i].kind, span_from_str(rows[i].path));
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(made[i], made[j]);
        assert_true(span_eq(made[i]->path, span_from_str(rows[i].path)));
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_host *host = route_host_get(model, span_from_str(rows[i].host));
        assert_ptr_equal(route_path_get(model, host, rows[i].kind, span_from_str(rows[i].path)),
                         made[i]);
    }
    route_model_free(model);
}

static void test_services_are_shared(void **state)
{
    struct route_model *model = route_model_new();
    struct route_service *by_number =
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("80"));
    struct route_service *by_name =
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("http"));

    (void)state;
    assert_ptr_not_equal(by_number, by_name);
    assert_ptr_equal(
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("80")),
        by_number);
    assert_span_equal(by_number->upstream_name, "shop-web-80");
    assert_int_equal(by_number->key,
                     route_service_key(ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("80")));
    assert_int_equal(by_name->index, 1);
    route_model_free(model);
}

static void test_colliding_services_stay_apart(void **state)
{
    struct route_model *model = route_model_new();
    struct route_service forged = { .namespace = SPAN("evil"),
                                    .name = SPAN("x"),
                                    .port = SPAN("1") };
    uint64_t key = route_service_key(ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("80"));

    (void)state;
    idmap_put(&model->services_by_key, key, &forged);
    struct route_service *service =
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("80"));
    assert_ptr_not_equal(service, &forged);
    assert_int_equal(service->key, key + 1);
    assert_ptr_equal(
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("shop"), SPAN("web"), SPAN("80")),
        service);
    route_model_free(model);
}

static void test_keys_know_where_parts_end(void **state)
{
    (void)state;
    assert_int_not_equal(route_service_key(ROUTE_TRANSPORT_TCP, SPAN("a"), SPAN("bc"), SPAN("1")),
                         route_service_key(ROUTE_TRANSPORT_TCP, SPAN("ab"), SPAN("c"), SPAN("1")));
    assert_int_not_equal(route_service_key(ROUTE_TRANSPORT_TCP, SPAN("a"), SPAN(""), SPAN("b")),
                         route_service_key(ROUTE_TRANSPORT_TCP, SPAN(""), SPAN("a"), SPAN("b")));
}

static void test_endpoint_ids_follow_what_is_dialled(void **state)
{
    struct route_endpoint base = { .kind = ROUTE_ENDPOINT_IP, .port = 80 };
    struct route_endpoint port, dns, other_dns;

    (void)state;
    assert_true(ip_parse(SPAN("10.0.0.1"), &base.ip));
    port = dns = base;
    port.port = 81;
    dns.kind = ROUTE_ENDPOINT_DNS;
    dns.dns_name = SPAN("a.test");
    other_dns = dns;
    other_dns.dns_name = SPAN("b.test");
    assert_int_equal(route_endpoint_id(&base), route_endpoint_id(&base));
    assert_int_not_equal(route_endpoint_id(&base), route_endpoint_id(&port));
    assert_int_not_equal(route_endpoint_id(&base), route_endpoint_id(&dns));
    assert_int_not_equal(route_endpoint_id(&dns), route_endpoint_id(&other_dns));
    assert_true(ip_parse(SPAN("10.0.0.2"), &dns.ip)); /* of no meaning for a name */
    other_dns.dns_name = dns.dns_name;
    assert_int_equal(route_endpoint_id(&dns), route_endpoint_id(&other_dns));
}

static void test_metric_ids_follow_the_labels(void **state)
{
    struct route_rule rule = { .namespace = SPAN("shop"),
                               .ingress = SPAN("web"),
                               .path = SPAN("/") };
    struct route_service service = { .key = 7 };
    uint64_t id = route_metric_id(&rule, SPAN("a.example"), &service);

    (void)state;
    assert_int_not_equal(id, route_metric_id(&rule, SPAN("a.example"), NULL));
    assert_int_not_equal(id, route_metric_id(&rule, SPAN("b.example"), &service));
    rule.path = SPAN("/a");
    assert_int_not_equal(id, route_metric_id(&rule, SPAN("a.example"), &service));
    rule.path = SPAN("/");
    assert_int_equal(id, route_metric_id(&rule, SPAN("a.example"), &service));
}

static void test_defaults_are_those_of_ingress_nginx(void **state)
{
    struct route_policy policy = route_policy_default();
    struct route_settings settings = route_settings_default();
    struct ip_addr v4, v6;

    (void)state;
    assert_int_equal(policy.connect_timeout_ms, 5000);
    assert_int_equal(policy.read_timeout_ms, 60000);
    assert_int_equal(policy.retry_tries, 3);
    assert_int_equal(policy.retry_on, ROUTE_RETRY_ERROR | ROUTE_RETRY_TIMEOUT);
    assert_int_equal(policy.body_bytes_max, 1024 * 1024);
    assert_true(settings.generate_request_id && settings.access_log);
    assert_false(settings.use_forwarded_headers || settings.allow_underscores_in_headers);
    assert_true(ip_parse(SPAN("203.0.113.7"), &v4) && ip_parse(SPAN("2001:db8::1"), &v6));
    assert_int_equal(settings.trusted_len, 1);
    assert_true(ip_block_has(&settings.trusted[0], &v4));
    assert_false(ip_block_has(&settings.trusted[0], &v6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_takes_null),
        cmocka_unit_test(test_hosts_are_found_again),
        cmocka_unit_test(test_paths_differ_by_host_kind_and_text),
        cmocka_unit_test(test_services_are_shared),
        cmocka_unit_test(test_colliding_services_stay_apart),
        cmocka_unit_test(test_keys_know_where_parts_end),
        cmocka_unit_test(test_endpoint_ids_follow_what_is_dialled),
        cmocka_unit_test(test_metric_ids_follow_the_labels),
        cmocka_unit_test(test_defaults_are_those_of_ingress_nginx),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
