#include "control/leader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_api.h"

enum { TTL_MS = 30000 };

#define LEASE(version, holder, renewed, transitions)                                   \
    "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"" version "\"},\"spec\":{"    \
    "\"holderIdentity\":\"" holder "\",\"leaseDurationSeconds\":30,\"acquireTime\":"   \
    "\"2026-01-01T00:00:00.000000Z\",\"renewTime\":\"" renewed "\",\"leaseTransitions" \
    "\":" #transitions ",\"strategy\":\"OldestEmulationVersion\"}}"

#define PATH "/apis/coordination.k8s.io/v1/namespaces/gate/leases"

struct bench {
    struct fake_api api;
    struct leader *leader;
    int begun, ended, released;
};

static void on_change(void *ctx, bool is_leading)
{
    struct bench *bench = ctx;

    assert_int_equal(leader_is_leading(bench->leader), is_leading);
    bench->begun += is_leading;
    bench->ended += !is_leading;
}

static void on_released(void *ctx)
{
    struct bench *bench = ctx;

    bench->released++;
}

static int setup(void **state)
{
    static struct bench bench;

    bench = (struct bench){ 0 };
    fake_api_open(&bench.api);
    bench.leader = leader_new(bench.api.loop, bench.api.client,
                              &(struct leader_options){
                                  .namespace = SPAN("gate"),
                                  .name = SPAN("l"),
                                  .identity = SPAN("me"),
                                  .ttl_ms = TTL_MS,
                              },
                              on_change, &bench);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    bench->leader = leader_free(bench->leader);
    fake_api_close(&bench->api);
    return 0;
}

/* What is asked next; answers with `status` and `body`. The body that was sent stays until the next. */
static const char *expect(struct bench *bench, enum api_method method, const char *path,
                          uint32_t status, const char *body)
{
    static char sent[1024];
    struct api_call *call = fake_api_call(&bench->api);

    assert_non_null(call);
    assert_int_equal(call->method, method);
    assert_string_equal(call->path, path);
    assert_int_equal(fake_api_calls(&bench->api), 1);
    strncpy(sent, call->body, sizeof(sent) - 1);
    if (method == API_PATCH)
        assert_string_equal(call->content_type, "application/merge-patch+json");
    fake_api_answer(&bench->api, call, status, body);
    return sent;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

static void lead(struct bench *bench)
{
    fake_api_wait(&bench->api, 20);
    expect(bench, API_GET, PATH "/l", 404, "");
    expect(bench, API_POST, PATH, 201, LEASE("1", "me", "t1", 0));
    assert_true(leader_is_leading(bench->leader));
}

static void follow(struct bench *bench)
{
    fake_api_wait(&bench->api, 20);
    expect(bench, API_GET, PATH "/l", 200, LEASE("5", "other", "t5", 2));
    assert_false(leader_is_leading(bench->leader));
}

static void test_a_lease_that_is_not_there_is_made(void **state)
{
    struct bench *bench = *state;

    fake_api_wait(&bench->api, 20);
    expect(bench, API_GET, PATH "/l", 404, "");
    const char *sent = expect(bench, API_POST, PATH, 201, LEASE("1", "me", "t1", 0));
    assert_has(sent, "\"holderIdentity\":\"me\",\"leaseDurationSeconds\":30");
    assert_has(sent, "\"leaseTransitions\":0");
    assert_true(leader_is_leading(bench->leader));
    assert_int_equal(bench->begun, 1);
}

static void test_two_make_it_at_once(void **state)
{
    struct bench *bench = *state;

    fake_api_wait(&bench->api, 20);
    expect(bench, API_GET, PATH "/l", 404, "");
    expect(bench, API_POST, PATH, 409, "");
    expect(bench, API_GET, PATH "/l", 200, LEASE("1", "other", "t1", 0));
    assert_null(fake_api_call(&bench->api));
    assert_false(leader_is_leading(bench->leader));
}

static void test_it_is_renewed_each_quarter(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    for (int i = 0; i < 5; i++) {
        fake_api_wait(&bench->api, TTL_MS / 4 - 20);
        assert_null(fake_api_call(&bench->api));
        fake_api_wait(&bench->api, 40);
        const char *sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("2", "me", "t2", 0));
        assert_has(sent, i == 0 ? "\"resourceVersion\":\"1\"" : "\"resourceVersion\":\"2\"");
        assert_null(strstr(sent, "leaseTransitions"));
        assert_null(strstr(sent, "acquireTime"));
    }
    assert_int_equal(bench->begun, 1);
    assert_int_equal(bench->ended, 0);
}

