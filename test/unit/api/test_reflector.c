#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/backoff.h"
#include "api/reflector.h"
#include "base/mem.h"
#include "base/scope.h"
#include "fake_client.h"

/* What a reflector tells, as words: "listing +a@5 -b synced …". */
struct fixture {
    struct loop *loop;
    uint64_t now_ms;
    struct reflector *reflector;
    struct buf told;
    unsigned troubles, unreadable;
    const char *free_at; /* frees the reflector when this is told */
};

static void told(struct fixture *fixture, const char *what, struct span name, struct span version)
{
    if (fixture->told.len)
        buf_append_byte(&fixture->told, ' ');
    buf_printf(&fixture->told, "%s" SPAN_FMT, what, SPAN_ARG(name));
    if (version.len)
        buf_printf(&fixture->told, "@" SPAN_FMT, SPAN_ARG(version));
    if (fixture->free_at && strcmp(fixture->free_at, what) == 0)
        fixture->reflector = reflector_free(fixture->reflector);
}

static void on_listing(void *ctx)
{
    told(ctx, "listing", SPAN_EMPTY, SPAN_EMPTY);
}

static void on_object(void *ctx, const struct reflector_object *object)
{
    told(ctx, "+", object->name, object->resource_version);
}

static void on_deleted(void *ctx, const struct reflector_object *object)
{
    told(ctx, "-", object->name, object->resource_version);
}

static void on_synced(void *ctx)
{
    told(ctx, "synced", SPAN_EMPTY, SPAN_EMPTY);
}

static void on_unreadable(void *ctx, struct span what)
{
    assert_true(what.len > 0);
    ((struct fixture *)ctx)->unreadable++;
}

static void on_trouble(void *ctx)
{
    ((struct fixture *)ctx)->troubles++;
}

static const struct reflector_events events = {
    on_listing, on_object, on_deleted, on_synced, on_unreadable, on_trouble,
};

static void turn(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(fixture->loop, 0), 0);
}

static void pass(struct fixture *fixture, uint64_t ms)
{
    fixture->now_ms += ms;
    loop_clock_set_manual(fixture->loop, fixture->now_ms);
    turn(fixture);
}

/* How long it waits until it calls, up to `max_ms`. */
static uint64_t wait_ms(struct fixture *fixture, uint64_t max_ms)
{
    uint64_t began = fixture->now_ms;

    while (fake_calls() == 0 && fixture->now_ms - began <= max_ms)
        pass(fixture, 1);
    return fixture->now_ms - began;
}

static void expect(struct fixture *fixture, const char *text)
{
    if (!span_eq(buf_span(&fixture->told), span_from_str(text)))
        fail_msg("told " SPAN_FMT ", not %s", SPAN_ARG(buf_span(&fixture->told)), text);
    fixture->told.len = 0;
}

static struct fake_call only_call(const char *part)
{
    assert_int_equal(fake_calls(), 1);
    return fake_call_with(part);
}

static int setup(void **state)
{
    static const struct reflector_target target = { SPAN("/api/v1"), SPAN("services"), SPAN(""),
                                                    SPAN(""), SPAN("") };
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    assert_int_equal(loop_new(&fixture->loop), 0);
    fixture->now_ms = 1000000;
    loop_clock_set_manual(fixture->loop, fixture->now_ms);
    fixture->reflector = reflector_new(fixture->loop, NULL, &target, &events, fixture);
    assert_int_equal(fake_calls(), 0);
    pass(fixture, 20);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    fixture->reflector = reflector_free(fixture->reflector);
    fake_client_reset();
    loop_free(fixture->loop);
    buf_deinit(&fixture->told);
    mem_free(fixture);
    return 0;
}

#define EVENT(type, name, version)                                      \
    "{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name \
    "\",\"namespace\":\"n\",\"resourceVersion\":\"" version "\"}}}\n"
#define BOOKMARK(version) \
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version "\"}}}\n"
#define INITIAL_END(version)                                                          \
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version \
    "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define ERROR(code) \
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"oh\",\"code\":" code "}}\n"
#define ITEM(name, version) \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define PAGE(version, token, items)                                                              \
    "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" token \
    "\"},\"items\":[" items "]}"

