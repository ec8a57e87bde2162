#include "rig.h"

#include <sys/socket.h>
#include <unistd.h>

/* Backends and clients that fail, at every state; and what hostile ones may cost. */

static void test_retry_goes_to_another_endpoint(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.backends = 3;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    bool used[3] = { false };
    end_send(rig, &client, RIG_GET);
    for (unsigned tries = 0; tries < 3; tries++) {
        unsigned index = 0;
        while (used[index] || !rig_backend_called(rig, index)) /* accepts and closes */
            index = (index + 1) % 3;
        used[index] = true;
    }
    end_expect_status(rig, &client, 502);
    assert_int_equal(stats_get(&rig->stats->upstream_retries), 2);
    end_close(&client);
    rig_free(rig);
}

/* Also where other requests take the turns in between. */
static void test_retry_passes_over_what_failed(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    enum { CLIENTS = 6 };
    struct end clients[CLIENTS], alive[CLIENTS];

    options.backends = 2;
    options.policy.retry_tries = 2;
    struct rig *rig = rig_new(&options);
    close(rig->listeners[0]);
    rig->listeners[0] = -1;
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = rig_client(rig, PROC_LISTEN_HTTP);
        assert_int_equal(send(clients[i].fd, RIG_GET, sizeof(RIG_GET) - 1, 0), sizeof(RIG_GET) - 1);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        alive[i] = rig_backend(rig, 1);
        end_expect_head(rig, &alive[i], "GET ");
        end_send(rig, &alive[i], RIG_OK);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        end_expect(rig, &clients[i], RIG_OK);
        end_close(&clients[i]);
        end_close(&alive[i]);
    }
    rig_free(rig);
}

static void test_refused_connection_is_tried_elsewhere(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    struct end alive = { .fd = -1 };

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    close(rig->listeners[0]);
    rig->listeners[0] = -1;
    for (unsigned i = 0; i < 4; i++)
        rig_exchange(rig, &client, &alive, 1);
    end_close(&client);
    end_close(&alive);
    rig_free(rig);
}

/* A browser that leaves an event stream closes: the backend is told at once, not at its next event. */
static void test_client_leaves_silent_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    char log[1024];

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "GET ");
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    end_expect_head(rig, &client, "HTTP/1.1 200 ");
    end_expect(rig, &client, "3\r\none\r\n");
    end_finish(rig, &client);
    end_expect_end(rig, &backend);
    end_expect_end(rig, &client);
    assert_true(span_contains(rig_log(rig, log, sizeof(log)), SPAN("\"GET / HTTP/1.1\" 200 ")));
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* One that only said its end gets what the backend says in the same moment, although its end is heard first. */
static void test_client_said_its_end_and_reads(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "GET ");
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    end_expect_head(rig, &client, "HTTP/1.1 200 ");
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    assert_int_equal(send(backend.fd, "ok", 2, 0), 2);
    end_expect(rig, &client, "ok");
    end_expect_end(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_post_is_not_repeated(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    bool first = rig_backend_called(rig, 0);
    bool second = rig_backend_called(rig, 1);
    assert_true(first != second);
    end_expect_status(rig, &client, 502);
    end_close(&client);
    rig_free(rig);
}

static void test_stale_connection_is_replaced(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    struct end backend = { .fd = -1 };

    options.policy.retry_on = 0; /* costs none of the policy's tries */
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    rig_exchange(rig, &client, &backend, 0);
    end_send(rig, &client, RIG_GET);
    end_expect_head(rig, &backend, "GET ");
    end_close(&backend);
    struct end next = rig_backend(rig, 0);
    end_expect_head(rig, &next, "GET ");
    end_send(rig, &next, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_close(&client);
    end_close(&next);
    rig_free(rig);
}

/* Bytes of chunked framing that were read before the backend failed cannot be read again. */
static void test_begun_chunk_is_not_sent_elsewhere(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
    bool first = rig_backend_called(rig, 0); /* which accepts, and closes */
    if (!first)
        assert_true(rig_backend_called(rig, 1));
    end_send(rig, &client, "3\r\nxy\r\n"); /* five bytes of content that look like a chunk */
    assert_false(rig_backend_called(rig, first ? 1 : 0));
    end_expect_status(rig, &client, 502);
    end_close(&client);
    rig_free(rig);
}

static const struct {
    const char *what, *answer;
    unsigned status;
} bad_answers[] = {
    { "nothing", "", 502 },
    { "not HTTP", "SSH-2.0-x\r\n\r\n", 502 },
    { "half a head", "HTTP/1.1 200 OK\r\nA: b", 502 },
    { "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 502 },
    { "101 that nobody asked for", "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
      502 },
};

static void test_bad_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_answers); i++) {
        struct rig_options options = rig_options_default();
        options.policy.retry_tries = 1;
        struct rig *rig = rig_new(&options);
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);

        print_message("%s\n", bad_answers[i].what);
        end_send(rig, &client, RIG_GET);
        struct end backend = rig_backend(rig, 0);
        end_send(rig, &backend, bad_answers[i].answer);
        end_close(&backend);
        end_expect_status(rig, &client, bad_answers[i].status);
        end_expect_silence(rig, &client);
        end_close(&client);
        rig_free(rig);
    }
}

