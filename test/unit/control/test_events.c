#include "control/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/scope.h"
#include "control/event_limits.h"
#include "fake_api.h"
#include "kube/decode.h"

#define CLASS                                                                              \
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: ours}\nspec: " \
    "{controller: yett.dev/ingress-controller}\n---\n"
#define INGRESS(name, uid, more)                                                            \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " name ", uid: " uid \
    ", resourceVersion: '7'}\nspec: {ingressClassName: ours" more "}\n---\n"
#define SECRET(name) "apiVersion: v1\nkind: Secret\nmetadata: {name: " name "}\n---\n"
#define EVENTS       "/api/v1/namespaces/default/events"

struct bench {
    struct fake_api api;
    struct source source;
    struct ingress_options options;
    struct kube_bundle *bundle;
    struct diag_list diags[2]; /* by turns: the list before is borrowed until the next is told */
    int newest;
    struct events *events;
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

static int setup(void **state)
{
    static struct bench bench;

    bench = (struct bench){ .options = ingress_options_default() };
    fake_api_open(&bench.api);
    kube_store_init(&bench.source.store);
    for (size_t i = 0; i < ARRAY_LEN(bench.diags); i++)
        diag_list_init(&bench.diags[i]);
    bench.events =
        events_new(bench.api.loop, bench.api.client, &bench.source, &bench.options, SPAN("me"));
    show(&bench, CLASS INGRESS("web", "u1", "") INGRESS("shop", "u2", ""));
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    bench->events = events_free(bench->events);
    fake_api_close(&bench->api);
    kube_store_deinit(&bench->source.store);
    kube_bundle_free(bench->bundle);
    for (size_t i = 0; i < ARRAY_LEN(bench->diags); i++)
        diag_list_deinit(&bench->diags[i]);
    return 0;
}

static void find(struct bench *bench, const char *kind, const char *name, const char *message)
{
    struct diag diag = {
        .severity = DIAG_WARNING,
        .code = DIAG_SERVICE_MISSING,
        .kind = span_from_str(kind),
        .namespace = SPAN("default"),
        .name = span_from_str(name),
        .field = SPAN("spec.x"),
        .message = span_from_str(message),
        .mend = SPAN("do this"),
    };

    diag_add(&bench->diags[bench->newest], &diag);
}

/* Tells of what was found since; the list before is gone for good. */
static void tell(struct bench *bench)
{
    events_on_diags(bench->events, &bench->diags[bench->newest]);
    bench->newest = !bench->newest;
    diag_list_deinit(&bench->diags[bench->newest]);
    diag_list_init(&bench->diags[bench->newest]);
}

static void tell_one(struct bench *bench, const char *message)
{
    find(bench, "Ingress", "web", message);
    tell(bench);
}

static const char *expect(struct bench *bench, enum api_method method, uint32_t status,
                          const char *body)
{
    static char sent[4096];
    struct api_call *call = fake_api_call(&bench->api);

    assert_non_null(call);
    assert_int_equal(call->method, method);
    if (method == API_POST)
        assert_string_equal(call->path, EVENTS);
    else
        assert_int_equal(strncmp(call->path, EVENTS "/web.", strlen(EVENTS "/web.")), 0);
    snprintf(sent, sizeof(sent), "%s", call->body);
    fake_api_answer(&bench->api, call, status, body);
    return sent;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

static void test_a_finding_becomes_an_event(void **state)
{
    struct bench *bench = *state;

    events_begin(bench->events, false);
    tell_one(bench, "there is no Service");
    const char *sent = expect(bench, API_POST, 201, "{}");
    assert_has(sent, "\"kind\":\"Event\",\"metadata\":{\"name\":\"web.");
    assert_has(sent, "\"involvedObject\":{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":"
                     "\"Ingress\",\"namespace\":\"default\",\"name\":\"web\",\"uid\":\"u1\","
                     "\"resourceVersion\":\"7\"}");
    assert_has(sent, "\"type\":\"Warning\",\"reason\":\"ServiceMissing\",\"message\":\"spec.x: "
                     "there is no Service. To mend it: do this\"");
    assert_has(sent, "\"count\":1}");
    assert_null(fake_api_call(&bench->api));
    assert_int_equal(events_facts(bench->events).writes, 1);
}

static void test_notes_and_flags_have_none(void **state)
{
    struct bench *bench = *state;
    struct diag note = { .severity = DIAG_NOTE, .kind = SPAN("Ingress"), .name = SPAN("web") };
    struct diag flag = { .severity = DIAG_WARNING, .field = SPAN("--configmap") };

    events_begin(bench->events, false);
    diag_add(&bench->diags[0], &note);
    diag_add(&bench->diags[0], &flag);
    find(bench, "Ingress", "gone", "an object that is not there");
    tell(bench);
    assert_null(fake_api_call(&bench->api));
}

/* Waits until there is a call; fails past `limit_ms`. */
static uint64_t wait_for_call(struct bench *bench, uint64_t limit_ms)
{
    uint64_t waited_ms = 0;

    for (; !fake_api_call(&bench->api); waited_ms += 1000) {
        assert_true(waited_ms <= limit_ms);
        fake_api_wait(&bench->api, 1000);
    }
    return waited_ms;
}

static void test_what_persists_is_counted_ever_more_rarely(void **state)
{
    static const uint64_t minutes[] = { 5, 10, 20, 40, 40, 40 };
    struct bench *bench = *state;
    char count[32];

    events_begin(bench->events, false);
    tell_one(bench, "it is so");
    expect(bench, API_POST, 201, "{}");
    for (size_t i = 0; i < ARRAY_LEN(minutes); i++) {
        tell_one(bench, "it is so"); /* each compile says it again */
        assert_in_range(wait_for_call(bench, 3600000), minutes[i] * 60000 - 1000,
                        minutes[i] * 60000 + 1000);
        const char *sent = expect(bench, API_PATCH, 200, "{}");
        snprintf(count, sizeof(count), "\"count\":%d}", (int)i + 2);
        assert_has(sent, count);
    }
}

static void test_a_hundred_times_to_and_fro_is_a_few_writes(void **state)
{
    struct bench *bench = *state;
    int writes = 0;

    events_begin(bench->events, false);
    for (int i = 0; i < 100; i++) {
        tell_one(bench, "it flaps");
        fake_api_wait(&bench->api, 500);
        tell(bench);
        fake_api_wait(&bench->api, 500);
        for (; fake_api_call(&bench->api); writes++)
            expect(bench, API_POST, 201, "{}");
    }
    assert_int_equal(writes, 1);
    tell_one(bench, "it flaps");
    wait_for_call(bench, EVENTS_REST_MS);
    assert_has(expect(bench, API_PATCH, 200, "{}"), "\"count\":101}");
}

static void test_what_is_mended_is_not_told_again(void **state)
{
    struct bench *bench = *state;

    events_begin(bench->events, false);
    tell_one(bench, "it was so");
    expect(bench, API_POST, 201, "{}");
    tell(bench);
    fake_api_wait(&bench->api, EVENTS_REST_MAX_MS);
    assert_null(fake_api_call(&bench->api));
}

static void event_of_ago(char *text, size_t size, int64_t ago_s, int count)
{
    char at[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(clock_wall_ns() - (uint64_t)ago_s * 1000000000, at);
    snprintf(text, size, "{\"count\":%d,\"lastTimestamp\":\"%.19sZ\"}", count, at);
}

static void test_one_that_is_there_is_gone_on_with(void **state)
{
    struct bench *bench = *state;
    char event[128];

    events_begin(bench->events, false);
    tell_one(bench, "it is so");
    expect(bench, API_POST, 409, "");
    event_of_ago(event, sizeof(event), 60, 7);
    expect(bench, API_GET, 200, event);
    assert_null(fake_api_call(&bench->api)); /* a minute ago: that is enough */
    assert_in_range(wait_for_call(bench, 3600000), 230000, 250000);
    assert_has(expect(bench, API_PATCH, 200, "{}"), "\"count\":8}");
}

static void test_one_that_is_old_is_counted_up_at_once(void **state)
{
    struct bench *bench = *state;
    char event[128];

    events_begin(bench->events, false);
    tell_one(bench, "it is so again");
    expect(bench, API_POST, 409, "");
    event_of_ago(event, sizeof(event), 1800, 7);
    expect(bench, API_GET, 200, event);
    assert_has(expect(bench, API_PATCH, 200, "{}"), "\"count\":8}");
}

static void test_one_that_was_forgotten_is_made_again(void **state)
{
    struct bench *bench = *state;

    events_begin(bench->events, false);
    tell_one(bench, "it is so");
    expect(bench, API_POST, 201, "{}");
    wait_for_call(bench, 3600000);
    expect(bench, API_PATCH, 404, "");
    assert_has(expect(bench, API_POST, 201, "{}"), "\"count\":1}");
}

static void test_an_object_made_anew_has_its_own(void **state)
{
    struct bench *bench = *state;
    char first[512];

    events_begin(bench->events, false);
    tell_one(bench, "it is so");
    snprintf(first, sizeof(first), "%.80s", expect(bench, API_POST, 201, "{}"));
    show(bench, CLASS INGRESS("web", "u9", ""));
    wait_for_call(bench, 3600000);
    const char *sent = expect(bench, API_POST, 201, "{}");
    assert_has(sent, "\"uid\":\"u9\"");
    assert_int_not_equal(strncmp(sent, first, 80), 0); /* another name */
}

enum { MANY = 2000 };

static void find_many(struct bench *bench)
{
    char message[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(message, sizeof(message), "finding %d", i);
        find(bench, "Ingress", i % 2 ? "web" : "shop", message);
    }
}

static void test_many_about_one_object_are_kept_back(void **state)
{
    struct bench *bench = *state;
    int writes = 0;

    events_begin(bench->events, false);
    find_many(bench);
    tell(bench);
    for (int i = 0; i < 600; i++) {
        assert_true(fake_api_calls(&bench->api) <= EVENTS_IN_FLIGHT_MAX);
        for (; fake_api_call(&bench->api); writes++)
            fake_api_answer(&bench->api, fake_api_call(&bench->api), 201, "{}");
        fake_api_wait(&bench->api, 100);
    }
    assert_int_equal(writes, 2 * EVENT_OBJECT_BURST);
    assert_true(events_facts(bench->events).dropped > 0);
}

static void test_many_objects_are_told_in_time(void **state)
{
    struct bench *bench = *state;
    SCOPED(buf_deinit) struct buf yaml = { 0 };
    uint64_t begin_ms = loop_now_ms(bench->api.loop);
    char name[32];
    int writes = 0;

    buf_append(&yaml, SPAN(CLASS));
    for (int i = 0; i < 500; i++)
        buf_printf(&yaml, INGRESS("i%d", "u%d", ""), i, i);
    buf_append_byte(&yaml, '\0');
    show(bench, yaml.ptr);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "i%d", i);
        find(bench, "Ingress", name, "it is so");
    }
    tell(bench);
    events_begin(bench->events, false);
    for (; writes < 500; writes++) {
        wait_for_call(bench, 3000);
        fake_api_answer(&bench->api, fake_api_call(&bench->api), 201, "{}");
        uint64_t passed_ms = loop_now_ms(bench->api.loop) - begin_ms;
        assert_true((uint64_t)writes <= EVENT_BURST + passed_ms / EVENT_TOKEN_MS);
    }
}

static void test_a_follower_is_silent_and_its_lead_does_not_repeat(void **state)
{
    struct bench *bench = *state;

    tell_one(bench, "an old one");
    fake_api_wait(&bench->api, EVENTS_TOLD_MS + 1000);
    assert_null(fake_api_call(&bench->api));
    find(bench, "Ingress", "web", "an old one");
    find(bench, "Ingress", "web", "a new one");
    tell(bench);
    events_begin(bench->events, true);
    assert_has(expect(bench, API_POST, 201, "{}"), "a new one");
    assert_null(fake_api_call(&bench->api));
    fake_api_wait(&bench->api, EVENTS_REST_MS - 1000);
    assert_null(fake_api_call(&bench->api));

    events_end(bench->events);
    fake_api_wait(&bench->api, EVENTS_REST_MAX_MS * 2);
    assert_null(fake_api_call(&bench->api));
}

static void test_what_is_new_goes_first(void **state)
{
    struct bench *bench = *state;

    find_many(bench);
    tell(bench);
    events_begin(bench->events, false);
    find_many(bench);
    show(bench, CLASS INGRESS("web", "u1", "") INGRESS("shop", "u2", "") INGRESS("new", "n", ""));
    find(bench, "Ingress", "new", "just found");
    tell(bench);
    for (int i = 0; i <= EVENTS_IN_FLIGHT_MAX; i++) {
        if (strstr(fake_api_call(&bench->api)->body, "just found"))
            return;
        fake_api_answer(&bench->api, fake_api_call(&bench->api), 201, "{}");
    }
    fail_msg("the new one waits behind the others");
}

static void test_a_secret_is_told_of_at_its_ingress(void **state)
{
    struct bench *bench = *state;

    show(bench, CLASS INGRESS("other", "u0", "") INGRESS("web", "u1", ", tls: [{secretName: s}]")
                    SECRET("s") SECRET("lonely"));
    events_begin(bench->events, false);
    find(bench, "Secret", "s", "the key does not fit");
    tell(bench);
    const char *sent = expect(bench, API_POST, 201, "{}");
    assert_has(sent, "\"kind\":\"Ingress\",\"namespace\":\"default\",\"name\":\"web\"");
    assert_has(sent, "\"message\":\"Secret s: spec.x: the key does not fit. To mend");
    find(bench, "Secret", "lonely", "it is bad");
    tell(bench);
    assert_has(expect(bench, API_POST, 201, "{}"),
               "\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"namespace\":\"default\",\"name\":"
               "\"lonely\"");
}

static void test_failures(void **state)
{
    struct bench *bench = *state;

    events_begin(bench->events, false);
    tell_one(bench, "it is so");
    expect(bench, API_POST, 0, ""); /* the server is away */
    assert_null(fake_api_call(&bench->api));
    assert_true(wait_for_call(bench, EVENTS_PAUSE_MS + 1000) >= EVENTS_PAUSE_MS - 1000);
    expect(bench, API_POST, 403, "");
    assert_int_equal(events_facts(bench->events).failures, 2);
    assert_true(wait_for_call(bench, 3600000) >= EVENTS_REST_MS - 1000);
    expect(bench, API_POST, 201, "{}");
}

static void test_a_message_is_cut_between_characters(void **state)
{
    struct bench *bench = *state;
    char message[EVENT_MESSAGE_MAX * 2 + 1];

    for (size_t i = 0; i < EVENT_MESSAGE_MAX; i++)
        memcpy(message + 2 * i, "\xc3\xa4", 2); /* ä */
    message[sizeof(message) - 1] = '\0';
    events_begin(bench->events, false);
    tell_one(bench, message);
    const char *sent = expect(bench, API_POST, 201, "{}");
    assert_null(strstr(sent, "\xef\xbf\xbd")); /* U+FFFD */
    assert_has(sent, "\xc3\xa4\",\"source\"");
}

static void test_sync(void **state)
{
    struct bench *bench = *state;

    events_begin(bench->events, false);
    events_on_sync(bench->events, SPAN("default"), SPAN("web"));
    const char *sent = expect(bench, API_POST, 201, "{}");
    assert_has(sent, "\"type\":\"Normal\",\"reason\":\"Sync\"");
    for (int i = 0; i < 50; i++) {
        events_on_sync(bench->events, SPAN("default"), SPAN("web"));
        assert_null(fake_api_call(&bench->api));
    }
    assert_in_range(wait_for_call(bench, 3600000), EVENTS_SYNC_REST_MS - 1000,
                    EVENTS_SYNC_REST_MS + 1000);
    assert_has(expect(bench, API_PATCH, 200, "{}"), "\"count\":51}");
    fake_api_wait(&bench->api, EVENTS_REST_MAX_MS);
    assert_null(fake_api_call(&bench->api));
}

static void test_syncs_without_end_are_dropped(void **state)
{
    struct bench *bench = *state;
    char name[32];

    events_begin(bench->events, false);
    for (int i = 0; i < EVENTS_SYNC_MAX * 3; i++) {
        snprintf(name, sizeof(name), "gone%d", i);
        events_on_sync(bench->events, SPAN("default"), span_from_str(name));
    }
    assert_true(events_facts(bench->events).waiting <= EVENTS_SYNC_MAX);
    assert_true(events_facts(bench->events).dropped >= EVENTS_SYNC_MAX);
    fake_api_wait(&bench->api, (uint64_t)EVENTS_SYNC_MAX * EVENT_SYNC_TOKEN_MS);
    assert_null(fake_api_call(&bench->api)); /* there are no such Ingresses */
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_finding_becomes_an_event),
        CASE(test_notes_and_flags_have_none),
        CASE(test_what_persists_is_counted_ever_more_rarely),
        CASE(test_a_hundred_times_to_and_fro_is_a_few_writes),
        CASE(test_what_is_mended_is_not_told_again),
        CASE(test_one_that_is_there_is_gone_on_with),
        CASE(test_one_that_is_old_is_counted_up_at_once),
        CASE(test_one_that_was_forgotten_is_made_again),
        CASE(test_an_object_made_anew_has_its_own),
        CASE(test_many_about_one_object_are_kept_back),
        CASE(test_many_objects_are_told_in_time),
        CASE(test_a_follower_is_silent_and_its_lead_does_not_repeat),
        CASE(test_what_is_new_goes_first),
        CASE(test_a_secret_is_told_of_at_its_ingress),
        CASE(test_failures),
        CASE(test_a_message_is_cut_between_characters),
        CASE(test_sync),
        CASE(test_syncs_without_end_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
