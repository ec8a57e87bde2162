#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"
#include "control/source_api.h"
#include "fake.h"
#include "pair.h"
#include "prom_check.h"

enum { WORKERS = 2 };

struct fixture {
    struct fake fake;
    struct route_labels labels;
    struct certificate_facts certificates;
    struct stats_page *pages[WORKERS];
    struct stats_writer *writers[WORKERS];
    struct metrics_input input;
};

static void on_serving(void *ctx, struct image_view *view)
{
    struct fixture *fixture = ctx;

    route_labels_learn(&fixture->labels, view);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    fake_open(&fixture->fake);
    reconcile_set_on_serving(fixture->fake.reconcile, on_serving, fixture);
    for (size_t i = 0; i < WORKERS; i++) {
        SCOPED(fd_closep) int fd = stats_page_create();
        assert_int_equal(stats_page_map(fd, STATS_WRITE, &fixture->pages[i]), 0);
        fixture->writers[i] = stats_writer_new(fixture->pages[i]);
    }
    fixture->input = (struct metrics_input){
        .reconcile = fixture->fake.reconcile,
        .labels = &fixture->labels,
        .certificates = &fixture->certificates,
        .pages = (const struct stats_page *const *)fixture->pages,
        .pages_len = WORKERS,
        .namespace = SPAN("gate"),
        .class = SPAN("yett.dev/ingress-controller"),
        .pod = SPAN("yett-0"),
        .per_host = true,
        .started_wall_ns = 1700000000500000000,
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < WORKERS; i++) {
        stats_writer_free(fixture->writers[i]);
        stats_page_unmap(fixture->pages[i]);
    }
    route_labels_deinit(&fixture->labels);
    certificate_facts_deinit(&fixture->certificates);
    fake_close(&fixture->fake);
    mem_free(fixture);
    return 0;
}

static void assert_in_order(const struct buf *text)
{
    const char *fault = prom_check(buf_span(text));

    if (fault)
        fail_msg("%s", fault);
}

static void assert_value(const struct buf *text, const char *series, const char *value)
{
    struct span found = prom_value(buf_span(text), series);

    if (!span_eq(found, span_from_str(value)))
        fail_msg("%s is '" SPAN_FMT "', not %s, in:\n" SPAN_FMT, series, SPAN_ARG(found), value,
                 SPAN_ARG(buf_span(text)));
}

static uint64_t id_of(const struct fixture *fixture, size_t host)
{
    const struct route_model *model = reconcile_model(fixture->fake.reconcile);

    return model->hosts.items[host]->paths.items[0]->rules.items[0]->metric_id;
}

#define COMMON                                                                        \
    "controller_namespace=\"gate\",controller_class=\"yett.dev/ingress-controller\"," \
    "controller_pod=\"yett-0\""
#define WEB_LABELS                                                                          \
    COMMON ",path=\"/\",namespace=\"default\",ingress=\"web\",service=\"web\",canary=\"\"," \
           "host=\"web.example\""

static void test_before_anything(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };

    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out, "yett_config_generation", "0");
    assert_value(&out, "process_start_time_seconds", "1700000000.5");
}

static void test_requests_by_route(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };

    assert_int_equal(fake_serve(&fixture->fake, FAKE_APP("web", "web.example", "10.0.0.1")), 1);
    uint64_t id = id_of(fixture, 0);
    stats_slot_count(stats_writer_slot(fixture->writers[0], id), 200, 7000, 10, 100);
    stats_slot_count(stats_writer_slot(fixture->writers[1], id), 204, 2000000, 10, 100);
    stats_slot_count(stats_writer_slot(fixture->writers[1], id), 502, 20000000, 10, 100);
    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out, "nginx_ingress_controller_requests{" WEB_LABELS ",status=\"2xx\"}", "2");
    assert_value(&out, "nginx_ingress_controller_requests{" WEB_LABELS ",status=\"5xx\"}", "1");
    assert_value(&out, "nginx_ingress_controller_requests{" WEB_LABELS ",status=\"4xx\"}", "");
    assert_value(&out,
                 "nginx_ingress_controller_request_duration_seconds_bucket{" WEB_LABELS
                 ",le=\"0.005\"}",
                 "0");
    assert_value(&out,
                 "nginx_ingress_controller_request_duration_seconds_bucket{" WEB_LABELS
                 ",le=\"0.01\"}",
                 "1");
    assert_value(
        &out, "nginx_ingress_controller_request_duration_seconds_bucket{" WEB_LABELS ",le=\"2.5\"}",
        "2");
    assert_value(&out, "nginx_ingress_controller_request_duration_seconds_sum{" WEB_LABELS "}",
                 "22.007");
    assert_value(&out, "nginx_ingress_controller_request_duration_seconds_count{" WEB_LABELS "}",
                 "3");
    assert_value(&out, "yett_response_bytes_total{" WEB_LABELS "}", "300");
}

