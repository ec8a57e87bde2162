#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/scope.h"
#include "fake.h"

#define WEB    FAKE_APP("web", "web.example", "10.0.0.1")
#define SLICES (1u << KUBE_ENDPOINT_SLICE)

static void test_change_becomes_an_image(void **state)
{
    struct fake *fake = *state;

    fake_change(fake, WEB, 0);
    SCOPED(image_view_unrefp) struct image_view *view = fake_published(fake);
    assert_non_null(view);
    assert_string_equal(fake_endpoint(view, "web.example"), "10.0.0.1");
    assert_null(reconcile_serving(fake->reconcile)); /* not before every worker has it */
    assert_int_equal(reconcile_facts(fake->reconcile)->generation, 0);

    fake_answer(fake, PROC_PUBLISHED, view->generation);
    const struct reconcile_facts *facts = reconcile_facts(fake->reconcile);
    assert_int_equal(facts->generation, view->generation);
    assert_true(facts->last_ok);
    assert_int_equal(facts->successes, 1);
    assert_int_equal(facts->apply_count, 1);
    assert_int_not_equal(facts->config_hash, 0);
    assert_int_equal(reconcile_serving(fake->reconcile)->generation, view->generation);
}

static void test_nothing_at_all_is_published_too(void **state)
{
    assert_int_not_equal(fake_serve(*state, ""), 0);
}

static void test_same_bytes_are_not_published(void **state)
{
    struct fake *fake = *state;

    assert_int_not_equal(fake_serve(fake, WEB), 0);
    assert_int_equal(fake_serve(fake, WEB), 0);
    assert_int_not_equal(fake_serve(fake, WEB FAKE_APP("api", "api.example", "10.0.0.2")), 0);
}

static void test_one_in_flight_and_the_latest_wins(void **state)
{
    struct fake *fake = *state;

    fake_change(fake, WEB, 0);
    SCOPED(image_view_unrefp) struct image_view *first = fake_published(fake);
    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.2"), 0);
    assert_null(fake_published(fake));
    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.3"), 0);
    assert_null(fake_published(fake));

    fake_answer(fake, PROC_PUBLISHED, first->generation);
    SCOPED(image_view_unrefp) struct image_view *second = fake_published(fake);
    assert_string_equal(fake_endpoint(second, "web.example"), "10.0.0.3");
    fake_answer(fake, PROC_PUBLISHED, second->generation);
    assert_null(fake_published(fake));
    assert_int_equal(reconcile_facts(fake->reconcile)->successes, 2);
}

static void test_rejection_leaves_what_runs(void **state)
{
    struct fake *fake = *state;
    uint64_t good = fake_serve(fake, WEB);

    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.2"), 0);
    SCOPED(image_view_unrefp) struct image_view *bad = fake_published(fake);
    fake_answer(fake, PROC_REJECTED, bad->generation);
    const struct reconcile_facts *facts = reconcile_facts(fake->reconcile);
    assert_int_equal(facts->generation, good);
    assert_int_equal(reconcile_serving(fake->reconcile)->generation, good);
    assert_false(facts->last_ok);
    assert_int_equal(facts->failures, 1);
    assert_int_equal(facts->config_hash, 0);

    /* Back to what runs: the workers are to hear of it all the same. */
    assert_true(fake_serve(fake, WEB) > bad->generation);
    assert_true(facts->last_ok);
    assert_string_equal(fake_endpoint(reconcile_serving(fake->reconcile), "web.example"),
                        "10.0.0.1");
}

static void test_endpoints_go_the_short_way(void **state)
{
    struct fake *fake = *state;

    assert_int_not_equal(fake_serve(fake, WEB), 0);
    const struct route_model *model = reconcile_model(fake->reconcile);
    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.9"), SLICES);
    SCOPED(image_view_unrefp) struct image_view *view = fake_published(fake);
    assert_non_null(view);
    assert_string_equal(fake_endpoint(view, "web.example"), "10.0.0.9");
    assert_ptr_equal(reconcile_model(fake->reconcile), model); /* nothing was compiled anew */
    fake_answer(fake, PROC_PUBLISHED, view->generation);

    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.9"), SLICES);
    assert_null(fake_published(fake));
}