/* A streaming list of one object, up to version 10, and the watch that goes on from it. */
static struct fake_call stream(struct fixture *fixture)
{
    struct fake_call call = only_call("sendInitialEvents=true");

    fake_open(call);
    fake_body(call, EVENT("ADDED", "a", "5") INITIAL_END("10"));
    expect(fixture, "listing +a@5 synced");
    assert_true(reflector_facts(fixture->reflector)->is_in_step);
    return call;
}

/* The server has no streaming lists: the call for the first page. */
static struct fake_call refuse_stream(struct fixture *fixture)
{
    fake_end_status(only_call("sendInitialEvents"), 422, "sendInitialEvents is forbidden");
    fixture->told.len = 0;
    return only_call("?limit=500");
}

/* ---- listing -----------------------------------------------------------------------------------
 */

static void a_streaming_list_goes_on_as_a_watch(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);

    assert_true(call.stall_ms >= 90 * 1000 && call.stall_ms <= 120 * 1000);
    assert_true(call.timeout_ms >= 330 * 1000 && call.timeout_ms <= 630 * 1000);
    fake_body(call, EVENT("MODIFIED", "a", "11") EVENT("DELETED", "a", "12"));
    expect(fixture, "+a@11 -a@12");
    assert_int_equal(fake_calls_started(), 1);
}

static void a_streaming_list_that_is_cut_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = only_call("sendInitialEvents");

    fake_open(call);
    fake_body(call, EVENT("ADDED", "a", "5"));
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_CUT });
    assert_false(reflector_facts(fixture->reflector)->is_synced);
    (void)wait_ms(fixture, 1000);
    expect(fixture, "listing +a@5 listing");
    fake_body(only_call("sendInitialEvents"), INITIAL_END("10"));
    expect(fixture, "synced");
}

static void pages_follow_where_streams_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = refuse_stream(fixture);

    fake_body(call, PAGE("7", "t1", ITEM("a", "3") "," ITEM("b", "4")));
    fake_end(call);
    expect(fixture, "+a@3 +b@4");
    call = only_call("?limit=500&continue=t1");
    fake_body(call, PAGE("7", "", ITEM("c", "5")));
    expect(fixture, "+c@5");
    fake_end(call);
    expect(fixture, "synced");
    call = only_call("watch=1");
    assert_non_null(strstr(call.path, "resourceVersion=7"));
    assert_null(strstr(call.path, "sendInitialEvents"));
    assert_false(reflector_facts(fixture->reflector)->is_in_step);
    fake_open(call);
    assert_true(reflector_facts(fixture->reflector)->is_in_step);
}

static void a_server_that_does_not_know_streams_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = only_call("sendInitialEvents");

    fake_body(call, EVENT("ADDED", "a", "5") BOOKMARK("6") EVENT("ADDED", "b", "7"));
    expect(fixture, "listing +a@5");
    pass(fixture, 10);
    (void)only_call("?limit=500");
    expect(fixture, "listing");
}

static void a_page_that_is_cut_is_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = refuse_stream(fixture);

    fake_body(call, PAGE("7", "t1", ITEM("a", "3")));
    fake_end(call);
    call = only_call("continue=t1");
    fake_body(call, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" ITEM("b", "4") ",");
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_CUT });
    (void)wait_ms(fixture, 1000);
    call = only_call("continue=t1");
    fake_body(call, PAGE("7", "", ITEM("b", "4")));
    fake_end(call);
    expect(fixture, "+a@3 +b@4 +b@4 synced");
}

static void what_is_no_page_is_asked_for_again(void **state)
{
    static const char *const bad[] = {
        "<html>welcome</html>",
        "{\"metadata\":{},\"items\":[]}",
        "{\"items\":[]}",
        "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[",
        "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"a\\u0062\"},\"items\":[]}",
        "",
    };
    struct fixture *fixture = *state;

    (void)refuse_stream(fixture);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fake_call call = only_call("?limit=500");
        fake_body(call, bad[i]);
        fake_end(call);
        (void)wait_ms(fixture, 60000);
    }
    assert_false(reflector_facts(fixture->reflector)->is_synced);
    assert_true(reflector_facts(fixture->reflector)->message.len > 0);
}