/* A route that is gone keeps its names; ids that never had any are one series, not several. */
static void test_former_and_unknown_routes(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };

    assert_int_equal(fake_serve(&fixture->fake, FAKE_APP("web", "web.example", "10.0.0.1")), 1);
    uint64_t id = id_of(fixture, 0);
    assert_int_equal(fake_serve(&fixture->fake, FAKE_APP("api", "api.example", "10.0.0.1")), 2);
    stats_slot_count(stats_writer_slot(fixture->writers[0], id), 200, 1, 1, 1);
    stats_slot_count(stats_writer_slot(fixture->writers[0], 12345), 200, 1, 1, 1);
    stats_slot_count(stats_writer_slot(fixture->writers[1], 54321), 200, 1, 1, 1);
    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out, "nginx_ingress_controller_requests{" WEB_LABELS ",status=\"2xx\"}", "1");
    assert_value(&out,
                 "nginx_ingress_controller_requests{" COMMON
                 ",path=\"\",namespace=\"\",ingress=\"\",service=\"\",canary=\"\",host=\"\","
                 "status=\"2xx\"}",
                 "2");
}

static void test_without_hosts(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };

    fixture->input.per_host = false;
    assert_int_equal(fake_serve(&fixture->fake, FAKE_APP("web", "web.example", "10.0.0.1")), 1);
    stats_slot_count(stats_writer_slot(fixture->writers[0], id_of(fixture, 0)), 301, 1, 1, 1);
    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out,
                 "nginx_ingress_controller_requests{" COMMON
                 ",path=\"/\",namespace=\"default\",ingress=\"web\",service=\"web\",canary=\"\","
                 "status=\"3xx\"}",
                 "1");
}

static void test_workers_and_configuration(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };

    assert_int_equal(fake_serve(&fixture->fake, FAKE_INGRESS("web", "web.example")), 1);
    fixture->pages[0]->connections_active = 3;
    fixture->pages[1]->connections_active = 4;
    fixture->pages[0]->requests = 100;
    fixture->pages[1]->generation = 7;
    fixture->pages[1]->starts = 3;
    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out,
                 "nginx_ingress_controller_nginx_process_connections{" COMMON ",state=\"active\"}",
                 "7");
    assert_value(&out, "nginx_ingress_controller_nginx_process_requests_total{" COMMON "}", "100");
    assert_value(&out, "yett_worker_config_generation{worker=\"1\"}", "7");
    assert_value(&out, "yett_worker_restarts_total{worker=\"0\"}", "0");
    assert_value(&out, "yett_worker_restarts_total{worker=\"1\"}", "2");
    assert_value(&out, "yett_config_generation", "1");
    assert_value(&out, "nginx_ingress_controller_config_last_reload_successful{" COMMON "}", "1");
    assert_value(&out, "nginx_ingress_controller_success{" COMMON "}", "1");
    assert_value(&out, "yett_config_apply_duration_seconds_count", "1");
    assert_value(&out,
                 "nginx_ingress_controller_orphan_ingress{" COMMON
                 ",namespace=\"default\",ingress=\"web\",type=\"no-service\"}",
                 "1");
}

/* As a double-quoted scalar. */
static void yaml_put(struct buf *yaml, const char *key, const char *text)
{
    buf_printf(yaml, "  %s: \"", key);
    for (; *text; text++) {
        if (*text == '\n')
            buf_append(yaml, SPAN("\\n"));
        else
            buf_append_byte(yaml, *text);
    }
    buf_append(yaml, SPAN("\"\n"));
}

/* The serial number as openssl-x509(1) shows it. */
#define CERTIFICATE_LABELS                                                              \
    "namespace=\"default\",class=\"yett.dev/ingress-controller\",host=\"web.example\"," \
    "secret_name=\"web\",identifier=\"-265570758023706088811212002216781861738283806448\""

static void test_certificates(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf yaml = { 0 };

    buf_append(&yaml,
               SPAN(FAKE_INGRESS_TLS(
                   "web", "web.example") "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\n"
                                         "type: kubernetes.io/tls\nstringData:\n"));
    yaml_put(&yaml, "tls.crt", pair_chain_pem);
    yaml_put(&yaml, "tls.key", pair_key_pem);
    buf_append_byte(&yaml, '\0');
    assert_int_equal(fake_serve(&fixture->fake, yaml.ptr), 1);
    for (int scrape = 0; scrape < 3; scrape++) {
        SCOPED(buf_deinit) struct buf out = { 0 };
        metrics_write(&fixture->input, &out);
        assert_in_order(&out);
        assert_value(&out,
                     "nginx_ingress_controller_ssl_expire_time_seconds{" CERTIFICATE_LABELS "}",
                     "4949077695");
        assert_value(&out,
                     "nginx_ingress_controller_ssl_certificate_info{" CERTIFICATE_LABELS
                     ",issuer_organization=\"\",issuer_common_name=\"web.example\","
                     "serial_number=\"265570758023706088811212002216781861738283806448\",public_"
                     "key_algorithm=\"EC\"}",
                     "1");
    }
}