static void test_mixed_while_in_flight_takes_the_long_way(void **state)
{
    struct fake *fake = *state;

    fake_change(fake, WEB, 0);
    SCOPED(image_view_unrefp) struct image_view *first = fake_published(fake);
    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.2"), SLICES);
    fake_change(fake, FAKE_APP("web", "www.example", "10.0.0.2"), 1u << KUBE_INGRESS);
    fake_answer(fake, PROC_PUBLISHED, first->generation);
    SCOPED(image_view_unrefp) struct image_view *second = fake_published(fake);
    assert_string_equal(fake_endpoint(second, "www.example"), "10.0.0.2");
    assert_string_equal(fake_endpoint(second, "web.example"), "");
}

static void assert_serves(const struct fake *fake, uint64_t generation, const char *endpoint)
{
    assert_int_equal(reconcile_facts(fake->reconcile)->generation, generation);
    assert_int_equal(reconcile_serving(fake->reconcile)->generation, generation);
    assert_string_equal(fake_endpoint(reconcile_serving(fake->reconcile), "web.example"), endpoint);
}

/* Workers keep dying of an image that all of them had taken. */
static void test_published_image_is_rolled_back(void **state)
{
    struct fake *fake = *state;
    const struct reconcile_facts *facts = reconcile_facts(fake->reconcile);
    uint64_t good = fake_serve(fake, WEB);
    uint64_t bad = fake_serve(fake, FAKE_APP("web", "web.example", "10.0.0.2"));

    assert_serves(fake, bad, "10.0.0.2");
    fake_answer(fake, PROC_REJECTED, bad);
    assert_serves(fake, good, "10.0.0.1");
    assert_false(facts->last_ok);
    assert_int_equal(facts->failures, 1);
    assert_int_equal(facts->config_hash, 0);

    fake_answer(fake, PROC_REJECTED, bad); /* once is enough */
    assert_serves(fake, good, "10.0.0.1");
    assert_int_equal(facts->failures, 1);

    uint64_t next = fake_serve(fake, FAKE_APP("web", "web.example", "10.0.0.3"));
    assert_true(next > bad);
    assert_serves(fake, next, "10.0.0.3");
    assert_true(facts->last_ok);
}

/* …while the next one is on its way: that one is not the one to blame. */
static void test_published_image_is_rolled_back_under_the_next(void **state)
{
    struct fake *fake = *state;
    uint64_t good = fake_serve(fake, WEB);
    uint64_t bad = fake_serve(fake, FAKE_APP("web", "web.example", "10.0.0.2"));

    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.3"), 0);
    SCOPED(image_view_unrefp) struct image_view *next = fake_published(fake);
    fake_answer(fake, PROC_REJECTED, bad);
    assert_serves(fake, good, "10.0.0.1");
    fake_answer(fake, PROC_PUBLISHED, next->generation);
    assert_serves(fake, next->generation, "10.0.0.3");
    assert_true(reconcile_facts(fake->reconcile)->last_ok);
}

/* Until someone mends what workers die of, new endpoints do not cost a worker each. */
static void test_endpoints_wait_after_a_rejection(void **state)
{
    struct fake *fake = *state;

    loop_clock_set_manual(fake->loop, 1000);
    fake_serve(fake, WEB);
    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.2"), 0);
    SCOPED(image_view_unrefp) struct image_view *bad = fake_published(fake);
    fake_answer(fake, PROC_REJECTED, bad->generation);

    for (unsigned waited_ms = 0; waited_ms < RECONCILE_HOLD_MS; waited_ms += 1000) {
        loop_clock_set_manual(fake->loop, 1000 + waited_ms);
        fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.3"), SLICES);
        assert_null(fake_published(fake));
    }
    loop_clock_set_manual(fake->loop, 1000 + RECONCILE_HOLD_MS + 2 * LOOP_TICK_MS);
    SCOPED(image_view_unrefp) struct image_view *again = fake_published(fake);
    assert_non_null(again);
    assert_string_equal(fake_endpoint(again, "web.example"), "10.0.0.3");

    fake_answer(fake, PROC_REJECTED, again->generation);
    fake_change(fake, FAKE_APP("web", "web.example", "10.0.0.4"), SLICES);
    assert_null(fake_published(fake));
    assert_int_not_equal(fake_serve(fake, FAKE_APP("web", "www.example", "10.0.0.4")), 0);

    fake_change(fake, FAKE_APP("web", "www.example", "10.0.0.5"), SLICES); /* all is well again */
    SCOPED(image_view_unrefp) struct image_view *next = fake_published(fake);
    assert_non_null(next);
}