static void test_it_is_given_up_when_it_cannot_be_renewed(void **state)
{
    struct bench *bench = *state;
    uint64_t waited_ms = 0;

    lead(bench);
    for (; leader_is_leading(bench->leader); waited_ms += 20) {
        assert_true(waited_ms < TTL_MS);
        fake_api_wait(&bench->api, 20);
        if (fake_api_call(&bench->api))
            expect(bench, API_PATCH, PATH "/l", 0, "");
    }
    /* Nobody else may have it before its time is over. */
    assert_in_range(waited_ms, TTL_MS / 2 - 40, TTL_MS / 2 + 40);
    assert_int_equal(bench->ended, 1);

    /* It is taken again once the server is back, since nobody else took it. */
    fake_api_wait(&bench->api, TTL_MS / 2);
    expect(bench, API_GET, PATH "/l", 200, LEASE("1", "me", "t1", 0));
    expect(bench, API_PATCH, PATH "/l", 200, LEASE("2", "me", "t2", 0));
    assert_true(leader_is_leading(bench->leader));
}

static void test_an_answer_that_hangs_does_not_keep_one_leading(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    fake_api_wait(&bench->api, TTL_MS / 4 + 20);
    assert_non_null(fake_api_call(&bench->api));
    assert_true(fake_api_call(&bench->api)->timeout_ms <= TTL_MS / 4);
    fake_api_wait(&bench->api, TTL_MS / 4 + 20);
    assert_false(leader_is_leading(bench->leader));
}

/* The time of a Lease is counted from when its last change was seen here, whatever it says. */
static void test_it_is_taken_when_its_holder_is_silent(void **state)
{
    struct bench *bench = *state;
    uint64_t waited_ms = 0;
    size_t reads = 0;

    follow(bench);
    for (; waited_ms < TTL_MS - 100; waited_ms += 20) {
        fake_api_wait(&bench->api, 20);
        if (fake_api_call(&bench->api)) {
            expect(bench, API_GET, PATH "/l", 200, LEASE("5", "other", "t5", 2));
            reads++;
        }
        assert_null(fake_api_call(&bench->api));
    }
    assert_in_range(reads, 1, 4);
    fake_api_wait(&bench->api, 100 + TTL_MS / 32 + 20);
    expect(bench, API_GET, PATH "/l", 200, LEASE("5", "other", "t5", 2));
    const char *sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("6", "me", "t6", 3));
    assert_has(sent, "{\"metadata\":{\"resourceVersion\":\"5\"}");
    assert_has(sent, "\"leaseTransitions\":3");
    assert_has(sent, "\"acquireTime\"");
    assert_null(strstr(sent, "strategy")); /* what we do not know of is not touched */
    assert_true(leader_is_leading(bench->leader));
}

static void test_it_is_not_taken_while_its_holder_renews(void **state)
{
    struct bench *bench = *state;
    char renewed[] = "t0";

    follow(bench);
    for (int i = 0; i < 100; i++) {
        fake_api_wait(&bench->api, TTL_MS / 4);
        if (!fake_api_call(&bench->api))
            continue;
        char lease[512];
        renewed[1] = (char)('A' + i % 26);
        snprintf(lease, sizeof(lease),
                 "{\"metadata\":{\"resourceVersion\":\"%d\"},\"spec\":{\"holderIdentity\":"
                 "\"other\",\"leaseDurationSeconds\":30,\"renewTime\":\"%s\"}}",
                 i, renewed);
        expect(bench, API_GET, PATH "/l", 200, lease);
        assert_null(fake_api_call(&bench->api));
    }
    assert_int_equal(bench->begun, 0);
}

