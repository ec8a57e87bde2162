#include "control/status_addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake_api.h"

enum { INTERVAL_MS = 60000 };

struct bench {
    struct fake_api api;
    struct status_addresses *addresses;
    char told[256]; /* the last list */
    int times;
};

static void on_change(void *ctx, const struct address_list *list)
{
    struct bench *bench = ctx;
    struct buf out = { 0 };

    address_list_encode(list, &out);
    snprintf(bench->told, sizeof(bench->told), "%.*s", (int)out.len, out.ptr);
    buf_deinit(&out);
    bench->times++;
}

static int setup(void **state)
{
    static struct bench bench;

    bench = (struct bench){ 0 };
    fake_api_open(&bench.api);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    bench->addresses = status_addresses_free(bench->addresses);
    fake_api_close(&bench->api);
    return 0;
}

static void open_with(struct bench *bench, struct status_addresses_options options)
{
    bench->addresses =
        status_addresses_new(bench->api.loop, bench->api.client, &options, on_change, bench);
    assert_int_equal(bench->times, 0);
    fake_api_wait(&bench->api, 0);
}

static void test_fixed(void **state)
{
    struct bench *bench = *state;

    open_with(bench,
              (struct status_addresses_options){
                  .fixed = SPAN("b.example, 10.0.0.2,fd00::1,10.0.0.1,a.example,10.0.0.2") });
    assert_string_equal(bench->told, "[{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"},{\"ip\":"
                                     "\"fd00::1\"},{\"hostname\":\"a.example\"},{\"hostname\":"
                                     "\"b.example\"}]");
    assert_int_equal(bench->times, 1);
}

static const struct {
    const char *text, *wrong; /* NULL: it is right */
} fixed[] = {
    { "10.0.0.1", NULL },
    { "fd00::1,10.0.0.1", NULL },
    { "a.example, b.example", NULL },
    { "10.0.0.1,,a", "" },
    { "a_b.example", "a_b.example" },
    { "A.example", "A.example" },
    { "10.0.0.1,-a.b", "-a.b" },
    { "http://a.example", "http://a.example" },
    { "a..b", "a..b" },
};

static void test_what_the_flag_may_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        struct span wrong = SPAN("untouched");

        print_message("%s\n", fixed[i].text);
        assert_int_equal(status_addresses_are_valid(span_from_str(fixed[i].text), &wrong),
                         !fixed[i].wrong);
        assert_true(span_eq(wrong, span_from_str(fixed[i].wrong ? fixed[i].wrong : "untouched")));
    }
}

static const struct {
    const char *service, *told;
} services[] = {
    { "{\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.1.0.1\",\"externalIPs\":[\"1.1.1.1\"]}"
      "}",
      "[{\"ip\":\"10.1.0.1\"}]" },
    { "{\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.1.0.2\"}}", "[{\"ip\":\"10.1.0.2\"}]" },
    { "{\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.1.0.1\",\"externalIPs\":[\"1.1.1.2\","
      "\"1."
      "1.1.1\"]}}",
      "[{\"ip\":\"1.1.1.1\"},{\"ip\":\"1.1.1.2\"}]" },
    { "{\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"x.example\"}}",
      "[{\"hostname\":\"x.example\"}]" },
    { "{\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.1.0.1\",\"externalIPs\":[\"1.1.1."
      "1\","
      "\"2.2.2.2\"]},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"2.2.2.2\"},{\"hostname\":"
      "\"lb.example\"}]}}}",
      "[{\"ip\":\"1.1.1.1\"},{\"ip\":\"2.2.2.2\"},{\"hostname\":\"lb.example\"}]" },
};

static void test_a_service(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct status_addresses_options){ .service_namespace = SPAN("gate"),
                                                        .service_name = SPAN("yett") });
    struct reflector *watch = fake_api_reflector(&bench->api, "/api/v1/services gate yett ");
    assert_non_null(watch);
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        fake_reflector_tell(watch, services[i].service);
        assert_string_equal(bench->told, services[i].told);
        fake_reflector_tell(watch, services[i].service);
        assert_int_equal(bench->times, i + 1); /* once is enough */
    }
}

