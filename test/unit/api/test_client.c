#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../scratch.h"
#include "asker.h"
#include "server.h"

struct rig {
    struct loop *loop;
    struct server server;
    struct asker asker;
    struct scratch scratch; /* of tests with a token file */
};

static void rig_open(struct rig *rig, void (*answer)(struct server *, struct server_connection *))
{
    *rig = (struct rig){ 0 };
    assert_int_equal(loop_new(&rig->loop), 0);
    server_open(&rig->server, rig->loop, NULL);
    rig->server.answer = answer;
    rig->server.ctx = rig;
    asker_open(&rig->asker, rig->loop, asker_config("http", rig->server.port));
}

static void rig_close(struct rig *rig)
{
    asker_close(&rig->asker);
    server_close(&rig->server);
    loop_free(rig->loop);
}

static bool contains(const struct buf *text, const char *part)
{
    return span_contains(buf_span(text), span_from_str(part));
}

static void assert_contains(const struct buf *text, const char *part)
{
    if (!contains(text, part))
        fail_msg("'" SPAN_FMT "' has no '%s'", SPAN_ARG(buf_span(text)), part);
}

static void assert_text(const struct buf *text, const char *expected)
{
    if (!span_eq(buf_span(text), span_from_str(expected)))
        fail_msg("'" SPAN_FMT "' is not '%s'", SPAN_ARG(buf_span(text)), expected);
}

static void say_ok(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_reply(connection, "200 OK", "{\"kind\":\"ServiceList\"}");
}

static void test_get_is_answered(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, say_ok);
    asker_get(&rig.asker, "/api/v1/services?limit=500", &answer);
    assert_int_equal(answer.result, API_CALL_OK);
    assert_int_equal(answer.status, 200);
    assert_text(&answer.body, "{\"kind\":\"ServiceList\"}");
    assert_int_equal(answer.message.len, 0);
    assert_contains(&rig.server.last, "GET /api/v1/services?limit=500 HTTP/1.1\r\n");
    assert_contains(&rig.server.last, "\r\nAccept: application/json\r\n");
    assert_contains(&rig.server.last, "\r\nUser-Agent: yett/" YETT_VERSION " (linux/");
    assert_false(contains(&rig.server.last, "Authorization"));
    answer_deinit(&answer);
    rig_close(&rig);
}

static void test_methods_and_bodies(void **state)
{
    (void)state;
    static const struct {
        enum api_method method;
        const char *type, *body, *head, *expected_type;
    } cases[] = {
        { API_POST, "", "{\"a\":1}", "POST /x HTTP/1.1\r\n", "Content-Type: application/json\r\n" },
        { API_PUT, "", "{}", "PUT /x HTTP/1.1\r\n", "Content-Type: application/json\r\n" },
        { API_PATCH, "application/merge-patch+json", "{}", "PATCH /x HTTP/1.1\r\n",
          "Content-Type: application/merge-patch+json\r\n" },
        { API_DELETE, "", "", "DELETE /x HTTP/1.1\r\n", "" },
        { API_GET, "", "", "GET /x HTTP/1.1\r\n", "" },
    };
    struct rig rig;

    rig_open(&rig, say_ok);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer = { 0 };
        struct api_request request = {
            .method = cases[i].method,
            .path = SPAN("/x"),
            .content_type = span_from_str(cases[i].type),
            .accept = SPAN("application/json;as=Table"),
            .body = span_from_str(cases[i].body),
        };

        api_call_start(rig.asker.client, &request, &answer_events, &answer);
        asker_wait(&rig.asker, &answer.is_done);
        assert_int_equal(answer.result, API_CALL_OK);
        assert_true(span_starts_with(buf_span(&rig.server.last), span_from_str(cases[i].head)));
        assert_contains(&rig.server.last, cases[i].expected_type);
        assert_contains(&rig.server.last, "Accept: application/json;as=Table\r\n");
        assert_false(contains(&rig.server.last, "Expect"));
        assert_true(span_ends_with(buf_span(&rig.server.last), span_from_str(cases[i].body)));
        answer_deinit(&answer);
    }
    assert_int_equal(rig.server.accepted, 1); /* kept alive */
    rig_close(&rig);
}

