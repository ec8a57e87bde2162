#include "control/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scope.h"
#include "fake_api.h"
#include "kube/decode.h"
#include "kube/load_balancer.h"

enum { INTERVAL_MS = 60000 };

#define CLASSES                                                                              \
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: ours}\nspec: "   \
    "{controller: yett.dev/ingress-controller}\n---\n"                                       \
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: theirs}\nspec: " \
    "{controller: example.com/other}\n---\n"
#define INGRESS(name, uid, class, status)                                                   \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " name ", uid: " uid \
    "}\nspec: {ingressClassName: " class "}\nstatus: {loadBalancer: {ingress: [" status     \
                                         "]}}\n---\n"
#define PATH(name) "/apis/networking.k8s.io/v1/namespaces/default/ingresses/" name "/status"

struct bench {
    struct fake_api api;
    struct source source;
    struct ingress_options options;
    struct kube_bundle *bundle;
    struct status *status;
    int cleared;
};

static void show(struct bench *bench, const char *yaml)
{
    kube_store_deinit(&bench->source.store);
    kube_store_init(&bench->source.store);
    kube_bundle_free(bench->bundle);
    bench->bundle = kube_bundle_decode(span_from_str(yaml), SPAN_EMPTY);
    vec_for_each (object, &bench->bundle->objects)
        assert_null(kube_store_put(&bench->source.store, object));
}

/* As the source tells of an Ingress that came or changed. */
static void touch(struct bench *bench, const char *name)
{
    const struct kube_object *ingress =
        kube_store_find(&bench->source.store, KUBE_INGRESS, SPAN("default"), span_from_str(name));
    struct source_change change;

    assert_non_null(ingress);
    source_change_init(&change);
    source_change_add(&change, ingress);
    status_on_change(bench->status, &change);
    source_change_deinit(&change);
}

static void addresses_set(struct bench *bench, const char *ip)
{
    struct address_list list;

    address_list_init(&list);
    address_list_add_text(&list, span_from_str(ip));
    status_set_addresses(bench->status, &list);
    address_list_deinit(&list);
    fake_api_wait(&bench->api, 0);
}

static int setup(void **state)
{
    static struct bench bench;

    bench = (struct bench){ .options = ingress_options_default() };
    fake_api_open(&bench.api);
    kube_store_init(&bench.source.store);
    bench.status =
        status_new(bench.api.loop, bench.api.client, &bench.source, &bench.options, INTERVAL_MS);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    bench->status = status_free(bench->status);
    fake_api_close(&bench->api);
    kube_store_deinit(&bench->source.store);
    kube_bundle_free(bench->bundle);
    return 0;
}

static void begin(struct bench *bench, const char *yaml)
{
    show(bench, yaml);
    status_set_active(bench->status, true);
    addresses_set(bench, "10.0.0.1");
}

static void expect(struct bench *bench, const char *path, const char *body, uint32_t status)
{
    struct api_call *call = fake_api_call(&bench->api);

    assert_non_null(call);
    assert_int_equal(call->method, API_PATCH);
    assert_string_equal(call->content_type, "application/merge-patch+json");
    assert_string_equal(call->path, path);
    if (body)
        assert_string_equal(call->body, body);
    fake_api_answer(&bench->api, call, status, "{}");
}

static void test_what_is_ours_and_differs_is_written(void **state)
{
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", "") INGRESS("b", "u2", "theirs", "")
                     INGRESS("c", "u3", "ours", "{ip: 10.0.0.1, ports: [{port: 80}]}"));
    expect(bench, PATH("a"),
           "{\"metadata\":{\"uid\":\"u1\"},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":"
           "\"10.0.0.1\"}]}}}",
           200);
    assert_null(fake_api_call(&bench->api));
    show(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}"));
    fake_api_wait(&bench->api, 10 * INTERVAL_MS);
    assert_null(fake_api_call(&bench->api));
    assert_int_equal(status_facts(bench->status).writes, 1);
}

static void test_nothing_is_written_by_a_follower(void **state)
{
    struct bench *bench = *state;

    show(bench, CLASSES INGRESS("a", "u1", "ours", ""));
    addresses_set(bench, "10.0.0.1");
    touch(bench, "a");
    status_on_status(bench->status, &bench->bundle->objects.items[2]);
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_null(fake_api_call(&bench->api));
    status_set_active(bench->status, true);
    fake_api_wait(&bench->api, 0);
    assert_non_null(fake_api_call(&bench->api));
    status_set_active(bench->status, false); /* what is in flight ends with it */
    assert_null(fake_api_call(&bench->api));
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_null(fake_api_call(&bench->api));
}

static void test_nothing_is_written_before_an_address_is_known(void **state)
{
    struct bench *bench = *state;

    show(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.9.9.9}"));
    status_set_active(bench->status, true);
    touch(bench, "a");
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_null(fake_api_call(&bench->api));
}