static void test_the_faster_one_has_it(void **state)
{
    struct bench *bench = *state;

    fake_api_wait(&bench->api, 20);
    expect(bench, API_GET, PATH "/l", 200, LEASE("5", "", "t5", 2));
    expect(bench, API_PATCH, PATH "/l", 409, "");
    expect(bench, API_GET, PATH "/l", 200, LEASE("6", "other", "t6", 3));
    assert_null(fake_api_call(&bench->api));
    assert_false(leader_is_leading(bench->leader));
}

static void test_conflicts_without_end_do_not_spin(void **state)
{
    struct bench *bench = *state;
    int calls = 0;

    fake_api_wait(&bench->api, 20);
    for (; fake_api_call(&bench->api); calls++) {
        assert_true(calls < 20);
        if (fake_api_call(&bench->api)->method == API_GET)
            expect(bench, API_GET, PATH "/l", 200, LEASE("5", "", "t5", 2));
        else
            expect(bench, API_PATCH, PATH "/l", 409, "");
    }
    assert_in_range(calls, 2, 10);
}

static void test_a_leader_that_was_replaced_steps_down(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    fake_reflector_tell(
        fake_api_reflector(&bench->api, "/apis/coordination.k8s.io/v1/leases gate l"),
        LEASE("9", "other", "t9", 1));
    fake_api_wait(&bench->api, 20);
    expect(bench, API_PATCH, PATH "/l", 409, "");
    expect(bench, API_GET, PATH "/l", 200, LEASE("9", "other", "t9", 1));
    assert_false(leader_is_leading(bench->leader));
    assert_int_equal(bench->ended, 1);
}

static void test_a_change_by_somebody_else_costs_no_leadership(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    fake_api_wait(&bench->api, TTL_MS / 4 + 20);
    expect(bench, API_PATCH, PATH "/l", 409, "");
    expect(bench, API_GET, PATH "/l", 200, LEASE("4", "me", "t1", 0)); /* a label, say */
    const char *sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("5", "me", "t5", 0));
    assert_has(sent, "\"resourceVersion\":\"4\"");
    assert_int_equal(bench->ended, 0);
}

static void test_an_old_event_of_the_watch_does_not_end_it(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    fake_reflector_tell(
        fake_api_reflector(&bench->api, "/apis/coordination.k8s.io/v1/leases gate l"),
        LEASE("0", "", "t0", 0)); /* from before it was ours */
    assert_true(leader_is_leading(bench->leader));
    fake_api_wait(&bench->api, 20);
    expect(bench, API_PATCH, PATH "/l", 200, LEASE("2", "me", "t2", 0));
    assert_int_equal(bench->ended, 0);
}

static void test_a_lease_that_is_let_go_of_is_taken_at_once(void **state)
{
    struct bench *bench = *state;

    follow(bench);
    fake_reflector_tell(
        fake_api_reflector(&bench->api, "/apis/coordination.k8s.io/v1/leases gate l"),
        LEASE("6", "", "t6", 2));
    fake_api_wait(&bench->api, TTL_MS / 4 / 64 + 20);
    expect(bench, API_GET, PATH "/l", 200, LEASE("6", "", "t6", 2));
    const char *sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("7", "me", "t7", 3));
    assert_has(sent, "\"leaseTransitions\":3");
    assert_true(leader_is_leading(bench->leader));
}

static void test_the_watch_tells_while_a_call_is_in_flight(void **state)
{
    struct bench *bench = *state;

    fake_api_wait(&bench->api, 20);
    fake_reflector_tell(
        fake_api_reflector(&bench->api, "/apis/coordination.k8s.io/v1/leases gate l"),
        LEASE("6", "", "t6", 2));
    expect(bench, API_GET, PATH "/l", 200, LEASE("5", "other", "t5", 2)); /* from before */
    fake_api_wait(&bench->api, TTL_MS / 4 / 64 + 20);
    expect(bench, API_GET, PATH "/l", 200, LEASE("6", "", "t6", 2));
    expect(bench, API_PATCH, PATH "/l", 200, LEASE("7", "me", "t7", 3));
    assert_true(leader_is_leading(bench->leader));
}

