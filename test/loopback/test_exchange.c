#include <stdio.h>

#include "rig.h"

/* Requests and answers as they should be: framing, keep-alive, pipelining, pools. */

static void test_request_and_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect(rig, &backend,
               "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.1\r\n"
               "X-Real-IP: 192.0.2.1\r\nX-Forwarded-Host: a.test\r\nX-Forwarded-Port: 8080\r\n"
               "X-Forwarded-Proto: http\r\nX-Forwarded-Scheme: http\r\nX-Scheme: http\r\n"
               "X-A: 1\r\n\r\n");
    end_send(rig, &backend,
             "HTTP/1.1 200 OK\r\nServer: secret\r\nX-B: 2\r\nContent-Length: 5\r\n"
             "Date: D\r\n\r\nhello");
    end_expect(rig, &client,
               "HTTP/1.1 200 OK\r\nX-B: 2\r\nDate: D\r\nContent-Length: 5\r\n\r\nhello");
    end_expect_silence(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    rig_free(rig);
}

static void test_connections_are_kept_on_both_sides(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct end backend = { .fd = -1 };

    for (unsigned i = 0; i < 5; i++)
        rig_exchange(rig, &client, &backend, 0);
    assert_false(rig_backend_called(rig, 0));
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 1);
    assert_int_equal(stats_get(&rig->stats->upstream_reuses), 4);
    assert_int_equal(rig->worker.buffers.lent, 0); /* an idle connection holds none */
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* What speaks for the gate cannot be said behind the content either. */
static void test_forged_trailers_are_dropped(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
             "ssl-client-verify: SUCCESS\r\nSSL_Client_Subject_DN: CN=x\r\nX-Sum: 1\r\n"
             "ssl-client_issuer-dn: CN=x\r\nSsl-Client-Cert: x\r\nX_Real_IP: 1.2.3.4\r\n"
             "X-Forwarded-For: 1.2.3.4\r\nssl-client-verify-2: x\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
    end_expect(rig, &backend, "1\r\na\r\n0\r\nX-Sum: 1\r\nssl-client-verify-2: x\r\n\r\n");
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
             "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
             "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "GET /1 ");
    end_expect_silence(rig, &backend);
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_expect_head(rig, &backend, "POST /2 ");
    end_expect(rig, &backend, "abc");
    end_send(rig, &backend, "HTTP/1.1 204 No Content\r\nDate: D\r\n\r\n");
    end_expect(rig, &client, "HTTP/1.1 204 No Content\r\nDate: D\r\n\r\n");
    end_expect_head(rig, &backend, "GET /3 ");
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static const struct {
    const char *what, *request, *answer, *expected;
    bool ends;            /* the backend ends after its answer */
    const char *bytewise; /* expected where each byte came alone; NULL: the same */
} framings[] = {
    { "length", RIG_GET, RIG_OK, RIG_OK, false },
    { "chunked with a trailer", RIG_GET,
      "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: "
      "1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: "
      "1\r\n\r\n",
      false,
      "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n" },
    { "to the end", RIG_GET, "HTTP/1.1 200 OK\r\nDate: D\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true,
      "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n" },
    { "to the end, for HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "HTTP/1.1 200 OK\r\nDate: D\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\n\r\nabc", true },
    { "length, for HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", RIG_OK,
      "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
      false },
    { "HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
      "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 77\r\n\r\n",
      "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 77\r\n\r\n", false },
    { "304", RIG_GET, "HTTP/1.1 304 Not Modified\r\nDate: D\r\nETag: x\r\n\r\n",
      "HTTP/1.1 304 Not Modified\r\nDate: D\r\nETag: x\r\n\r\n", false },
    { "hints before it", RIG_GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" RIG_OK,
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" RIG_OK, false },
    { "100 that nobody asked for", RIG_GET, "HTTP/1.1 100 Continue\r\n\r\n" RIG_OK, RIG_OK, false },
};

/* All that was sent counts, and what is content apart from it. */
static void test_interim_answers_in_the_log(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    const char *hint = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    char text[256], expected[64];

    options.settings.log_format = SPAN("$bytes_sent $body_bytes_sent");
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_send(rig, &backend, hint);
    end_expect(rig, &client, hint);
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    snprintf(expected, sizeof(expected), "%zu 2\n", strlen(hint) + strlen(RIG_OK));
    assert_true(span_eq(rig_log(rig, text, sizeof(text)), span_from_str(expected)));
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void framing_run(size_t i, bool bytewise)
{
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    print_message("%s\n", framings[i].what);
    end_send(rig, &client, framings[i].request);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "");
    if (bytewise) {
        for (const char *at = framings[i].answer; *at; at++)
            end_send_bytes(rig, &backend, span_of(at, 1));
    } else {
        end_send(rig, &backend, framings[i].answer);
    }
    if (framings[i].ends)
        end_close(&backend);
    end_expect(rig, &client,
               bytewise && framings[i].bytewise ? framings[i].bytewise : framings[i].expected);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_framings_of_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(framings); i++)
        framing_run(i, false);
}

static void test_framings_of_answers_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(framings); i++)
        framing_run(i, true);
}