static void test_an_ingress_that_is_ours_no_more_is_left_alone(void **state)
{
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}"));
    show(bench, CLASSES INGRESS("a", "u1", "theirs", "{ip: 10.0.0.1}"));
    touch(bench, "a");
    addresses_set(bench, "10.0.0.2");
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_null(fake_api_call(&bench->api));
}

static void test_new_addresses_reach_all(void **state)
{
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}"));
    for (unsigned i = 2; i < 9; i++) { /* each is another content: no dispute */
        char address[32], body[256];
        snprintf(address, sizeof(address), "10.0.0.%u", i);
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"uid\":\"u1\"},\"status\":{\"loadBalancer\":{\"ingress\":[{"
                 "\"ip\":\"%s\"}]}}}",
                 address);
        addresses_set(bench, address);
        expect(bench, PATH("a"), body, 200);
    }
    assert_int_equal(status_facts(bench->status).contended, 0);
}

/* How long until the next write; fails past `limit_ms`. */
static uint64_t wait_for_call(struct bench *bench, uint64_t limit_ms)
{
    uint64_t waited_ms = 0;

    for (; !fake_api_call(&bench->api); waited_ms += 500) {
        assert_true(waited_ms <= limit_ms);
        fake_api_wait(&bench->api, 500);
    }
    return waited_ms;
}

static void test_what_was_lost_is_put_back(void **state)
{
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}"));
    show(bench, CLASSES INGRESS("a", "u1", "ours", ""));
    status_on_status(bench->status, &bench->bundle->objects.items[2]);
    expect(bench, PATH("a"), NULL, 200); /* at once */
    assert_null(fake_api_call(&bench->api));
}

static void test_it_does_not_fight(void **state)
{
    struct bench *bench = *state;
    uint64_t last_ms = 0;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", "{hostname: theirs.example}"));
    for (int i = 0; i < 14; i++) {
        uint64_t waited_ms = wait_for_call(bench, STATUS_REST_MAX_MS + 1000);
        assert_true(waited_ms + 1000 >= MIN(2 * last_ms, (uint64_t)STATUS_REST_MAX_MS));
        last_ms = waited_ms;
        expect(bench, PATH("a"), NULL, 200);
        /* The other one changes it again, and the watch tells of it. */
        status_on_status(bench->status, &bench->bundle->objects.items[2]);
        fake_api_wait(&bench->api, 0);
        assert_null(fake_api_call(&bench->api));
    }
    assert_true(last_ms >= STATUS_REST_MAX_MS - 1000);
    assert_int_equal(status_facts(bench->status).contended, 1);

    /* The other one gave up: it is forgotten. */
    show(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}"));
    fake_api_wait(&bench->api, STATUS_REST_MAX_MS + STATUS_QUIET_MS + 1000);
    assert_int_equal(status_facts(bench->status).contended, 0);
}

static void test_our_own_write_is_waited_for(void **state)
{
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", ""));
    expect(bench, PATH("a"), NULL, 200);
    touch(bench, "a"); /* changed by its author, and as yet without what we wrote */
    fake_api_wait(&bench->api, STATUS_REST_MS / 2);
    assert_null(fake_api_call(&bench->api));
}

static void test_failures_of_one(void **state)
{
    static const uint32_t statuses[] = { 403, 409, 422 };
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", ""));
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        assert_true(wait_for_call(bench, 60000) >= (i ? STATUS_REST_MS - 500u : 0));
        expect(bench, PATH("a"), NULL, statuses[i]);
        assert_null(fake_api_call(&bench->api));
    }
    assert_int_equal(status_facts(bench->status).failures, 3);
    wait_for_call(bench, 60000);
    expect(bench, PATH("a"), NULL, 404); /* gone */
    show(bench, CLASSES);
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_null(fake_api_call(&bench->api));
}

static void test_a_server_that_does_not_answer_is_left_in_peace(void **state)
{
    static const uint32_t statuses[] = { 0, 429, 500, 503 };
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", ""));
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        expect(bench, PATH("a"), NULL, statuses[i]);
        fake_api_wait(&bench->api, STATUS_PAUSE_MS - 20);
        assert_null(fake_api_call(&bench->api));
        fake_api_wait(&bench->api, 40);
    }
    expect(bench, PATH("a"), NULL, 200);
    assert_int_equal(status_facts(bench->status).writes, 1);
}

enum { MANY = 3000 };

static void show_many(struct bench *bench)
{
    SCOPED(buf_deinit) struct buf yaml = { 0 };

    buf_append(&yaml, SPAN(CLASSES));
    for (int i = 0; i < MANY; i++)
        buf_printf(&yaml,
                   "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i%d, uid: "
                   "u%d}\nspec: {ingressClassName: ours}\n---\n",
                   i, i);
    buf_append_byte(&yaml, '\0');
    show(bench, yaml.ptr);
}

