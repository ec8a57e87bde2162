#include "control/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_api.h"
#include "kube/decode.h"

#define LEASE(version, holder)                                                                   \
    "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"spec\":{\"holderIdentity\":\"" holder \
    "\",\"leaseDurationSeconds\":30}}"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/gate/leases"
#define STATUS "/apis/networking.k8s.io/v1/namespaces/default/ingresses/web/status"
#define POD    "/api/v1/namespaces/gate/pods/me"
#define CLUSTER                                                                            \
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: ours}\nspec: " \
    "{controller: yett.dev/ingress-controller}\n---\n"                                     \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, uid: u}\n"     \
    "spec: {ingressClassName: ours}\n"

struct bench {
    struct fake_api api;
    struct source source;
    struct ingress_options ingress;
    struct kube_bundle *bundle;
    struct writer *writer;
    int ended;
};

static int setup(void **state)
{
    static struct bench bench;

    bench = (struct bench){ .ingress = ingress_options_default() };
    fake_api_open(&bench.api);
    kube_store_init(&bench.source.store);
    bench.bundle = kube_bundle_decode(SPAN(CLUSTER), SPAN_EMPTY);
    vec_for_each (object, &bench.bundle->objects)
        assert_null(kube_store_put(&bench.source.store, object));
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    bench->writer = writer_free(bench->writer);
    assert_null(bench->source.on_status);
    fake_api_close(&bench->api);
    kube_store_deinit(&bench->source.store);
    kube_bundle_free(bench->bundle);
    return 0;
}

static void open_with(struct bench *bench, struct writer_options options)
{
    options.election_id = SPAN("l");
    options.election_ttl_ms = 30000;
    options.status_interval_ms = 60000;
    options.status_address = SPAN("10.0.0.1");
    options.pod_namespace = SPAN("gate");
    options.pod_name = SPAN("me");
    bench->writer =
        writer_new(bench->api.loop, bench->api.client, &bench->source, &bench->ingress, &options);
    fake_api_wait(&bench->api, 20);
}

static void expect(struct bench *bench, enum api_method method, const char *path, uint32_t status,
                   const char *body)
{
    struct api_call *call = fake_api_call(&bench->api);

    assert_non_null(call);
    assert_int_equal(call->method, method);
    assert_string_equal(call->path, path);
    fake_api_answer(&bench->api, call, status, body);
}

static void lead(struct bench *bench)
{
    expect(bench, API_GET, LEASES "/l", 404, "");
    expect(bench, API_POST, LEASES, 201, LEASE("1", "me"));
    assert_true(writer_facts(bench->writer).is_leading);
}

/* Leads, and the one Ingress has its status. */
static void lead_and_write(struct bench *bench)
{
    lead(bench);
    expect(bench, API_PATCH, STATUS, 200, "{}");
    struct address_list list;
    address_list_init(&list);
    address_list_add_text(&list, SPAN("10.0.0.1"));
    bench->bundle->objects.items[1].ingress.load_balancer = address_list_hash(&list);
    address_list_deinit(&list);
    assert_null(fake_api_call(&bench->api));
}

static void on_ended(void *ctx)
{
    struct bench *bench = ctx;

    bench->ended++;
}

static void test_it_writes_while_it_leads(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct writer_options){ .elects = true, .has_status = true });
    lead_and_write(bench);
    for (uint64_t ms = 0; writer_facts(bench->writer).is_leading; ms += 20) { /* cut off */
        assert_true(ms < 30000);
        fake_api_wait(&bench->api, 20);
        if (fake_api_call(&bench->api))
            expect(bench, API_PATCH, LEASES "/l", 0, "");
    }
    bench->bundle->objects.items[1].ingress.load_balancer = 0;
    assert_non_null(bench->source.on_status);
    bench->source.on_status(bench->source.on_status_ctx, &bench->bundle->objects.items[1]);
    assert_null(fake_api_call(&bench->api));
}

static void test_without_election_it_is_silent(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct writer_options){ .has_status = true });
    fake_api_wait(&bench->api, 120000);
    assert_null(fake_api_call(&bench->api));
    writer_end(bench->writer, on_ended, bench);
    assert_int_equal(bench->ended, 1);
}