static void test_request_byte_by_byte(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    const char *request = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

    for (const char *at = request; *at; at++)
        end_send_bytes(rig, &client, span_of(at, 1));
    struct end backend = rig_backend(rig, 0);
    end_expect_line(rig, &backend, "Content-Length: 5");
    end_expect_head(rig, &backend, "POST /p ");
    end_expect(rig, &backend, "hello");
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_chunked_request_with_expect(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
             "Transfer-Encoding: chunked\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect(rig, &client, "HTTP/1.1 100 Continue\r\n\r\n");
    end_send(rig, &client, "2\r\nab\r\n");
    end_send(rig, &client, "1\r\nc\r\n0\r\nT: 1\r\n\r\n");
    end_expect_head(rig, &backend, "PUT /p ");
    end_expect(rig, &backend, "2\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n");
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    rig_exchange(rig, &client, &backend, 0);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_refused_heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        unsigned status;
    } heads[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
        { "GET / HTTP/1.1\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          400 },
        { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
        { "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct rig *rig = rig_new(NULL);
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);

        print_message("%s\n", heads[i].head);
        end_send(rig, &client, heads[i].head);
        end_expect_status(rig, &client, heads[i].status);
        end_close(&client);
        rig_free(rig);
    }
}

static void test_kept_connections_serve_newest_first(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end one = rig_client(rig, PROC_LISTEN_HTTP), two = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &one, RIG_GET);
    struct end first = rig_backend(rig, 0);
    end_send(rig, &two, RIG_GET);
    struct end second = rig_backend(rig, 0);
    end_expect_head(rig, &first, "GET ");
    end_expect_head(rig, &second, "GET ");
    end_send(rig, &first, RIG_OK);
    end_expect(rig, &one, RIG_OK);
    end_send(rig, &second, RIG_OK);
    end_expect(rig, &two, RIG_OK);
    rig_exchange(rig, &one, &second, 0);
    rig_exchange(rig, &two, &second, 0);
    end_expect_silence(rig, &first);
    end_close(&one);
    end_close(&two);
    end_close(&first);
    end_close(&second);
    rig_free(rig);
}

static void test_unasked_bytes_end_a_kept_connection(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct end backend = { .fd = -1 }, next = { .fd = -1 };

    rig_exchange(rig, &client, &backend, 0);
    end_send(rig, &backend, RIG_OK);
    end_expect_end(rig, &backend);
    rig_exchange(rig, &client, &next, 0);
    end_close(&client);
    end_close(&backend);
    end_close(&next);
    rig_free(rig);
}

static void test_last_request_of_a_connection(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    struct end backend = { .fd = -1 };

    options.settings.keep_alive_requests = 2;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    rig_exchange(rig, &client, &backend, 0);
    end_send(rig, &client, RIG_GET);
    end_expect_head(rig, &backend, "GET ");
    end_send(rig, &backend, RIG_OK);
    end_expect_line(rig, &client, "Connection: close");
    end_expect_head(rig, &client, "HTTP/1.1 200 ");
    end_expect(rig, &client, "ok");
    end_expect_end(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer),
        cmocka_unit_test(test_connections_are_kept_on_both_sides),
        cmocka_unit_test(test_forged_trailers_are_dropped),
        cmocka_unit_test(test_interim_answers_in_the_log),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_framings_of_answers),
        cmocka_unit_test(test_framings_of_answers_byte_by_byte),
        cmocka_unit_test(test_request_byte_by_byte),
        cmocka_unit_test(test_chunked_request_with_expect),
        cmocka_unit_test(test_refused_heads),
        cmocka_unit_test(test_kept_connections_serve_newest_first),
        cmocka_unit_test(test_unasked_bytes_end_a_kept_connection),
        cmocka_unit_test(test_last_request_of_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
