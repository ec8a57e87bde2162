#include <stdio.h>
#include <sys/socket.h>

#include "../unit/http/h2_by_hand.h"
#include "h2_end.h"

/* HTTP/2 towards clients: the worker speaks to a session of the other role, which the test leads. */

static void h2_open(struct rig *rig, struct h2_end *client)
{
    h2_end_init(client, rig_client(rig, PROC_LISTEN_HTTP), H2_CLIENT);
}

static void test_a_request_and_its_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    char text[1024];

    h2_open(rig, &client);
    side_ask(&client.side, "GET", "/x?y", true);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_expect_line(rig, &backend, "Host: a.test");
    end_expect_head(rig, &backend, "GET /x?y HTTP/1.1\r\n");
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok");
    h2_end_expect(rig, &client, "head 1 200|data 1 2|end 1|");
    assert_int_equal(h2_session_streams(client.side.session), 1);
    struct span log = rig_log(rig, text, sizeof(text));
    assert_true(span_contains(log, SPAN("\"GET /x?y HTTP/2.0\" 200 2 ")));

    /* The same connections, both ways. */
    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    end_expect_head(rig, &backend, "GET / HTTP/1.1\r\n");
    end_send(rig, &backend, "HTTP/1.1 204 No Content\r\n\r\n");
    h2_end_expect(rig, &client, "head 3 204 whole|");
    assert_int_equal(rig->worker.buffers.lent, 0);
    assert_int_equal(rig->worker.streams_len, 0);
    h2_end_close(rig, &client);
    end_close(&backend);
    rig_free(rig);
}