static void say_conflict(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_reply(connection, "409 Conflict\r\nRetry-After: 3",
                 "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":"
                 "\"the object has been modified\",\"reason\":\"Conflict\",\"code\":409}");
}

static void test_status_is_told_in_words(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, say_conflict);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_STATUS);
    assert_int_equal(answer.status, 409);
    assert_int_equal(answer.retry_after_ms, 3000);
    assert_text(&answer.reason, "Conflict");
    assert_text(&answer.message, "the object has been modified");
    answer_deinit(&answer);
    rig_close(&rig);
}

static void say_redirect(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_reply(connection, "302 Found\r\nLocation: http://127.0.0.1:1/elsewhere", "");
}

static void test_redirects_are_not_followed(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, say_redirect);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_STATUS);
    assert_int_equal(answer.status, 302);
    assert_text(&answer.message, "HTTP status 302");
    assert_int_equal(rig.server.requests, 1);
    answer_deinit(&answer);
    rig_close(&rig);
}

static void say_half(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_send(connection, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    server_hang_up(connection);
}

static void test_cut_answer(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, say_half);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_CUT);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.len, 0); /* half an answer is none */
    assert_true(answer.message.len > 0);
    answer_deinit(&answer);
    rig_close(&rig);
}

static void hang_up(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_hang_up(connection);
}

static void test_no_answer_is_unreachable(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, hang_up);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_UNREACHABLE);
    assert_int_equal(answer.status, 0);
    answer_deinit(&answer);
    rig_close(&rig);
}

static void test_refused_connection_names_the_server(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, say_ok);
    server_close(&rig.server);
    rig.server.listener.fd = -1;
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_UNREACHABLE);
    assert_contains(&answer.message, "http://127.0.0.1:");
    assert_contains(&answer.message, "refused");
    answer_deinit(&answer);
    rig_close(&rig);
}

/* Nor do those that wait for the same connection try one each. */
static void test_one_connection_is_tried_for_all(void **state)
{
    (void)state;
    struct rig rig;
    struct api_request request = { .path = SPAN("/x") };

    rig_open(&rig, say_ok);
    server_close(&rig.server);
    rig.server.listener.fd = -1;
    for (size_t round = 1; round <= 3; round++) {
        struct answer answers[3] = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(answers); i++)
            api_call_start(rig.asker.client, &request, &answer_events, &answers[i]);
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
            asker_wait(&rig.asker, &answers[i].is_done);
            assert_int_equal(answers[i].result, API_CALL_UNREACHABLE);
            assert_contains(&answers[i].message, "refused");
            answer_deinit(&answers[i]);
        }
        assert_int_equal(api_client_facts(rig.asker.client)->connections, round);
    }
    rig_close(&rig);
}

/* ---- credentials ---------------------------------------------------------------------------------- */

/* Believes the second token; the first one is replaced as soon as it was shown. */
static void believe_two(struct server *server, struct server_connection *connection)
{
    const struct rig *rig = server->ctx;

    if (contains(&server->last, "Authorization: Bearer two\r\n")) {
        server_reply(connection, "200 OK", "{}");
        return;
    }
    scratch_replace(&rig->scratch, "token", "two");
    server_reply(connection, "401 Unauthorized",
                 "{\"kind\":\"Status\",\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\"}");
}

static void rig_open_with_token(struct rig *rig,
                                void (*answer)(struct server *, struct server_connection *))
{
    rig_open(rig, answer);
    asker_close(&rig->asker);
    scratch_open(&rig->scratch);
    scratch_replace(&rig->scratch, "token", "one");
    struct api_config *config = asker_config("http", rig->server.port);
    config->token_file = arena_printf(&config->arena, "%s/token", rig->scratch.root);
    asker_open(&rig->asker, rig->loop, config);
}

static void test_refused_call_is_repeated_with_another_token(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open_with_token(&rig, believe_two);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_OK);
    assert_text(&answer.body, "{}"); /* nothing of what was refused */
    assert_int_equal(rig.server.requests, 2);
    answer_deinit(&answer);
    scratch_close(&rig.scratch);
    rig_close(&rig);
}

static void say_unauthorized(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_reply(connection, "401 Unauthorized", "");
}