/* A controller that took over, and knows no image before the one that it found. */
static void test_rolled_back_to_what_is_not_known(void **state)
{
    struct fake *fake = *state;

    reconcile_resume(fake->reconcile, 41, NULL);
    uint64_t bad = fake_serve(fake, WEB);
    fake_answer(fake, PROC_REJECTED, bad);
    assert_int_equal(reconcile_facts(fake->reconcile)->generation, 0);
    assert_null(reconcile_serving(fake->reconcile));
}

static void test_resumes_where_the_one_before_stopped(void **state)
{
    struct fake *fake = *state;

    fake_change(fake, WEB, 0);
    SCOPED(image_view_unrefp) struct image_view *found = fake_published(fake);
    fake_answer(fake, PROC_PUBLISHED, found->generation);

    struct fake successor;
    fake_open(&successor);
    reconcile_resume(successor.reconcile, 41, found); /* 2 to 41 were rejected */
    assert_serves(&successor, found->generation, "10.0.0.1");
    fake_answer(&successor, PROC_PUBLISHED, 41); /* or not; it was none of ours */
    assert_int_equal(reconcile_facts(successor.reconcile)->successes, 0);
    assert_int_equal(fake_serve(&successor, WEB), 42);
    fake_close(&successor);
}

static void test_bad_objects_harm_only_themselves(void **state)
{
    struct fake *fake = *state;

    assert_int_not_equal(
        fake_serve(fake, WEB "kind: [unclosed\n---\n" FAKE_INGRESS("bad", "not_a host!")), 0);
    assert_string_equal(fake_endpoint(reconcile_serving(fake->reconcile), "web.example"),
                        "10.0.0.1");
    assert_true(reconcile_diags(fake->reconcile)->errors >= 2);
}

/* The supervisor is gone: what cannot be sent is a failure that is seen, and nothing else. */
static void test_closed_channel(void **state)
{
    struct fake *fake = *state;

    fd_closep(&fake->supervisor);
    fake->supervisor = -1;
    fake_change(fake, WEB, 0);
    fake_turn(fake);
    assert_int_equal(reconcile_facts(fake->reconcile)->failures, 1);
    assert_false(reconcile_facts(fake->reconcile)->last_ok);
}

static size_t descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void test_descriptors_do_not_pile_up(void **state)
{
    struct fake *fake = *state;

    fake_serve(fake, WEB);
    fake_serve(fake, FAKE_APP("web", "web.example", "10.0.0.2"));
    size_t before = descriptors();
    for (int i = 0; i < 50; i++) {
        assert_int_not_equal(fake_serve(fake, FAKE_APP("web", "www.example", "10.0.0.1")), 0);
        assert_int_not_equal(fake_serve(fake, FAKE_APP("web", "web.example", "10.0.0.2")), 0);
    }
    assert_int_equal(descriptors(), before);
}

static unsigned servings;

static void on_serving(void *ctx, struct image_view *view)
{
    assert_ptr_equal(reconcile_serving(((struct fake *)ctx)->reconcile), view);
    servings++;
}

static void test_serving_is_told(void **state)
{
    struct fake *fake = *state;

    servings = 0;
    reconcile_set_on_serving(fake->reconcile, on_serving, fake);
    assert_int_not_equal(fake_serve(fake, WEB), 0);
    assert_int_equal(servings, 1);
}

static size_t diags_told, diags_times;

static void on_diags(void *ctx)
{
    const struct fake *fake = ctx;

    diags_times++;
    diags_told = reconcile_diags(fake->reconcile)->diags.len;
}

static void test_diagnostics_are_told(void **state)
{
    struct fake *fake = *state;

    diags_told = SIZE_MAX;
    reconcile_set_on_diags(fake->reconcile, on_diags, fake);
    assert_int_not_equal(fake_serve(fake, FAKE_INGRESS("web", "web.example")), 0);
    assert_int_equal(diags_told, 1); /* the Service is missing */
    assert_int_not_equal(fake_serve(fake, WEB), 0);
    assert_int_equal(diags_told, 0);
}

#define SLICE                                                                                 \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: app-%u, labels: " \
    "{kubernetes.io/service-name: app-%u}}\naddressType: IPv4\nports: [{port: 80}]\n"         \
    "endpoints: [{addresses: [%s], conditions: {ready: %s}}]\n---\n"