static void test_an_end_lets_go_of_the_lease(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct writer_options){ .elects = true, .has_status = true });
    lead_and_write(bench);
    writer_end(bench->writer, on_ended, bench);
    assert_int_equal(bench->ended, 0);
    expect(bench, API_PATCH, LEASES "/l", 200, LEASE("2", ""));
    assert_int_equal(bench->ended, 1);
    assert_null(fake_api_call(&bench->api));
}

static void test_an_end_does_not_wait_for_ever(void **state)
{
    struct bench *bench = *state;

    open_with(bench, (struct writer_options){ .elects = true });
    lead(bench);
    writer_end(bench->writer, on_ended, bench);
    fake_api_wait(&bench->api, WRITER_END_MS - 20);
    assert_int_equal(bench->ended, 0);
    fake_api_wait(&bench->api, 40);
    assert_int_equal(bench->ended, 1);
}

static struct bench *end_clearing(struct bench *bench)
{
    open_with(bench,
              (struct writer_options){ .elects = true, .has_status = true, .clears_status = true });
    lead_and_write(bench);
    writer_end(bench->writer, on_ended, bench);
    expect(bench, API_GET, POD, 200, "{\"metadata\":{\"labels\":{\"app\":\"x\"}}}");
    return bench;
}

#define SELECTED "/api/v1/namespaces/gate/pods?labelSelector=app%3Dx"
#define REPLICA(name, more) \
    "{\"metadata\":{\"name\":\"" name "\"" more "},\"status\":{\"phase\":\"Running\"}}"

static void test_the_last_one_clears_and_then_lets_go(void **state)
{
    struct bench *bench = end_clearing(*state);

    expect(
        bench, API_GET, SELECTED, 200,
        "{\"items\":[" REPLICA("me", "") "," REPLICA("old", ",\"deletionTimestamp\":\"x\"") "]}");
    expect(bench, API_PATCH, STATUS, 200, "{}");
    assert_int_equal(bench->ended, 0);
    expect(bench, API_PATCH, LEASES "/l", 200, LEASE("2", ""));
    assert_int_equal(bench->ended, 1);
}

static void test_one_of_several_clears_nothing(void **state)
{
    struct bench *bench = end_clearing(*state);

    expect(bench, API_GET, SELECTED, 200,
           "{\"items\":[" REPLICA("me", "") "," REPLICA("other", "") "]}");
    expect(bench, API_PATCH, LEASES "/l", 200, LEASE("2", ""));
    assert_int_equal(bench->ended, 1);
}

static void test_one_that_cannot_know_clears_nothing(void **state)
{
    struct bench *bench = end_clearing(*state);

    expect(bench, API_GET, SELECTED, 403, "");
    expect(bench, API_PATCH, LEASES "/l", 200, LEASE("2", ""));
    assert_int_equal(bench->ended, 1);
}

/* What is served when we begin to lead is told of, unless somebody led before. */
static void test_syncs(void **state)
{
    struct bench *bench = *state;
    struct source_change change;

    open_with(bench, (struct writer_options){ .elects = true, .has_sync_events = true });
    source_change_init(&change);
    source_change_add(&change, &bench->bundle->objects.items[1]);
    bench->bundle->objects.items[1].created_s = INT64_MAX; /* just now */
    writer_on_change(bench->writer, &change);
    writer_on_serving(bench->writer);
    lead(bench);
    expect(bench, API_POST, "/api/v1/namespaces/default/events", 201, "{}");
    writer_on_change(bench->writer, &change);
    assert_null(fake_api_call(&bench->api)); /* it is not served yet */
    writer_on_serving(bench->writer);
    fake_api_wait(&bench->api, EVENTS_SYNC_REST_MS / 2);
    source_change_deinit(&change);
    while (fake_api_call(&bench->api))
        expect(bench, API_PATCH, LEASES "/l", 200, LEASE("1", "me"));
    assert_int_equal(writer_facts(bench->writer).events.writes, 1); /* counted up later */
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_it_writes_while_it_leads),
        CASE(test_without_election_it_is_silent),
        CASE(test_an_end_lets_go_of_the_lease),
        CASE(test_an_end_does_not_wait_for_ever),
        CASE(test_the_last_one_clears_and_then_lets_go),
        CASE(test_one_of_several_clears_nothing),
        CASE(test_one_that_cannot_know_clears_nothing),
        CASE(test_syncs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