/* What changed between the two versions of an inconsistent list would never be told. */
static void a_list_that_expires_between_pages_comes_in_one(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = refuse_stream(fixture);

    fake_body(call, PAGE("7", "t1", ITEM("a", "3")));
    fake_end(call);
    expect(fixture, "+a@3");
    fake_end_status(only_call("continue=t1"), 410, "The provided continue parameter is too old");
    (void)wait_ms(fixture, 1000);
    call = only_call("?limit=0");
    assert_null(strstr(call.path, "continue"));
    fake_body(call, PAGE("20", "", ITEM("b", "4")));
    fake_end(call);
    expect(fixture, "listing +b@4 synced");
    (void)only_call("resourceVersion=20");
}

/* ---- resuming ----------------------------------------------------------------------------------
 */

static void a_cut_watch_resumes_from_the_last_event(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);

    fake_body(call, EVENT("MODIFIED", "a", "11") "{\"type\":\"MODI");
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_CUT, .status = 200 });
    assert_false(reflector_facts(fixture->reflector)->is_in_step);
    assert_in_range(wait_ms(fixture, 1000), API_BACKOFF_FIRST_MS, 3 * API_BACKOFF_FIRST_MS + 10);
    call = only_call("resourceVersion=11");
    fake_open(call);
    assert_true(reflector_facts(fixture->reflector)->is_in_step);
    fake_body(call, EVENT("MODIFIED", "a", "12"));
    expect(fixture, "+a@11 +a@12");
    assert_int_equal(reflector_facts(fixture->reflector)->lists, 1);
}

static void a_bookmark_moves_the_version_on(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);

    fake_body(call, BOOKMARK("77"));
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_TIMED_OUT, .status = 200 });
    (void)wait_ms(fixture, 1000);
    (void)only_call("resourceVersion=77");
    expect(fixture, "");
}

static void a_watch_that_ends_by_its_time_is_no_trouble(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);
    unsigned troubles = fixture->troubles;

    pass(fixture, 300 * 1000);
    fake_end(call);
    call = only_call("resourceVersion=10"); /* at once */
    assert_true(reflector_facts(fixture->reflector)->is_in_step);
    fake_open(call);
    assert_int_equal(fixture->troubles, troubles);
    assert_int_equal(reflector_facts(fixture->reflector)->failures, 0);
}

static void watches_that_end_at_once_are_not_hammered(void **state)
{
    struct fixture *fixture = *state;
    size_t started;

    fake_end(stream(fixture));
    started = fake_calls_started();
    for (int i = 0; i < 600; i++) { /* a minute */
        if (fake_calls()) {
            struct fake_call call = fake_call_at(0);
            fake_open(call);
            fake_end(call);
        }
        pass(fixture, 100);
    }
    assert_true(fake_calls_started() - started < 25);
}

/* ---- expiry ------------------------------------------------------------------------------------
 */

static void gone_lists_anew(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);

    fake_body(call, ERROR("410") EVENT("ADDED", "ghost", "99"));
    fake_end(call);
    (void)wait_ms(fixture, 1000);
    expect(fixture, "listing");
    call = only_call("sendInitialEvents");
    assert_null(strstr(call.path, "resourceVersion="));
    assert_true(reflector_facts(fixture->reflector)->is_synced);
    fake_body(call, EVENT("ADDED", "b", "8") INITIAL_END("20"));
    expect(fixture, "+b@8 synced");
}

static void gone_as_a_status_lists_anew(void **state)
{
    struct fixture *fixture = *state;

    fake_end_reply(stream(fixture), (struct api_reply){ .result = API_CALL_CUT, .status = 200 });
    (void)wait_ms(fixture, 1000);
    fake_end_status(only_call("resourceVersion=10"), 410, "too old resource version");
    (void)wait_ms(fixture, 1000);
    (void)only_call("sendInitialEvents");
    expect(fixture, "listing");
}

static void a_version_from_the_future_lists_anew(void **state)
{
    struct fixture *fixture = *state;

    fake_end_reply(stream(fixture), (struct api_reply){ .result = API_CALL_CUT, .status = 200 });
    (void)wait_ms(fixture, 1000);
    fake_end_status(only_call("resourceVersion=10"), 504,
                    "Timeout: Too large resource version: 10, current: 4");
    (void)wait_ms(fixture, 1000);
    (void)only_call("sendInitialEvents");
}