static void test_answer_cut_short_ends_the_connection(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct rig *rig = rig_new(NULL);
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);
        end_send(rig, &client, RIG_GET);
        struct end backend = rig_backend(rig, 0);
        end_send(rig, &backend, answers[i]);
        end_close(&backend);
        rig_settle(rig);
        end_receive(&client);
        assert_true(client.ended);
        assert_null(memmem(client.got.ptr, client.got.len, "0\r\n\r\n", 5));
        assert_int_equal(rig->worker.clients_len, 0);
        end_close(&client);
        rig_free(rig);
    }
}

/* An answer that refuses a body is an answer, even where the connection broke behind it. */
static void test_early_answer_behind_a_broken_connection(void **state)
{
    (void)state;
    static char block[65536];
    struct rig_options options = rig_options_default();

    options.policy.body_bytes_max = 0;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST ");
    assert_int_equal(send(client.fd, block, sizeof(block), MSG_NOSIGNAL), sizeof(block));
    const char *answer = "HTTP/1.1 413 No\r\nDate: D\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(send(backend.fd, answer, strlen(answer), 0), strlen(answer));
    end_reset(&backend);
    rig_settle(rig);
    end_expect(rig, &client,
               "HTTP/1.1 413 No\r\nDate: D\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    end_close(&client);
    rig_free(rig);
}

static void test_answer_before_the_request_is_whole(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
    struct end backend = rig_backend(rig, 0);
    end_send(rig, &backend, RIG_OK);
    end_expect_line(rig, &client, "Connection: close");
    end_expect_head(rig, &client, "HTTP/1.1 200 ");
    end_expect(rig, &client, "ok");
    end_expect_end(rig, &client);
    end_expect_head(rig, &backend, "POST ");
    end_expect(rig, &backend, "ab");
    end_expect_end(rig, &backend);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

enum abort_point { IN_HEAD, CONNECTING, SENDING_BODY, WAITING, ANSWERING, LINGERING, ABORT_POINTS };

static void client_abort_run(enum abort_point point, bool reset)
{
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), backend = { .fd = -1 };

    print_message("point %d, %s\n", (int)point, reset ? "reset" : "end");
    if (point == IN_HEAD)
        end_send(rig, &client, "GET / HT");
    else if (point == CONNECTING)
        assert_int_equal(send(client.fd, RIG_GET, sizeof(RIG_GET) - 1, 0), sizeof(RIG_GET) - 1);
    else if (point == SENDING_BODY)
        end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
    else if (point == LINGERING)
        end_send(rig, &client, "x\r\n\r\n");
    else
        end_send(rig, &client, RIG_GET);
    if (point == SENDING_BODY || point == WAITING || point == ANSWERING)
        backend = rig_backend(rig, 0);
    if (point == ANSWERING)
        end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
    if (reset)
        end_reset(&client);
    else
        end_close(&client);
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    if (backend.fd >= 0) {
        end_expect_head(rig, &backend, "");
        end_receive(&backend);
        assert_true(backend.ended);
    }
    assert_int_equal(rig->worker.buffers.lent, 0);
    end_close(&backend);
    rig_free(rig);
}

static void test_client_leaves_at_every_state(void **state)
{
    (void)state;
    for (int point = IN_HEAD; point < ABORT_POINTS; point++) {
        client_abort_run((enum abort_point)point, false);
        client_abort_run((enum abort_point)point, true);
    }
}

/* Interim answers for a client that does not listen must not pile up. */
static void test_interim_answers_are_bounded(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct buf interim = { 0 };

    rig->small_buffers = 4096;
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    buf_append(&interim, SPAN("HTTP/1.1 103 Early Hints\r\n"));
    while (interim.len < 60000)
        buf_append(&interim, SPAN("Link: </a-style-sheet-that-has-a-rather-long-name-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head-"
                                  "and-a-long-path-too-so-that-few-fields-make-a-large-head>\r\n"));
    buf_append(&interim, SPAN("\r\n"));
    for (unsigned i = 0; i < 8; i++)
        end_send_bytes(rig, &backend, buf_span(&interim));
    end_send(rig, &backend, RIG_OK);
    uint64_t got = 0;
    for (unsigned i = 0; i < 2000 && got == 0; i++) {
        rig_settle(rig);
        end_receive(&client);
        if (client.got.len >= sizeof(RIG_OK) - 1)
            got = memmem(client.got.ptr, client.got.len, RIG_OK, sizeof(RIG_OK) - 1) != NULL;
    }
    assert_true(got);
    buf_deinit(&interim);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_interim_answers_without_end(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    for (unsigned i = 0; i < PROXY_INTERIM_MAX + 1; i++)
        end_send(rig, &backend, "HTTP/1.1 103 Early Hints\r\n\r\n");
    for (unsigned i = 0; i < PROXY_INTERIM_MAX; i++)
        end_expect(rig, &client, "HTTP/1.1 103 Early Hints\r\n\r\n");
    end_expect_status(rig, &client, 502);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* A head that is large already, and a body that fills its buffer to the last byte. */
static void test_large_head_with_its_body(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct buf request = { 0 };
    enum { FIELD = 15900 };

    buf_append(&request, SPAN("POST / HTTP/1.1\r\nHost: a\r\nX-Large: "));
    for (unsigned i = 0; i < FIELD; i++)
        buf_append_byte(&request, 'x');
    buf_printf(&request, "\r\nX-Next: %0500d\r\nContent-Length: ", 0);
    size_t body = PROXY_BUFFER_LARGE_BYTES - request.len - 9;
    buf_printf(&request, "%zu\r\n\r\n", body);
    size_t head = request.len;
    for (size_t i = 0; i < body; i++)
        buf_append_byte(&request, 'b');
    /* The first part fills the small buffer, so that the rest is read into a large one, whole. */
    assert_int_equal(send(client.fd, request.ptr, PROXY_BUFFER_BYTES, 0), PROXY_BUFFER_BYTES);
    size_t rest = request.len - PROXY_BUFFER_BYTES;
    assert_int_equal(send(client.fd, request.ptr + PROXY_BUFFER_BYTES, rest, 0), rest);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST / ");
    end_expect_bytes(rig, &backend, span_from(buf_span(&request), head));
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    buf_deinit(&request);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_bodies_past_the_limit(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.body_bytes_max = 4;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde");
    end_expect_status(rig, &client, 413);
    end_close(&client);
    client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    struct end backend = rig_backend(rig, 0);
    end_send(rig, &client, "2\r\nde\r\n");
    end_expect_status(rig, &client, 413);
    end_expect_end(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* An answer that ends where the buffer does leaves the question open whether more waits behind it. */
static void test_bytes_behind_an_answer_that_fills_the_buffer(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), next = { .fd = -1 };
    struct buf answer = { 0 };

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    buf_printf(&answer, "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: %05d\r\n\r\n", 0);
    size_t body = PROXY_BUFFER_BYTES - answer.len;
    answer.len = 0;
    buf_printf(&answer, "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: %zu\r\n\r\n", body);
    for (size_t i = 0; i < body; i++)
        buf_append_byte(&answer, 'b');
    assert_int_equal(answer.len, PROXY_BUFFER_BYTES);
    buf_append(&answer, SPAN("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
    assert_int_equal(send(backend.fd, answer.ptr, answer.len, 0), answer.len);
    end_expect_bytes(rig, &client, span_upto(buf_span(&answer), PROXY_BUFFER_BYTES));
    rig_exchange(rig, &client, &next, 0);
    buf_deinit(&answer);
    end_close(&client);
    end_close(&backend);
    end_close(&next);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_goes_to_another_endpoint),
        cmocka_unit_test(test_retry_passes_over_what_failed),
        cmocka_unit_test(test_refused_connection_is_tried_elsewhere),
        cmocka_unit_test(test_client_leaves_silent_answer),
        cmocka_unit_test(test_client_said_its_end_and_reads),
        cmocka_unit_test(test_post_is_not_repeated),
        cmocka_unit_test(test_stale_connection_is_replaced),
        cmocka_unit_test(test_begun_chunk_is_not_sent_elsewhere),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_answer_cut_short_ends_the_connection),
        cmocka_unit_test(test_early_answer_behind_a_broken_connection),
        cmocka_unit_test(test_answer_before_the_request_is_whole),
        cmocka_unit_test(test_client_leaves_at_every_state),
        cmocka_unit_test(test_interim_answers_are_bounded),
        cmocka_unit_test(test_interim_answers_without_end),
        cmocka_unit_test(test_large_head_with_its_body),
        cmocka_unit_test(test_bodies_past_the_limit),
        cmocka_unit_test(test_bytes_behind_an_answer_that_fills_the_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