static void test_a_service_without_address_takes_nothing_away(void **state)
{
    static const char *const without[] = {
        "{\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.1.0.1\"}}",
        "{\"spec\":{\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{\"ingress\":[]}}}",
        "{\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"None\"}}",
        "{\"spec\":{\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{\"ingress\":[7]}}}",
        "{}",
        "nonsense",
    };
    struct bench *bench = *state;

    open_with(bench, (struct status_addresses_options){ .service_namespace = SPAN("gate"),
                                                        .service_name = SPAN("yett") });
    struct reflector *watch = fake_api_reflector(&bench->api, "/api/v1/services gate yett ");
    for (size_t i = 0; i < ARRAY_LEN(without); i++)
        fake_reflector_tell(watch, without[i]);
    fake_reflector_delete(watch, "yett");
    assert_int_equal(bench->times, 0);
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

#define POD(name, node, ready)                                                                 \
    "{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"app\":\"yett\",\"pod-template-hash\":" \
    "\"x\",\"part\":\"gate\"}},\"spec\":{\"nodeName\":\"" node "\"},\"status\":{\"phase\":"    \
    "\"Running\",\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\"},{\"type\":"    \
    "\"Ready\",\"status\":\"" ready "\"}]}}"
#define NODE(internal, external)                                                       \
    "{\"status\":{\"addresses\":[{\"type\":\"Hostname\",\"address\":\"n\"},{\"type\":" \
    "\"InternalIP\",\"address\":\"" internal "\"}" external "]}}"
#define EXTERNAL(ip) ",{\"type\":\"ExternalIP\",\"address\":\"" ip "\"}"

static struct reflector *open_nodes(struct bench *bench, bool internal)
{
    open_with(bench, (struct status_addresses_options){ .nodes = { .namespace = SPAN("gate"),
                                                                   .pod = SPAN("p1"),
                                                                   .internal = internal,
                                                                   .interval_ms = INTERVAL_MS } });
    struct api_call *call = fake_api_call(&bench->api);
    assert_string_equal(call->path, "/api/v1/namespaces/gate/pods/p1");
    fake_api_answer(&bench->api, call, 200, POD("p1", "n1", "True"));
    struct reflector *pods =
        fake_api_reflector(&bench->api, "/api/v1/pods gate  app=yett,part=gate");
    assert_non_null(pods);
    return pods;
}

static void node_answer(struct bench *bench, const char *path, const char *node)
{
    struct api_call *call = fake_api_call(&bench->api);

    assert_non_null(call);
    assert_string_equal(call->path, path);
    fake_api_answer(&bench->api, call, node ? 200 : 404, node ? node : "");
}

static void test_the_nodes_of_ready_pods(void **state)
{
    struct bench *bench = *state;
    struct reflector *pods = open_nodes(bench, false);

    fake_reflector_tell(pods, POD("p1", "n1", "True"));
    fake_reflector_tell(pods, POD("p2", "n1", "True"));
    fake_reflector_tell(pods, POD("p3", "n2", "False"));
    pods->events->on_synced(pods->ctx);
    fake_api_wait(&bench->api, 0);
    node_answer(bench, "/api/v1/nodes/n1", NODE("10.0.0.1", EXTERNAL("1.1.1.1") EXTERNAL("fd::1")));
    assert_null(fake_api_call(&bench->api));
    assert_string_equal(bench->told, "[{\"ip\":\"1.1.1.1\"},{\"ip\":\"fd::1\"}]");

    fake_reflector_tell(pods, POD("p3", "n2", "True"));
    fake_api_wait(&bench->api, 0);
    node_answer(bench, "/api/v1/nodes/n2", NODE("10.0.0.2", ""));
    assert_string_equal(bench->told,
                        "[{\"ip\":\"1.1.1.1\"},{\"ip\":\"10.0.0.2\"},{\"ip\":\"fd::1\"}]");

    fake_reflector_delete(pods, "p1");
    fake_api_wait(&bench->api, 0);
    assert_int_equal(bench->times, 2); /* p2 is on that node still */
    fake_reflector_delete(pods, "p2");
    fake_api_wait(&bench->api, 0);
    assert_string_equal(bench->told, "[{\"ip\":\"10.0.0.2\"}]");
    fake_reflector_delete(pods, "p3");
    fake_api_wait(&bench->api, 0);
    assert_int_equal(bench->times, 3); /* none at all: nothing is taken away */
}

static void test_internal_addresses(void **state)
{
    struct bench *bench = *state;
    struct reflector *pods = open_nodes(bench, true);

    fake_reflector_tell(pods, POD("p1", "n1", "True"));
    pods->events->on_synced(pods->ctx);
    fake_api_wait(&bench->api, 0);
    node_answer(bench, "/api/v1/nodes/n1", NODE("10.0.0.1", EXTERNAL("1.1.1.1")));
    assert_string_equal(bench->told, "[{\"ip\":\"10.0.0.1\"}]");
}

static void test_nodes_are_read_again(void **state)
{
    struct bench *bench = *state;
    struct reflector *pods = open_nodes(bench, false);

    fake_reflector_tell(pods, POD("p1", "n1", "True"));
    fake_reflector_tell(pods, POD("p2", "n2", "True"));
    pods->events->on_synced(pods->ctx);
    fake_api_wait(&bench->api, 0);
    fake_api_answer(&bench->api, fake_api_call(&bench->api), 0, ""); /* the server is away */
    fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, NODE("10.0.0.2", ""));
    assert_int_equal(bench->times, 0); /* a part of them is not told */
    fake_api_wait(&bench->api, NODE_ADDRESSES_RETRY_MS + 20);
    fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, NODE("10.0.0.1", ""));
    assert_string_equal(bench->told, "[{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"}]");
    fake_api_wait(&bench->api, INTERVAL_MS + 20);
    assert_int_equal(fake_api_calls(&bench->api), 1);
    fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, NODE("10.0.0.9", ""));
    while (fake_api_call(&bench->api))
        fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, NODE("10.0.0.9", ""));
    fake_api_wait(&bench->api, NODE_ADDRESSES_RETRY_MS + 20);
    while (fake_api_call(&bench->api))
        fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, NODE("10.0.0.9", ""));
    assert_string_equal(bench->told, "[{\"ip\":\"10.0.0.9\"}]");
}