static void test_refused_call_is_not_repeated_with_the_same_token(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open_with_token(&rig, say_unauthorized);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_STATUS);
    assert_int_equal(answer.status, 401);
    assert_text(&answer.message, "HTTP status 401, as --apiserver-host");
    assert_int_equal(rig.server.requests, 1);
    answer_deinit(&answer);
    scratch_close(&rig.scratch);
    rig_close(&rig);
}

static void say_unauthorized_and_rotate(struct server *server, struct server_connection *connection)
{
    const struct rig *rig = server->ctx;
    char token[32];

    snprintf(token, sizeof(token), "token %zu", server->requests);
    scratch_replace(&rig->scratch, "token", token);
    server_reply(connection, "401 Unauthorized", "");
}

static void test_refused_call_is_repeated_once(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open_with_token(&rig, say_unauthorized_and_rotate);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.status, 401);
    assert_int_equal(rig.server.requests, 2);
    answer_deinit(&answer);
    scratch_close(&rig.scratch);
    rig_close(&rig);
}

/* ---- streams -------------------------------------------------------------------------------------- */

static void say_two_pieces(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_send(connection, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\none,\n\r\n");
}

static void finish(struct answer *answer)
{
    struct rig *rig = answer->ctx;

    if (answer->pieces == 1)
        server_send(server_newest(&rig->server), "4\r\ntwo\n\r\n0\r\n\r\n");
}

static void test_stream_comes_in_pieces(void **state)
{
    (void)state;
    struct rig rig;
    struct answer answer = { .on_piece = finish, .ctx = &rig };
    struct api_request request = { .path = SPAN("/watch"), .is_quiet = true };

    rig_open(&rig, say_two_pieces);
    answer.call = api_call_start(rig.asker.client, &request, &answer_stream_events, &answer);
    asker_wait(&rig.asker, &answer.is_done);
    assert_int_equal(answer.result, API_CALL_OK);
    assert_text(&answer.body, "one,\ntwo\n");
    assert_int_equal(answer.pieces, 2);
    answer_deinit(&answer);
    rig_close(&rig);
}

static bool was_cancelled;

static void cancel(struct answer *answer)
{
    answer->call = api_call_cancel(answer->call);
    was_cancelled = true;
}

static void test_cancel_from_its_own_callback(void **state)
{
    (void)state;
    struct rig rig;
    struct answer answer = { .on_piece = cancel }, other = { 0 };
    struct api_request request = { .path = SPAN("/watch") };

    was_cancelled = false;
    rig_open(&rig, say_two_pieces);
    answer.call = api_call_start(rig.asker.client, &request, &answer_stream_events, &answer);
    asker_wait(&rig.asker, &was_cancelled);
    rig.server.answer = say_ok;
    asker_get(&rig.asker, "/after", &other);
    assert_int_equal(other.result, API_CALL_OK);
    assert_false(answer.is_done);
    assert_int_equal(api_client_facts(rig.asker.client)->in_flight, 0);
    answer_deinit(&answer);
    answer_deinit(&other);
    rig_close(&rig);
}

static void cancel_at_the_end(struct answer *answer)
{
    api_call_cancel(answer->ctx);
}

static void test_cancel_of_another_and_start_from_a_callback(void **state)
{
    (void)state;
    struct rig rig;
    struct answer watch = { 0 }, answer = { .then = cancel_at_the_end };
    struct api_request request = { .path = SPAN("/watch") };

    rig_open(&rig, say_two_pieces);
    watch.call = api_call_start(rig.asker.client, &request, &answer_stream_events, &watch);
    while (watch.pieces == 0)
        assert_int_equal(loop_turn(rig.loop, 100), 0);
    rig.server.answer = say_ok;
    answer.ctx = watch.call;
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_OK);
    assert_false(watch.is_done);
    assert_int_equal(api_client_facts(rig.asker.client)->in_flight, 0);
    answer_deinit(&watch);
    answer_deinit(&answer);
    rig_close(&rig);
}