static void test_a_restart_has_its_own_lease_at_once(void **state)
{
    struct bench *bench = *state;

    fake_api_wait(&bench->api, 20);
    expect(bench, API_GET, PATH "/l", 200, LEASE("5", "me", "t5", 2));
    const char *sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("6", "me", "t6", 2));
    assert_null(strstr(sent, "leaseTransitions"));
    assert_true(leader_is_leading(bench->leader));
}

static void test_an_orderly_end_lets_go(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    leader_release(bench->leader, on_released, bench);
    assert_int_equal(bench->ended, 1);
    assert_int_equal(bench->released, 0);
    const char *sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("2", "", "t2", 0));
    assert_has(sent, "\"holderIdentity\":\"\",\"leaseDurationSeconds\":1");
    assert_int_equal(bench->released, 1);
    fake_api_wait(&bench->api, TTL_MS);
    assert_null(fake_api_call(&bench->api));
}

static void test_an_orderly_end_during_a_renewal(void **state)
{
    struct bench *bench = *state;

    lead(bench);
    fake_api_wait(&bench->api, TTL_MS / 4 + 20);
    leader_release(bench->leader, on_released, bench);
    expect(bench, API_PATCH, PATH "/l", 200, LEASE("2", "me", "t2", 0));
    const char *sent = expect(bench, API_PATCH, PATH "/l", 409, "");
    assert_has(sent, "\"holderIdentity\":\"\"");
    expect(bench, API_GET, PATH "/l", 200, LEASE("3", "me", "t2", 0));
    sent = expect(bench, API_PATCH, PATH "/l", 200, LEASE("4", "", "t4", 0));
    assert_has(sent, "\"resourceVersion\":\"3\"");
    assert_int_equal(bench->released, 1);
}

static void test_a_follower_has_nothing_to_let_go_of(void **state)
{
    struct bench *bench = *state;

    follow(bench);
    leader_release(bench->leader, on_released, bench);
    assert_int_equal(bench->released, 1);
    assert_int_equal(bench->begun + bench->ended, 0);
    fake_api_wait(&bench->api, TTL_MS);
    assert_null(fake_api_call(&bench->api));
}

static void test_nonsense_is_asked_for_again(void **state)
{
    static const char *const bodies[] = { "", "[]", "{}", "{\"metadata\":7}", "\xff" };
    struct bench *bench = *state;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        fake_api_wait(&bench->api, TTL_MS / 2 + 20);
        expect(bench, API_GET, PATH "/l", 200, bodies[i]);
        assert_null(fake_api_call(&bench->api));
    }
    assert_int_equal(bench->begun, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_lease_that_is_not_there_is_made),
        CASE(test_two_make_it_at_once),
        CASE(test_it_is_renewed_each_quarter),
        CASE(test_it_is_given_up_when_it_cannot_be_renewed),
        CASE(test_an_answer_that_hangs_does_not_keep_one_leading),
        CASE(test_it_is_taken_when_its_holder_is_silent),
        CASE(test_it_is_not_taken_while_its_holder_renews),
        CASE(test_the_faster_one_has_it),
        CASE(test_conflicts_without_end_do_not_spin),
        CASE(test_a_leader_that_was_replaced_steps_down),
        CASE(test_a_change_by_somebody_else_costs_no_leadership),
        CASE(test_an_old_event_of_the_watch_does_not_end_it),
        CASE(test_a_lease_that_is_let_go_of_is_taken_at_once),
        CASE(test_the_watch_tells_while_a_call_is_in_flight),
        CASE(test_a_restart_has_its_own_lease_at_once),
        CASE(test_an_orderly_end_lets_go),
        CASE(test_an_orderly_end_during_a_renewal),
        CASE(test_a_follower_has_nothing_to_let_go_of),
        CASE(test_nonsense_is_asked_for_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