static void gone_after_a_long_time_is_listed_soon(void **state)
{
    struct fixture *fixture = *state;

    /* A start with trouble, which leaves a long wait behind. */
    for (int i = 0; i < 20; i++) {
        fake_end_reply(fake_call_at(0), (struct api_reply){ .result = API_CALL_UNREACHABLE });
        (void)wait_ms(fixture, 60000);
    }
    fixture->told.len = 0;
    struct fake_call call = only_call("sendInitialEvents");
    fake_open(call);
    fake_body(call, INITIAL_END("10"));
    pass(fixture, REFLECTOR_STABLE_MS + 1);
    fake_body(call, ERROR("410"));
    fake_end(call);
    assert_true(wait_ms(fixture, 60000) <= 3 * API_BACKOFF_FIRST_MS + 10);
}

/* The outage left a long wait behind; the version that expired in it was no fault of anybody's. */
static void gone_after_an_outage_is_listed_soon(void **state)
{
    struct fixture *fixture = *state;

    fake_end_reply(stream(fixture), (struct api_reply){ .result = API_CALL_CUT, .status = 200 });
    for (int i = 0; i < 40; i++) {
        (void)wait_ms(fixture, 60000);
        fake_end_status(only_call("resourceVersion=10"), 503, "not yet");
    }
    (void)wait_ms(fixture, 60000);
    struct fake_call call = only_call("resourceVersion=10");
    fake_open(call);
    fake_body(call, ERROR("410"));
    fake_end(call);
    assert_true(wait_ms(fixture, 60000) <= 3 * API_BACKOFF_FIRST_MS + 10);
}

/* Facts never point to a text that is gone (the sanitizer sees it). */
static void a_longer_message_does_not_harm_the_facts(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(buf_deinit) struct buf line = { 0 };

    fake_end_reply(only_call("sendInitialEvents"),
                   (struct api_reply){ .result = API_CALL_UNREACHABLE, .message = SPAN("short") });
    (void)wait_ms(fixture, 60000);
    buf_printf(&line, "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"");
    for (int i = 0; i < 900; i++)
        buf_append_byte(&line, 'x');
    buf_printf(&line, "\"}}\n");
    fake_body_span(only_call("sendInitialEvents"), buf_span(&line));
    fake_end(fake_call_at(0));
    struct span message = reflector_facts(fixture->reflector)->message;
    assert_true(message.len > 0 && message.ptr[message.len - 1] != '\0');
}

/* One that expires as soon as it was listed must not have us list without end. */
static void what_expires_at_once_is_listed_ever_more_rarely(void **state)
{
    struct fixture *fixture = *state;
    size_t started = fake_calls_started();

    for (int i = 0; i < 1200; i++) { /* two minutes */
        if (fake_calls()) {
            struct fake_call call = fake_call_at(0);
            fake_open(call);
            fake_body(call, INITIAL_END("10") ERROR("410"));
            fake_end(call);
        }
        pass(fixture, 100);
    }
    assert_true(fake_calls_started() - started < 30);
}

static void errors_without_end_lead_to_another_list(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);

    for (int i = 0; i < 5; i++) {
        assert_non_null(call.call);
        fake_body(call, ERROR("500"));
        fake_end(call);
        assert_int_equal(reflector_facts(fixture->reflector)->status, 500);
        assert_true(span_eq(reflector_facts(fixture->reflector)->message, SPAN("oh")));
        (void)wait_ms(fixture, 60000);
        call = fake_call_at(0);
    }
    (void)only_call("sendInitialEvents");
}

/* ---- trouble -----------------------------------------------------------------------------------
 */

static void the_server_says_when_to_come_back(void **state)
{
    struct fixture *fixture = *state;

    fake_end_reply(only_call("sendInitialEvents"),
                   (struct api_reply){ .result = API_CALL_STATUS,
                                       .status = 429,
                                       .retry_after_ms = 7000,
                                       .message = SPAN("too many") });
    assert_int_equal(reflector_facts(fixture->reflector)->status, 429);
    reflector_hurry(fixture->reflector, API_BACKOFF_FIRST_MS);
    assert_in_range(wait_ms(fixture, 60000), 7000, 7000 + 7000 / 4 + 20);
}