static void test_our_pod_is_asked_for_until_it_is_there(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct status_addresses_options){ .nodes = { .namespace = SPAN("gate"),
                                                                   .pod = SPAN("p1"),
                                                                   .interval_ms = INTERVAL_MS } });
    fake_api_answer(&bench->api, fake_api_call(&bench->api), 403, "");
    assert_null(fake_api_call(&bench->api));
    fake_api_wait(&bench->api, NODE_ADDRESSES_RETRY_MS + 20);
    node_answer(bench, "/api/v1/namespaces/gate/pods/p1", "{\"metadata\":{}}");
    /* Without labels, it alone is a replica. */
    assert_non_null(fake_api_reflector(&bench->api, "/api/v1/pods gate p1 "));
}

static void test_nobody_knows(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct status_addresses_options){ 0 });
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_int_equal(bench->times, 0);
    assert_null(fake_api_call(&bench->api));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_fixed),
        CASE(test_what_the_flag_may_name),
        CASE(test_a_service),
        CASE(test_a_service_without_address_takes_nothing_away),
        CASE(test_the_nodes_of_ready_pods),
        CASE(test_internal_addresses),
        CASE(test_nodes_are_read_again),
        CASE(test_our_pod_is_asked_for_until_it_is_there),
        CASE(test_nobody_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