static void test_cancel_before_it_starts(void **state)
{
    (void)state;
    struct rig rig;
    struct answer answer = { 0 }, other = { 0 };
    struct api_request request = { .path = SPAN("/never") };

    rig_open(&rig, say_ok);
    assert_null(
        api_call_cancel(api_call_start(rig.asker.client, &request, &answer_events, &answer)));
    assert_null(api_call_cancel(NULL));
    asker_get(&rig.asker, "/x", &other);
    assert_false(answer.is_done);
    assert_int_equal(rig.server.requests, 1);
    answer_deinit(&other);
    rig_close(&rig);
}

static void test_free_ends_calls_without_a_word(void **state)
{
    (void)state;
    struct rig rig;
    struct answer watch = { 0 }, waiting = { 0 };
    struct api_request request = { .path = SPAN("/watch") };

    rig_open(&rig, say_two_pieces);
    api_call_start(rig.asker.client, &request, &answer_stream_events, &watch);
    while (watch.pieces == 0)
        assert_int_equal(loop_turn(rig.loop, 100), 0);
    api_call_start(rig.asker.client, &request, &answer_events, &waiting);
    rig_close(&rig);
    assert_false(watch.is_done);
    assert_false(waiting.is_done);
    answer_deinit(&watch);
}

/* ---- limits --------------------------------------------------------------------------------------- */

static void say_nothing(struct server *server, struct server_connection *connection)
{
    (void)server;
    (void)connection;
}

static void test_time_limit(void **state)
{
    (void)state;
    struct rig rig;
    struct answer answer = { 0 }, again = { 0 };
    struct api_request request = { .path = SPAN("/slow"), .timeout_ms = 50 };

    rig_open(&rig, say_nothing);
    api_call_start(rig.asker.client, &request, &answer_events, &answer);
    asker_wait(&rig.asker, &answer.is_done);
    assert_int_equal(answer.result, API_CALL_TIMED_OUT);
    assert_contains(&answer.message, "not answered within 50 ms");
    rig.server.answer = say_ok;
    asker_get(&rig.asker, "/x", &again);
    assert_int_equal(again.result, API_CALL_OK);
    assert_int_equal(rig.server.accepted, 2); /* the silent connection is not used again */
    answer_deinit(&answer);
    answer_deinit(&again);
    rig_close(&rig);
}

static void test_stall_after_bytes(void **state)
{
    (void)state;
    struct rig rig;
    struct answer answer = { 0 };
    struct api_request request = { .path = SPAN("/watch"), .stall_ms = 80 };

    rig_open(&rig, say_two_pieces);
    api_call_start(rig.asker.client, &request, &answer_stream_events, &answer);
    asker_wait(&rig.asker, &answer.is_done);
    assert_int_equal(answer.result, API_CALL_TIMED_OUT);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.pieces, 1);
    assert_contains(&answer.message, "silent for 80 ms");
    answer_deinit(&answer);
    rig_close(&rig);
}

static void say_without_end(struct server *server, struct server_connection *connection)
{
    static char block[1 << 20];

    (void)server;
    memset(block, ' ', sizeof(block));
    server_send(connection, "HTTP/1.1 200 OK\r\n\r\n");
    server_send_bytes(connection, span_of(block, 64 << 10));
}

/* What is in flight is more than a socket holds; so the server goes on whenever the loop turns. */
static void test_body_larger_than_the_cap(void **state)
{
    (void)state;
    static char block[256 << 10];
    struct rig rig;
    struct answer answer = { 0 };
    struct api_request request = { .path = SPAN("/huge") };

    memset(block, ' ', sizeof(block));
    rig_open(&rig, say_without_end);
    api_call_start(rig.asker.client, &request, &answer_events, &answer);
    while (!answer.is_done) {
        struct server_connection *connection = server_newest(&rig.server);

        assert_int_equal(loop_turn(rig.loop, 10), 0);
        if (connection && rig.server.requests == 1)
            (void)!write(connection->watch.fd, block, sizeof(block));
    }
    assert_int_equal(answer.result, API_CALL_TOO_LARGE);
    assert_contains(&answer.message, "larger than 67108864 bytes");
    answer_deinit(&answer);
    rig_close(&rig);
}

/* ---- reach ---------------------------------------------------------------------------------------- */

static struct {
    size_t told;
    bool is_reachable;
} reach;