static void no_rights_is_asked_for_slowly(void **state)
{
    struct fixture *fixture = *state;
    size_t started = fake_calls_started();

    for (int i = 0; i < 1200; i++) { /* two minutes */
        if (fake_calls())
            fake_end_status(fake_call_at(0), 403, "services is forbidden");
        pass(fixture, 100);
    }
    assert_true(fake_calls_started() - started <= 25);
    unsigned troubles = fixture->troubles;
    assert_in_range(troubles, 3, 6); /* the first, second, fourth, … */
    assert_int_equal(reflector_facts(fixture->reflector)->status, 403);
    (void)wait_ms(fixture, 60000);
    fixture->told.len = 0;
    fake_body(only_call("sendInitialEvents"), INITIAL_END("10"));
    expect(fixture, "synced");
    assert_int_equal(fixture->troubles, troubles + 1);
    assert_int_equal(reflector_facts(fixture->reflector)->result, API_CALL_OK);
}

static void another_failure_is_told_and_the_same_is_not(void **state)
{
    static const struct {
        const char *message;
        bool is_news;
    } steps[] = {
        { "refused by port 6443 after 1 ms", true },
        { "refused by port 6443 after 20 ms", true }, /* for the second time */
        { "refused by port 6443 after 30 ms", false },
        { "refused by port 6443 after 30 ms", true }, /* for the fourth */
        { "the certificate has expired", true },
        { "refused by port 6443 after 3 ms", true },
        { "refused by port 6443 after 3 ms", true },
        { "refused by port 6443 after 3 ms", false },
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        unsigned before = fixture->troubles;
        fake_end_reply(fake_call_at(0),
                       (struct api_reply){ .result = API_CALL_UNREACHABLE,
                                           .message = span_from_str(steps[i].message) });
        assert_int_equal(fixture->troubles - before, steps[i].is_news);
        (void)wait_ms(fixture, 60000);
    }
}

/* An API server that starts knows nobody's rights for a moment. */
static void refused_after_it_was_in_step_is_asked_for_soon(void **state)
{
    struct fixture *fixture = *state;

    fake_end_reply(stream(fixture), (struct api_reply){ .result = API_CALL_CUT });
    (void)wait_ms(fixture, 1000);
    fake_end_status(only_call("resourceVersion=10"), 403, "no");
    assert_true(wait_ms(fixture, 60000) < 1000);
}

static void a_silent_server_is_asked_every_few_seconds(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 30; i++) {
        fake_end_reply(fake_call_at(0), (struct api_reply){ .result = API_CALL_UNREACHABLE });
        assert_true(wait_ms(fixture, 60000) <= REFLECTOR_SILENCE_MS + 10);
    }
}

static void others_success_shortens_the_wait(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 30; i++) {
        fake_end_reply(fake_call_at(0), (struct api_reply){ .result = API_CALL_UNREACHABLE });
        (void)wait_ms(fixture, 60000);
    }
    fake_end_reply(fake_call_at(0), (struct api_reply){ .result = API_CALL_UNREACHABLE });
    reflector_hurry(fixture->reflector, API_BACKOFF_FIRST_MS);
    assert_true(wait_ms(fixture, 60000) <= API_BACKOFF_FIRST_MS + 10);
}

static void nonsense_is_told_and_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);

    fake_body(call, "<html>\n{\"type\":\"NEWS\",\"object\":{}}\n{\"type\":\"ADDED\"}\n");
    assert_int_equal(fixture->unreadable, 3);
    fake_body(call, "{\"type\":\"ADDED\",\"object\":[]}\n" EVENT("ADDED", "b", "30"));
    expect(fixture, "+ +b@30");
    assert_int_equal(reflector_facts(fixture->reflector)->unreadable, 3);
}