static void test_bodies_and_trailers(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;

    h2_open(rig, &client);
    struct h2_stream *stream = side_ask(&client.side, "POST", "/", false);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_expect_line(rig, &backend, "Transfer-Encoding: chunked");
    end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
    assert_int_equal(h2_end_tell(rig, &client, stream, SPAN("hello")), 5);
    end_expect(rig, &backend, "5\r\nhello\r\n");
    struct http_header trailer = { .name = "x-sum", .name_len = 5, .value = "1", .value_len = 1 };
    h2_stream_end(stream, &trailer, 1);
    h2_end_settle(rig, &client);
    end_expect(rig, &backend, "0\r\nx-sum: 1\r\n\r\n");

    end_send(rig, &backend,
             "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    h2_end_expect(rig, &client, "head 1 103 whole|head 1 200|data 1 3|");
    end_send(rig, &backend, "0\r\nX-Total: 3\r\n\r\n");
    h2_end_expect(rig, &client, "end 1 x-total=3|");
    h2_end_close(rig, &client);
    end_close(&backend);
    rig_free(rig);
}

/* What speaks for the gate cannot be said behind the content either. */
static void test_forged_trailers_are_dropped(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    const struct http_header trailers[] = {
        { .name = "ssl-client-verify", .name_len = 17, .value = "SUCCESS", .value_len = 7 },
        { .name = "ssl_client_subject_dn", .name_len = 21, .value = "CN=x", .value_len = 4 },
        { .name = "x-sum", .name_len = 5, .value = "1", .value_len = 1 },
    };

    h2_open(rig, &client);
    struct h2_stream *stream = side_ask(&client.side, "POST", "/", false);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
    h2_stream_end(stream, trailers, ARRAY_LEN(trailers));
    h2_end_settle(rig, &client);
    end_expect(rig, &backend, "0\r\nx-sum: 1\r\n\r\n");
    h2_end_close(rig, &client);
    end_close(&backend);
    rig_free(rig);
}

/* A backend of HTTP/1.1 gets no more of them than HTTP/1.1 itself could have brought. */
static void test_trailers_are_limited(void **state)
{
    enum { FIT = 8000, PAST = 20000 };
    static char value[FIT];
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    size_t sizes[] = { PAST, FIT };

    memset(value, 'v', sizeof(value));
    h2_open(rig, &client);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct h2_stream *stream = side_ask(&client.side, "POST", "/", false);
        h2_end_settle(rig, &client);
        struct end backend = rig_backend(rig, 0);
        end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
        assert_int_equal(h2_end_tell(rig, &client, stream, SPAN("hello")), 5);
        end_expect(rig, &backend, "5\r\nhello\r\n");
        h2_end_finish(rig, &client, stream, sizes[i]);
        if (sizes[i] == FIT) {
            end_expect(rig, &backend, "0\r\nx-sum: ");
            end_expect_bytes(rig, &backend, span_of(value, FIT));
            end_expect(rig, &backend, "\r\n\r\n");
            end_send(rig, &backend, RIG_OK);
            h2_end_expect(rig, &client, "head 3 200|data 3 2|end 3|");
        } else {
            h2_end_expect(rig, &client, "reset 1 1|");
            end_expect_end(rig, &backend);
        }
        end_close(&backend);
    }
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* A whole body that came with its head can be sent again. */
static void test_a_whole_body_is_sent_again(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    options.backends = 2;
    struct rig *rig = rig_new(&options);
    struct h2_end client;
    struct end backend;
    struct buf out = { 0 };
    char at[2000];
    size_t written;

    h2_open(rig, &client);
    struct h2_stream *stream = side_ask(&client.side, "PUT", "/", false);
    assert_int_equal(h2_stream_write(stream, SPAN("hello"), at, sizeof(at), &written), 5);
    buf_append(&out, span_of(at, written));
    h2_stream_end(stream, NULL, 0);
    side_say(&client.side, &out);
    end_send_bytes(rig, &client.end, buf_span(&out));
    buf_deinit(&out);

    unsigned first = rig_backend_any(rig, &backend);
    end_close(&backend); /* it hangs up */
    backend = rig_backend(rig, 1 - first);
    end_expect_head(rig, &backend, "PUT / HTTP/1.1\r\n");
    end_expect(rig, &backend, "5\r\nhello\r\n0\r\n\r\n");
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    h2_end_expect(rig, &client, "head 1 200|end 1|");
    h2_end_close(rig, &client);
    end_close(&backend);
    rig_free(rig);
}

/* The first `len` streams, each with an answer that says "ok". */
static void assert_answered(const struct h2_end *client, unsigned len)
{
    struct span log = buf_span(&client->side.log);

    for (unsigned id = 1; id < 2 * len; id += 2) {
        char head[32], data[32], end[32];

        snprintf(head, sizeof(head), "head %u 200|", id);
        snprintf(data, sizeof(data), "data %u 2|", id);
        snprintf(end, sizeof(end), "end %u|", id);
        assert_true(span_contains(log, span_from_str(head)));
        assert_true(span_contains(log, span_from_str(data)));
        assert_true(span_contains(log, span_from_str(end)));
    }
}

static void test_many_streams_at_once(void **state)
{
    enum { STREAMS = 16 };
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    struct end backends[STREAMS];

    h2_open(rig, &client);
    h2_end_settle(rig, &client);
    for (unsigned i = 0; i < STREAMS; i++)
        side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    for (unsigned i = 0; i < STREAMS; i++) {
        backends[i] = rig_backend(rig, 0);
        end_expect_head(rig, &backends[i], "GET / HTTP/1.1\r\n");
    }
    assert_int_equal(rig->worker.streams_len, STREAMS);
    for (unsigned i = STREAMS; i-- > 0;)
        end_send(rig, &backends[i], RIG_OK);
    h2_end_settle(rig, &client);
    assert_answered(&client, STREAMS);
    assert_int_equal(rig->worker.streams_len, 0);
    for (unsigned i = 0; i < STREAMS; i++)
        end_close(&backends[i]);
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* A backend that does not read slows its stream down, and no other. */
static void test_a_slow_backend_slows_its_client(void **state)
{
    static char megabyte[1 << 20];
    (void)state;
    struct rig_options options = rig_options_default();
    options.policy.body_bytes_max = 0;
    struct rig *rig = rig_new(&options);
    struct h2_end client;

    rig->small_buffers = 65536; /* of less, TCP waits for its timer between two pieces */
    h2_open(rig, &client);
    struct h2_stream *stream = side_ask(&client.side, "POST", "/", false);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    size_t taken = 0, more;
    do {
        more = h2_end_tell(rig, &client, stream, span_of(megabyte, sizeof(megabyte)));
        taken += more;
    } while (more > 0 && taken < 64 * sizeof(megabyte));
    assert_true(taken < 64 * sizeof(megabyte)); /* what sockets hold, and the window */

    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    struct end other = rig_backend(rig, 0);
    end_send(rig, &other, RIG_OK);
    client.side.log.len = 0;
    h2_end_expect(rig, &client, "head 3 200|data 3 2|end 3|");

    uint64_t start_ns = clock_mono_ns();
    for (more = 0; more < sizeof(megabyte);) {
        assert_true(rig_wait(rig, start_ns));
        end_receive(&backend);
        backend.got.len = 0;
        more += h2_end_tell(rig, &client, stream, span_of(megabyte, sizeof(megabyte) - more));
    }
    end_close(&backend);
    end_close(&other);
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* A client that opens no window slows its backend down, and no other stream. */
static void test_a_slow_client_slows_its_backend(void **state)
{
    static char megabyte[1 << 20];
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;

    rig->small_buffers = 4096;
    h2_open(rig, &client);
    client.side.consumes = false;
    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    size_t sent = 0;
    for (ssize_t n = 1; n > 0;) {
        n = send(backend.fd, megabyte, sizeof(megabyte) - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        h2_end_settle(rig, &client);
    }
    assert_true(sent < 300000); /* the window, and what sockets hold */

    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    struct end other = rig_backend(rig, 0);
    end_send(rig, &other, RIG_OK);
    client.side.log.len = 0;
    h2_end_expect(rig, &client, "head 3 200|data 3 2|end 3|");
    end_close(&backend);
    end_close(&other);
    h2_end_close(rig, &client);
    rig_free(rig);
}

static void test_resets_go_through(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    char text[1024];

    h2_open(rig, &client);
    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "GET / HTTP/1.1\r\n");
    side_let_go(&client.side, 0);
    h2_end_settle(rig, &client);
    end_expect_end(rig, &backend);
    struct span log = rig_log(rig, text, sizeof(text));
    assert_true(span_contains(log, SPAN("\"GET / HTTP/2.0\" 499 ")));
    end_close(&backend);

    /* And the other way: what is missing is told. */
    client.side.streams_len = 0;
    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    backend = rig_backend(rig, 0);
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    h2_end_settle(rig, &client);
    end_close(&backend);
    h2_end_expect(rig, &client, "head 3 200|data 3 4|reset 3 2|");
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* Taken back in the same breath, a request costs neither an exchange nor a connection. */
static void test_what_is_taken_back_at_once_is_not_begun(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    struct buf out = { 0 };

    h2_open(rig, &client);
    side_ask(&client.side, "GET", "/", true);
    side_say(&client.side, &out);
    side_let_go(&client.side, 0);
    side_say(&client.side, &out);
    end_send_bytes(rig, &client.end, buf_span(&out));
    buf_deinit(&out);
    h2_end_settle(rig, &client);
    assert_false(rig_backend_called(rig, 0));
    assert_int_equal(rig->worker.streams_len, 0);
    assert_int_equal(rig->worker.buffers.lent, 0);
    client.side.streams_len = 0;
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* An answer before the body is whole: the client is told to stop, the connection goes on. */
static void test_early_answers(void **state)
{
    static char piece[60000];
    (void)state;
    struct rig_options options = rig_options_default();
    options.policy.body_bytes_max = 50000;
    struct rig *rig = rig_new(&options);
    struct h2_end client;

    h2_open(rig, &client);
    struct h2_stream *stream = side_ask(&client.side, "POST", "/", false);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    (void)!h2_end_tell(rig, &client, stream, span_of(piece, sizeof(piece)));
    h2_end_settle(rig, &client);
    assert_true(span_contains(buf_span(&client.side.log), SPAN("head 1 413|data 1 ")));
    assert_true(span_ends_with(buf_span(&client.side.log), SPAN("end 1|")));
    client.side.log.len = 0;
    end_close(&backend);

    /* It has a while to stop by itself; what it says meanwhile is dropped. */
    assert_int_equal(h2_end_tell(rig, &client, stream, span_of(piece, 30000)), 30000);
    rig_pass_ms(rig, PROXY_LINGER_MS - LOOP_TICK_MS);
    h2_end_settle(rig, &client);
    assert_false(span_contains(buf_span(&client.side.log), SPAN("reset")));
    assert_int_equal(rig->worker.buffers.lent, 0);
    rig_pass_ms(rig, 2 * LOOP_TICK_MS);
    client.side.log.len = 0;
    h2_end_expect(rig, &client, "reset 1 0|");
    assert_int_equal(rig->worker.streams_len, 0);

    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    backend = rig_backend(rig, 0);
    end_send(rig, &backend, RIG_OK);
    h2_end_expect(rig, &client, "head 3 200|data 3 2|end 3|");
    end_close(&backend);
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* Whoever asks is told to go on, once a backend takes the body. */
static void test_the_client_is_told_to_go_on(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;
    struct http_header expect = {
        .name = "expect", .name_len = 6, .value = "100-continue", .value_len = 12
    };
    struct h2_request request = {
        .method = HTTP_POST,
        .method_text = SPAN("POST"),
        .scheme = SPAN("http"),
        .authority = SPAN("a.test"),
        .path = SPAN("/"),
        .headers = &expect,
        .headers_len = 1,
    };

    h2_open(rig, &client);
    struct h2_stream *stream = h2_session_request(client.side.session, &request, NULL);
    side_keep(&client.side, stream);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
    h2_end_expect(rig, &client, "head 1 100 whole|");
    assert_int_equal(h2_end_tell(rig, &client, stream, SPAN("now")), 3);
    h2_stream_end(stream, NULL, 0);
    h2_end_settle(rig, &client);
    end_expect(rig, &backend, "3\r\nnow\r\n0\r\n\r\n");
    end_send(rig, &backend, RIG_OK);
    h2_end_expect(rig, &client, "head 1 200|data 1 2|end 1|");
    end_close(&backend);
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* A body that does not come, and an answer that is not taken: each stream has times of its own. */
static void test_streams_time_out_by_themselves(void **state)
{
    static char content[70000];
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;

    h2_open(rig, &client);
    client.side.consumes = false;
    side_ask(&client.side, "POST", "/", false);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    assert_int_equal(rig->stats->connections_writing, 1);
    rig_pass_ms(rig, rig->options.settings.client_body_timeout_ms + LOOP_TICK_MS);
    h2_end_settle(rig, &client);
    assert_true(span_starts_with(buf_span(&client.side.log), SPAN("head 1 408|")));
    end_close(&backend);
    client.side.log.len = 0;

    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    backend = rig_backend(rig, 0);
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
    end_send_bytes(rig, &backend, span_of(content, sizeof(content)));
    h2_end_settle(rig, &client);
    rig_pass_ms(rig, PROXY_CLIENT_SEND_TIMEOUT_MS + LOOP_TICK_MS);
    h2_end_settle(rig, &client);
    assert_true(span_ends_with(buf_span(&client.side.log), SPAN("reset 3 2|")));
    assert_false(client.end.ended);
    assert_int_equal(rig->stats->connections_waiting, 1);
    end_close(&backend);
    h2_end_close(rig, &client);
    rig_free(rig);
}

static void test_connect_is_refused(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct buf bytes = { 0 }, block = { 0 };

    buf_append(&bytes, SPAN(H2_PREFACE));
    frame_put(&bytes, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
    field_append(&block, ":method", "CONNECT");
    field_append(&block, ":authority", "a.test:443");
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, 1, buf_span(&block));
    end_send_bytes(rig, &client, buf_span(&bytes));
    end_receive(&client);
    assert_non_null(memmem(client.got.ptr, client.got.len, "<title>405", 10));
    buf_deinit(&bytes);
    buf_deinit(&block);
    end_close(&client);
    rig_settle(rig);
    rig_free(rig);
}

/* ---- the end of connections ---- */

static void test_idle_connections_are_told_to_go(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;

    h2_open(rig, &client);
    h2_end_settle(rig, &client);
    rig_pass_ms(rig, rig->options.settings.client_header_timeout_ms + LOOP_TICK_MS);
    h2_end_expect(rig, &client, "goaway 0|");
    assert_true(client.end.ended);
    h2_end_close(rig, &client);

    h2_open(rig, &client);
    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    rig_pass_ms(rig, rig->options.policy.read_timeout_ms / 2);
    end_send(rig, &backend, RIG_OK);
    h2_end_settle(rig, &client);
    rig_pass_ms(rig, rig->options.settings.keep_alive_ms - LOOP_TICK_MS);
    assert_false(client.end.ended);
    rig_pass_ms(rig, 2 * LOOP_TICK_MS);
    h2_end_settle(rig, &client);
    assert_true(client.end.ended);
    end_close(&backend);
    h2_end_close(rig, &client);
    rig_free(rig);
}

static void test_so_many_requests_and_then_anew(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    options.settings.keep_alive_requests = 2;
    struct rig *rig = rig_new(&options);
    struct h2_end client;

    h2_open(rig, &client);
    side_ask(&client.side, "GET", "/", true);
    side_ask(&client.side, "GET", "/", true);
    h2_end_settle(rig, &client);
    assert_true(span_contains(buf_span(&client.side.log), SPAN("goaway 0|")));
    assert_int_equal(h2_session_capacity(client.side.session), 0);
    struct end first = rig_backend(rig, 0), second = rig_backend(rig, 0);
    client.side.log.len = 0;
    end_send(rig, &first, RIG_OK);
    end_send(rig, &second, RIG_OK);
    h2_end_settle(rig, &client);
    assert_true(span_contains(buf_span(&client.side.log), SPAN("end 1|")));
    assert_true(span_contains(buf_span(&client.side.log), SPAN("end 3|")));
    assert_true(client.end.ended);
    end_close(&first);
    end_close(&second);
    h2_end_close(rig, &client);
    rig_free(rig);
}

static void test_a_draining_worker_lets_streams_end(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end idle, busy;

    h2_open(rig, &idle);
    h2_end_settle(rig, &idle);
    h2_open(rig, &busy);
    side_ask(&busy.side, "GET", "/", true);
    h2_end_settle(rig, &busy);
    struct end backend = rig_backend(rig, 0);

    rig->worker.draining = true;
    worker_close_idle(&rig->worker);
    h2_end_expect(rig, &idle, "goaway 0|");
    assert_true(idle.end.ended);
    h2_end_expect(rig, &busy,
                  "goaway 0|goaway 0|"); /* the notice; and, after the PING, which were the last */
    end_send(rig, &backend, RIG_OK);
    h2_end_expect(rig, &busy, "head 1 200|data 1 2|end 1|");
    assert_true(busy.end.ended);
    h2_end_close(rig, &idle);
    h2_end_close(rig, &busy);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&backend);
    rig_free(rig);
}

/* A client that takes nothing is not listened to, and then closed. */
static void test_a_client_that_does_not_read(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct buf pings = { 0 };

    rig->small_buffers = 4096;
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    buf_append(&pings, SPAN(H2_PREFACE));
    frame_put(&pings, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
    /* The first read's worth is answered; the rest is not even read. */
    for (unsigned i = 0; i < 20 * H2_CHORES_BURST; i++)
        frame_put(&pings, FRAME_PING, 0, 0, SPAN("12345678"));
    struct span rest = buf_span(&pings);
    for (ssize_t n = 1; n > 0 && rest.len > 0;) {
        n = send(client.fd, rest.ptr, rest.len, MSG_NOSIGNAL);
        rest = span_from(rest, n > 0 ? (size_t)n : 0);
        rig_settle(rig);
    }
    assert_true(rest.len > 0);
    assert_int_equal(rig->worker.clients_len, 1); /* more of them, and it would be gone */
    assert_true(rig->worker.buffers.lent <= 2);
    rig_pass_ms(rig, PROXY_CLIENT_SEND_TIMEOUT_MS + 2 * LOOP_TICK_MS);
    assert_int_equal(rig->worker.clients_len, 0);
    buf_deinit(&pings);
    end_close(&client);
    rig_free(rig);
}

/* Clients' streams in all are bounded as connections are. */
static void test_streams_are_limited_in_all(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;

    rig->worker.clients_max = 3;
    h2_open(rig, &client);
    h2_end_settle(rig, &client);
    for (unsigned i = 0; i < 4; i++)
        side_ask(&client.side, "GET", "/", true);
    h2_end_expect(rig, &client, "reset 7 7|");
    assert_int_equal(rig->worker.streams_len, 3);
    assert_int_equal(stats_get(&rig->stats->refused_streams), 1);
    assert_int_equal(stats_get(&rig->stats->refused_connections), 0);
    h2_end_close(rig, &client);
    rig_free(rig);
}

/* Content that a worker cannot hold is refused, where windows promised more than there is; and so are heads. */
static void test_content_and_heads_are_limited_in_all(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct h2_end client;

    h2_open(rig, &client);
    struct h2_stream *stream = side_ask(&client.side, "POST", "/", false);
    h2_end_settle(rig, &client);
    struct end backend = rig_backend(rig, 0);
    rig->worker.buffers.lent_bytes += PROXY_H2_BUFFERS_BYTES_MAX + 1; /* as if others held it */
    side_ask(&client.side, "GET", "/", true);
    h2_end_expect(rig, &client, "reset 3 7|");
    assert_int_equal(rig->worker.streams_len, 1);
    assert_int_equal(stats_get(&rig->stats->refused_streams), 1);
    (void)!h2_end_tell(rig, &client, stream, SPAN("one more"));
    h2_end_expect(rig, &client, "reset 1 11|");
    end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
    end_expect_end(rig, &backend);
    rig->worker.buffers.lent_bytes -= PROXY_H2_BUFFERS_BYTES_MAX + 1;
    end_close(&backend);
    h2_end_close(rig, &client);
    assert_int_equal(rig->worker.buffers.lent_bytes, 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_and_its_answer),
        cmocka_unit_test(test_bodies_and_trailers),
        cmocka_unit_test(test_forged_trailers_are_dropped),
        cmocka_unit_test(test_trailers_are_limited),
        cmocka_unit_test(test_a_whole_body_is_sent_again),
        cmocka_unit_test(test_many_streams_at_once),
        cmocka_unit_test(test_a_slow_backend_slows_its_client),
        cmocka_unit_test(test_a_slow_client_slows_its_backend),
        cmocka_unit_test(test_resets_go_through),
        cmocka_unit_test(test_what_is_taken_back_at_once_is_not_begun),
        cmocka_unit_test(test_early_answers),
        cmocka_unit_test(test_the_client_is_told_to_go_on),
        cmocka_unit_test(test_streams_time_out_by_themselves),
        cmocka_unit_test(test_connect_is_refused),
        cmocka_unit_test(test_idle_connections_are_told_to_go),
        cmocka_unit_test(test_so_many_requests_and_then_anew),
        cmocka_unit_test(test_a_draining_worker_lets_streams_end),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_streams_are_limited_in_all),
        cmocka_unit_test(test_content_and_heads_are_limited_in_all),
    };

    return cmocka_run_group_tests_name("loopback/h2", tests, NULL, NULL);
}