static void on_reach(void *ctx, bool is_reachable, struct span message)
{
    (void)ctx;
    reach.told++;
    reach.is_reachable = is_reachable;
    assert_true(is_reachable || message.len > 0);
}

static void ask(struct rig *rig, enum api_call_result expected)
{
    struct answer answer = { 0 };

    asker_get(&rig->asker, "/x", &answer);
    assert_int_equal(answer.result, expected);
    answer_deinit(&answer);
}

static void test_reach_is_told_once_each_way(void **state)
{
    (void)state;
    struct rig rig;

    memset(&reach, 0, sizeof(reach));
    rig_open(&rig, say_ok);
    api_client_set_on_reach(rig.asker.client, on_reach, NULL);
    ask(&rig, API_CALL_OK);
    assert_int_equal(reach.told, 0); /* as it should be */
    rig.server.answer = hang_up;
    ask(&rig, API_CALL_UNREACHABLE);
    ask(&rig, API_CALL_UNREACHABLE);
    assert_int_equal(reach.told, 1);
    assert_false(reach.is_reachable);
    rig.server.answer = say_conflict; /* an answer is an answer */
    ask(&rig, API_CALL_STATUS);
    ask(&rig, API_CALL_STATUS);
    assert_int_equal(reach.told, 2);
    assert_true(reach.is_reachable);
    const struct api_client_facts *facts = api_client_facts(rig.asker.client);
    assert_int_equal(facts->calls[API_CALL_OK], 1);
    assert_int_equal(facts->calls[API_CALL_UNREACHABLE], 2);
    assert_int_equal(facts->calls[API_CALL_STATUS], 2);
    assert_true(facts->is_reachable);
    assert_int_equal(facts->connections, rig.server.accepted);
    rig_close(&rig);
}

static void test_the_head_of_a_watch_is_an_answer(void **state)
{
    (void)state;
    struct rig rig;
    struct answer answer = { 0 };
    struct api_request request = { .path = SPAN("/watch") };

    memset(&reach, 0, sizeof(reach));
    rig_open(&rig, hang_up);
    api_client_set_on_reach(rig.asker.client, on_reach, NULL);
    ask(&rig, API_CALL_UNREACHABLE);
    assert_false(api_client_facts(rig.asker.client)->is_reachable);
    rig.server.answer = say_two_pieces;
    api_call_start(rig.asker.client, &request, &answer_stream_events, &answer);
    while (answer.pieces == 0)
        assert_int_equal(loop_turn(rig.loop, 100), 0);
    assert_int_equal(reach.told, 2);
    assert_true(api_client_facts(rig.asker.client)->is_reachable);

    /* That it breaks off says nothing yet. */
    server_hang_up(server_newest(&rig.server));
    asker_wait(&rig.asker, &answer.is_done);
    assert_int_equal(answer.result, API_CALL_CUT);
    assert_int_equal(reach.told, 2);
    answer_deinit(&answer);
    rig_close(&rig);
}

int main(void)
{
    /* A proxy of the machine's own must not come between. */
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_is_answered),
        cmocka_unit_test(test_methods_and_bodies),
        cmocka_unit_test(test_status_is_told_in_words),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_cut_answer),
        cmocka_unit_test(test_no_answer_is_unreachable),
        cmocka_unit_test(test_refused_connection_names_the_server),
        cmocka_unit_test(test_one_connection_is_tried_for_all),
        cmocka_unit_test(test_refused_call_is_repeated_with_another_token),
        cmocka_unit_test(test_refused_call_is_not_repeated_with_the_same_token),
        cmocka_unit_test(test_refused_call_is_repeated_once),
        cmocka_unit_test(test_stream_comes_in_pieces),
        cmocka_unit_test(test_cancel_from_its_own_callback),
        cmocka_unit_test(test_cancel_of_another_and_start_from_a_callback),
        cmocka_unit_test(test_cancel_before_it_starts),
        cmocka_unit_test(test_free_ends_calls_without_a_word),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_stall_after_bytes),
        cmocka_unit_test(test_body_larger_than_the_cap),
        cmocka_unit_test(test_reach_is_told_once_each_way),
        cmocka_unit_test(test_the_head_of_a_watch_is_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