static void an_oversized_event_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);
    char block[64 << 10];

    memset(block, 'x', sizeof(block));
    fake_body(call, "{\"type\":\"ADDED\",\"object\":{\"x\":\"");
    for (size_t sent = 0; sent <= REFLECTOR_EVENT_MAX; sent += sizeof(block))
        fake_body_span(call, span_of(block, sizeof(block)));
    fake_body(call, "\"}}\n" EVENT("ADDED", "b", "30"));
    expect(fixture, "+b@30");
    assert_int_equal(fixture->unreadable, 1);
}

static void an_absurd_version_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = stream(fixture);
    struct buf line = { 0 };

    buf_printf(&line, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"");
    for (int i = 0; i < 1000; i++)
        buf_append_byte(&line, '9');
    buf_printf(&line, "\"}}}\n");
    fake_body_span(call, buf_span(&line));
    buf_deinit(&line);
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_CUT });
    (void)wait_ms(fixture, 1000);
    assert_true(span_ends_with(span_from_str(only_call("watch=1").path), SPAN("=10")));
}

/* ---- its end -----------------------------------------------------------------------------------
 */

static void it_may_be_freed_by_whatever_it_tells(void **state)
{
    static const char *const words[] = { "listing", "+", "-", "synced" };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        fixture->reflector = reflector_free(fixture->reflector);
        fixture->free_at = words[i];
        fixture->told.len = 0;
        static const struct reflector_target target = { SPAN("/api/v1"), SPAN("services"), SPAN(""),
                                                        SPAN(""), SPAN("") };
        fixture->reflector = reflector_new(fixture->loop, NULL, &target, &events, fixture);
        pass(fixture, 20);
        if (fake_calls())
            fake_body(fake_call_at(0), EVENT("DELETED", "x", "1") EVENT("ADDED", "a", "2")
                                           INITIAL_END("3") EVENT("ADDED", "b", "4"));
        assert_null(fixture->reflector);
        assert_int_equal(fake_calls(), 0);
        struct span told = buf_span(&fixture->told);
        assert_true(span_contains(told, span_from_str(words[i])));
        assert_false(span_contains(told, SPAN("+b")));
    }
}

static void it_may_be_freed_by_the_end_of_a_page(void **state)
{
    struct fixture *fixture = *state;
    struct fake_call call = refuse_stream(fixture);

    fixture->free_at = "synced";
    fake_body(call, PAGE("7", "", ITEM("a", "3")));
    fake_end(call);
    assert_null(fixture->reflector);
    assert_int_equal(fake_calls(), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_streaming_list_goes_on_as_a_watch),
        CASE(a_streaming_list_that_is_cut_begins_anew),
        CASE(pages_follow_where_streams_are_refused),
        CASE(a_server_that_does_not_know_streams_is_noticed),
        CASE(a_page_that_is_cut_is_asked_for_again),
        CASE(what_is_no_page_is_asked_for_again),
        CASE(a_list_that_expires_between_pages_comes_in_one),
        CASE(a_cut_watch_resumes_from_the_last_event),
        CASE(a_bookmark_moves_the_version_on),
        CASE(a_watch_that_ends_by_its_time_is_no_trouble),
        CASE(watches_that_end_at_once_are_not_hammered),
        CASE(gone_lists_anew),
        CASE(gone_as_a_status_lists_anew),
        CASE(a_version_from_the_future_lists_anew),
        CASE(gone_after_a_long_time_is_listed_soon),
        CASE(gone_after_an_outage_is_listed_soon),
        CASE(a_longer_message_does_not_harm_the_facts),
        CASE(what_expires_at_once_is_listed_ever_more_rarely),
        CASE(errors_without_end_lead_to_another_list),
        CASE(the_server_says_when_to_come_back),
        CASE(no_rights_is_asked_for_slowly),
        CASE(another_failure_is_told_and_the_same_is_not),
        CASE(refused_after_it_was_in_step_is_asked_for_soon),
        CASE(a_silent_server_is_asked_every_few_seconds),
        CASE(others_success_shortens_the_wait),
        CASE(nonsense_is_told_and_passed_over),
        CASE(an_oversized_event_is_passed_over),
        CASE(an_absurd_version_is_not_taken),
        CASE(it_may_be_freed_by_whatever_it_tells),
        CASE(it_may_be_freed_by_the_end_of_a_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