/* A client that was never asked, and its watches that were never started. */
static void test_cluster(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };
    SCOPED(buf_deinit) struct buf error = { 0 };
    struct api_config_choice choice = { .server = SPAN("https://a"), .pod_dir = SPAN("/nowhere") };
    struct loop *loop = fixture->fake.loop;
    struct api_config *config;

    assert_int_equal(api_config_load(&choice, &config, &error), API_CONFIG_OK);
    assert_int_equal(api_client_new(loop, config, &fixture->input.api), 0);
    struct source *source = source_api_new(
        loop, fixture->input.api, &(struct source_api_options){ .ingress = &fixture->fake.options },
        reconcile_on_change, fixture->fake.reconcile);
    reconcile_set_source(fixture->fake.reconcile, source);
    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out, "yett_api_calls_total{result=\"ok\"}", "0");
    assert_value(&out, "yett_api_calls_total{result=\"timed-out\"}", "0");
    assert_value(&out, "yett_api_calls_in_flight", "0");
    assert_value(&out, "yett_api_connections_total", "0");
    assert_value(&out, "yett_api_reachable", "0");
    assert_value(&out, "yett_api_in_step", "0");
    assert_value(&out, "yett_api_secrets_forbidden", "0");
    reconcile_set_source(fixture->fake.reconcile, &fixture->fake.source);
    source_free(source);
    fixture->input.api = api_client_free(fixture->input.api);
}

static void test_failure_is_visible(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf out = { 0 };

    fake_change(&fixture->fake, FAKE_INGRESS("web", "web.example"), 0);
    image_view_unref(fake_published(&fixture->fake));
    fake_answer(&fixture->fake, PROC_REJECTED, 1);
    metrics_write(&fixture->input, &out);
    assert_in_order(&out);
    assert_value(&out, "nginx_ingress_controller_config_last_reload_successful{" COMMON "}", "0");
    assert_value(&out, "nginx_ingress_controller_config_hash{" COMMON "}", "0");
    assert_value(&out, "nginx_ingress_controller_errors{" COMMON "}", "1");
}

static void test_labels_are_escaped(void **state)
{
    SCOPED(buf_deinit) struct buf out = { 0 };
    SCOPED(buf_deinit) struct buf labels = { 0 };

    (void)state;
    prom_label_append(&labels, "path", SPAN("/\"a\\b\nc"));
    prom_family(&out, "x", PROM_GAUGE, "Help.");
    prom_u64(&out, "x", buf_span(&labels), 1);
    assert_in_order(&out);
    assert_value(&out, "x{path=\"/\\\"a\\\\b\\nc\"}", "1");
}

/* The checker itself can fail. */
static const struct {
    const char *what, *text;
} faults[] = {
    { "no family", "x 1\n" },
    { "no TYPE", "# HELP x h\nx 1\n" },
    { "twice", "# HELP x h\n# TYPE x gauge\nx 1\nx 1\n" },
    { "family twice", "# HELP x h\n# TYPE x gauge\n# HELP x h\n# TYPE x gauge\n" },
    { "no number", "# HELP x h\n# TYPE x gauge\nx one\n" },
    { "bad escape", "# HELP x h\n# TYPE x gauge\nx{a=\"\\d\"} 1\n" },
    { "open label", "# HELP x h\n# TYPE x gauge\nx{a=\"b 1\n" },
    { "no end of line", "# HELP x h\n# TYPE x gauge\nx 1" },
    { "not cumulative", "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"1\"} 2\n"
                        "x_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n" },
    { "no +Inf", "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_sum 1\nx_count 2\n" },
    { "other count", "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"+Inf\"} 2\nx_sum 1\n"
                     "x_count 1\n" },
    { "no count", "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"+Inf\"} 2\nx_sum 1\n" },
};

static void test_checker_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        print_message("%s\n", faults[i].what);
        assert_non_null(prom_check(span_from_str(faults[i].text)));
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_before_anything),
        CASE(test_requests_by_route),
        CASE(test_former_and_unknown_routes),
        CASE(test_without_hosts),
        CASE(test_workers_and_configuration),
        CASE(test_certificates),
        CASE(test_cluster),
        CASE(test_failure_is_visible),
        cmocka_unit_test(test_labels_are_escaped),
        cmocka_unit_test(test_checker_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