/* So many that changes go a short way. */
static const char *many_apps(struct buf *text)
{
    for (unsigned i = 0; i < RECONCILE_SHORT_MIN + 100; i++) {
        buf_printf(
            text,
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: app-%1$u}\nspec: "
            "{rules: [{host: app-%1$u.example, http: {paths: [{path: /, pathType: Prefix, backend: "
            "{service: {name: app-%1$u, port: {number: 80}}}}]}}]}\n---\n"
            "apiVersion: v1\nkind: Service\nmetadata: {name: app-%1$u}\nspec: {ports: [{port: "
            "80}]}\n---\n",
            i);
        buf_printf(text, SLICE, i, i, "10.0.0.1", "true");
    }
    buf_append_byte(text, '\0');
    return text->ptr;
}

/* The endpoint of the first is at `address` now; NULL: it has none. */
static void endpoint_change(struct fake *fake, const char *address)
{
    char text[512];

    snprintf(text, sizeof(text), SLICE, 0, 0, address ? address : "10.0.0.1",
             address ? "true" : "false");
    fake_patch(fake, text);
    SCOPED(image_view_unrefp) struct image_view *view = fake_published(fake);
    assert_non_null(view);
    assert_string_equal(fake_endpoint(view, "app-0.example"), address ? address : "");
    fake_answer(fake, PROC_PUBLISHED, view->generation);
}

/* Turns the loop until a diagnosis that is due is over. */
static void diagnosis_finish(struct fake *fake, size_t times)
{
    for (int turns = 0; turns < 10000 && diags_times == times; turns++)
        assert_int_equal(loop_turn(fake->loop, 0), 0);
}

static void test_diagnostics_follow_in_slices(void **state)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    struct fake *fake = *state;

    loop_clock_set_manual(fake->loop, 1000);
    reconcile_set_on_diags(fake->reconcile, on_diags, fake);
    assert_int_not_equal(fake_serve(fake, many_apps(&text)), 0);
    assert_int_equal(diags_told, 0);
    diags_times = 0;
    endpoint_change(fake, NULL);
    assert_int_equal(diags_times, 0); /* the change did not wait for it */
    loop_clock_set_manual(fake->loop, 1000 + RECONCILE_SETTLE_MS + 2 * LOOP_TICK_MS);
    assert_int_equal(loop_turn(fake->loop, 0), 0);
    endpoint_change(fake, "10.0.0.2"); /* nor do those that come meanwhile */
    endpoint_change(fake, NULL);
    diagnosis_finish(fake, 0);
    assert_int_equal(diags_times, 1);
    loop_clock_set_manual(fake->loop, 1000 + 3 * RECONCILE_SETTLE_MS);
    diagnosis_finish(fake, 1); /* for what came too late for the first */
    assert_int_equal(diags_times, 2);
    assert_int_equal(diags_told, 1); /* no endpoints */
}

static void test_diagnostics_follow_while_changes_go_on(void **state)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    struct fake *fake = *state;
    uint64_t now_ms = 1000;
    size_t times = 0;

    loop_clock_set_manual(fake->loop, now_ms);
    reconcile_set_on_diags(fake->reconcile, on_diags, fake);
    assert_int_not_equal(fake_serve(fake, many_apps(&text)), 0);
    diags_times = 0;
    for (int i = 0; i < 20; i++) {
        endpoint_change(fake, i % 2 ? "10.0.0.1" : "10.0.0.2");
        now_ms += RECONCILE_SETTLE_MS / 4;
        loop_clock_set_manual(fake->loop, now_ms);
        fake_turn(fake);
        times = diags_times;
    }
    diagnosis_finish(fake, times);
    assert_in_range(diags_times, 2, 10);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_change_becomes_an_image),
        CASE(test_nothing_at_all_is_published_too),
        CASE(test_same_bytes_are_not_published),
        CASE(test_one_in_flight_and_the_latest_wins),
        CASE(test_rejection_leaves_what_runs),
        CASE(test_endpoints_go_the_short_way),
        CASE(test_mixed_while_in_flight_takes_the_long_way),
        CASE(test_published_image_is_rolled_back),
        CASE(test_endpoints_wait_after_a_rejection),
        CASE(test_published_image_is_rolled_back_under_the_next),
        CASE(test_rolled_back_to_what_is_not_known),
        CASE(test_resumes_where_the_one_before_stopped),
        CASE(test_bad_objects_harm_only_themselves),
        CASE(test_closed_channel),
        CASE(test_descriptors_do_not_pile_up),
        CASE(test_serving_is_told),
        CASE(test_diagnostics_are_told),
        CASE(test_diagnostics_follow_in_slices),
        CASE(test_diagnostics_follow_while_changes_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