/* The watch tells of what was written. */
static void echo(struct bench *bench, const struct api_call *call)
{
    struct span path = span_from_str(call->path);
    struct span name =
        span_from(span_upto(path, span_rfind(path, '/')), strlen(PATH("")) - strlen("/status"));

    vec_for_each (object, &bench->bundle->objects) {
        if (span_eq(object->name, name))
            object->ingress.load_balancer = kube_load_balancer_add(0, SPAN("10.0.0.1"), SPAN_EMPTY);
    }
}

static void test_many_are_written_a_few_at_a_time(void **state)
{
    struct bench *bench = *state;
    uint64_t begin_ms = loop_now_ms(bench->api.loop), written = 0;

    show_many(bench);
    status_set_active(bench->status, true);
    addresses_set(bench, "10.0.0.1");
    while (written < MANY) {
        assert_true(fake_api_calls(&bench->api) <= STATUS_IN_FLIGHT_MAX);
        if (!fake_api_call(&bench->api)) {
            fake_api_wait(&bench->api, LOOP_TICK_MS);
            continue;
        }
        echo(bench, fake_api_call(&bench->api));
        fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, "{}");
        written++;
        uint64_t passed_ms = loop_now_ms(bench->api.loop) - begin_ms;
        assert_true(written <= STATUS_BURST + passed_ms / STATUS_TOKEN_MS);
        assert_true(passed_ms < 2 * MANY * STATUS_TOKEN_MS);
    }
    assert_int_equal(status_facts(bench->status).waiting, 0);
}

static void test_what_just_came_does_not_wait_for_the_rest(void **state)
{
    struct bench *bench = *state;

    show_many(bench);
    status_set_active(bench->status, true);
    addresses_set(bench, "10.0.0.1");
    fake_api_answer(&bench->api, fake_api_call(&bench->api), 200, "{}");
    SCOPED(buf_deinit) struct buf yaml = { 0 };
    buf_append(&yaml, SPAN(CLASSES INGRESS("new", "n", "ours", "")));
    for (int i = 0; i < MANY; i++)
        buf_printf(&yaml,
                   "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i%d, uid: "
                   "u%d}\nspec: {ingressClassName: ours}\n---\n",
                   i, i);
    buf_append_byte(&yaml, '\0');
    show(bench, yaml.ptr);
    touch(bench, "new");
    for (size_t i = 0; i <= STATUS_IN_FLIGHT_MAX; i++) {
        struct api_call *call = fake_api_call(&bench->api);
        if (strcmp(call->path, PATH("new")) == 0)
            return;
        fake_api_answer(&bench->api, call, 200, "{}");
    }
    fail_msg("the new one waits behind the others");
}

static void on_cleared(void *ctx)
{
    struct bench *bench = ctx;

    bench->cleared++;
}

static void test_clearing_takes_out_only_what_is_ours(void **state)
{
    struct bench *bench = *state;

    begin(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}")
                     INGRESS("b", "u2", "theirs", "{ip: 10.0.0.1}")
                         INGRESS("c", "u3", "ours", "{ip: 10.9.9.9}"));
    assert_int_equal(fake_api_calls(&bench->api), 1); /* c differs: that is not ended for it */
    status_clear(bench->status, on_cleared, bench);
    fake_api_wait(&bench->api, 0);
    assert_int_equal(bench->cleared, 0);
    expect(bench, PATH("a"),
           "{\"metadata\":{\"uid\":\"u1\"},\"status\":{\"loadBalancer\":{\"ingress\":[]}}}", 200);
    assert_int_equal(bench->cleared, 1);
    fake_api_wait(&bench->api, INTERVAL_MS * 2);
    assert_null(fake_api_call(&bench->api));
    assert_int_equal(bench->cleared, 1);
}

static void test_a_follower_clears_nothing(void **state)
{
    struct bench *bench = *state;

    show(bench, CLASSES INGRESS("a", "u1", "ours", "{ip: 10.0.0.1}"));
    addresses_set(bench, "10.0.0.1");
    status_clear(bench->status, on_cleared, bench);
    assert_int_equal(bench->cleared, 1);
    assert_null(fake_api_call(&bench->api));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_ours_and_differs_is_written),
        CASE(test_nothing_is_written_by_a_follower),
        CASE(test_nothing_is_written_before_an_address_is_known),
        CASE(test_an_ingress_that_is_ours_no_more_is_left_alone),
        CASE(test_new_addresses_reach_all),
        CASE(test_what_was_lost_is_put_back),
        CASE(test_it_does_not_fight),
        CASE(test_our_own_write_is_waited_for),
        CASE(test_failures_of_one),
        CASE(test_a_server_that_does_not_answer_is_left_in_peace),
        CASE(test_many_are_written_a_few_at_a_time),
        CASE(test_what_just_came_does_not_wait_for_the_rest),
        CASE(test_clearing_takes_out_only_what_is_ours),
        CASE(test_a_follower_clears_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
