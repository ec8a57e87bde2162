#include <sys/socket.h>
#include <unistd.h>

#include "h2_end.h"

/* HTTP/2 towards backends: clients of HTTP/1.1 here, so that both translations are seen; a backend is a
 * session that the test leads. */

static struct rig *h2_rig(unsigned backends)
{
    struct rig_options options = rig_options_default();

    options.policy.protocol = ROUTE_PROTOCOL_H2C;
    options.backends = backends;
    return rig_new(&options);
}

static void backend_open(struct rig *rig, unsigned index, struct h2_end *backend)
{
    h2_end_init(backend, rig_backend(rig, index), H2_SERVER);
}

static void answer(struct rig *rig, struct h2_end *backend, unsigned stream, const char *text)
{
    struct h2_stream *to = backend->side.streams[stream];

    h2_stream_respond(to, 200, NULL, 0, false);
    assert_int_equal(h2_end_tell(rig, backend, to, span_from_str(text)), strlen(text));
    h2_stream_end(to, NULL, 0);
    h2_end_settle(rig, backend);
}

static void test_a_request_and_its_answer(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct http_header header = { .name = "X-B", .name_len = 3, .value = "2", .value_len = 1 };

    end_send(rig, &client, "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\n\r\n");
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_expect(rig, &backend, "head 1 GET /x?y=1 whole|");
    h2_stream_respond(backend.side.streams[0], 103, &header, 1, false);
    h2_end_settle(rig, &backend);
    end_expect(rig, &client, "HTTP/1.1 103 Early Hints\r\nx-b: 2\r\n\r\n");
    h2_stream_respond(backend.side.streams[0], 200, &header, 1, false);
    assert_int_equal(h2_end_tell(rig, &backend, backend.side.streams[0], SPAN("hello")), 5);
    end_expect_line(rig, &client, "Transfer-Encoding: chunked");
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &client, "5\r\nhello\r\n");
    struct http_header trailer = { .name = "x-sum", .name_len = 5, .value = "1", .value_len = 1 };
    h2_stream_end(backend.side.streams[0], &trailer, 1);
    h2_end_settle(rig, &backend);
    end_expect(rig, &client, "0\r\nx-sum: 1\r\n\r\n");

    /* The next one takes the same connection, which holds nothing meanwhile. */
    rig_settle(rig);
    assert_int_equal(rig->worker.buffers.lent, 0);
    end_send(rig, &client, "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    h2_end_expect(rig, &backend, "head 3 HEAD / whole|");
    h2_stream_respond(backend.side.streams[1], 204, NULL, 0, true);
    h2_end_settle(rig, &backend);
    end_expect_head(rig, &client, "HTTP/1.1 204 No Content\r\n");
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 1);
    assert_int_equal(stats_get(&rig->stats->upstream_reuses), 1);
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

static void test_a_body_with_trailers(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_expect(rig, &backend, "head 1 POST /|data 1 3|");
    end_send(rig, &client, "2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    h2_end_expect(rig, &backend, "data 1 2|end 1 x-sum=5|");
    answer(rig, &backend, 0, "ok");
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &client, "2\r\nok\r\n0\r\n\r\n");
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* A client of HTTP/1.1 gets no more of them than HTTP/1.1 itself could have brought: past that, an answer that
 * is not whole. */
static void test_trailers_are_limited(void **state)
{
    enum { FIT = 8000, PAST = 20000, FAR_PAST = 60000 };
    static char value[FIT];
    (void)state;
    struct rig *rig = h2_rig(1);
    struct h2_end backend;
    size_t sizes[] = { PAST, FAR_PAST, FIT };

    memset(value, 'v', sizeof(value));
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);
        end_send(rig, &client, RIG_GET);
        if (i == 0)
            backend_open(rig, 0, &backend);
        h2_end_settle(rig, &backend);
        struct h2_stream *stream = backend.side.streams[i];
        h2_stream_respond(stream, 200, NULL, 0, false);
        assert_int_equal(h2_end_tell(rig, &backend, stream, SPAN("hello")), 5);
        end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
        end_expect(rig, &client, "5\r\nhello\r\n");
        h2_end_finish(rig, &backend, stream, sizes[i]);
        if (sizes[i] == FIT) {
            end_expect(rig, &client, "0\r\nx-sum: ");
            end_expect_bytes(rig, &client, span_of(value, FIT));
            end_expect(rig, &client, "\r\n\r\n");
            end_expect_silence(rig, &client);
        } else {
            end_expect_end(rig, &client);
        }
        end_close(&client);
    }
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 1);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* As many as the backend takes go on one connection, the rest on another. */
static void test_streams_share_connections(void **state)
{
    enum { CLIENTS = 20, STREAMS = 16 };
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end clients[CLIENTS];
    struct h2_end backends[2];

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = rig_client(rig, PROC_LISTEN_HTTP);
        end_send(rig, &clients[i], RIG_GET);
        if (i == 0) { /* its SETTINGS are known to those that follow */
            backend_open(rig, 0, &backends[0]);
            h2_end_settle(rig, &backends[0]);
        }
    }
    backend_open(rig, 0, &backends[1]);
    for (unsigned round = 0; round < 3; round++) {
        h2_end_settle(rig, &backends[0]);
        h2_end_settle(rig, &backends[1]);
    }
    assert_int_equal(backends[0].side.streams_len, STREAMS);
    assert_int_equal(backends[1].side.streams_len, CLIENTS - STREAMS);
    assert_false(rig_backend_called(rig, 0));
    for (unsigned i = CLIENTS; i-- > 0;) /* in any order */
        answer(rig, &backends[i / STREAMS], (i * 3 + 1) % (i < STREAMS ? STREAMS : 4), "ok");
    for (unsigned i = 0; i < CLIENTS; i++) {
        end_expect_head(rig, &clients[i], "HTTP/1.1 200 OK\r\n");
        end_close(&clients[i]);
    }
    h2_end_close(rig, &backends[0]);
    h2_end_close(rig, &backends[1]);
    rig_free(rig);
}

/* What was refused was not processed: it is safe to send a POST again, elsewhere. */
static void test_refused_streams_are_sent_again(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(2);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    struct h2_end backends[2];
    struct end end;
    unsigned first = rig_backend_any(rig, &end);
    h2_end_init(&backends[0], end, H2_SERVER);
    h2_end_expect(rig, &backends[0], "head 1 POST /|data 1 3|end 1|");
    h2_stream_reset(backends[0].side.streams[0], H2_REFUSED_STREAM);
    h2_end_settle(rig, &backends[0]);
    backend_open(rig, 1 - first, &backends[1]);
    h2_end_expect(rig, &backends[1], "head 1 POST /|data 1 3|end 1|");
    answer(rig, &backends[1], 0, "ok");
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_close(&client);
    h2_end_close(rig, &backends[0]);
    h2_end_close(rig, &backends[1]);
    rig_free(rig);
}

/* GOAWAY: what it names goes on, the connection takes nothing more and is closed behind it. */
static void test_goaway(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), other;

    end_send(rig, &client, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_expect(rig, &backend, "head 1 GET / whole|");
    h2_session_shutdown(backend.side.session, H2_NO_ERROR);
    h2_end_settle(rig, &backend);

    other = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &other, RIG_GET);
    struct h2_end second;
    backend_open(rig, 0, &second);
    h2_end_expect(rig, &second, "head 1 GET / whole|");
    answer(rig, &second, 0, "2");
    end_expect_head(rig, &other, "HTTP/1.1 200 OK\r\n");
    answer(rig, &backend, 0, "1");
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &client, "1\r\n1\r\n0\r\n\r\n");
    rig_settle(rig);
    end_receive(&backend.end);
    assert_true(backend.end.ended);
    end_close(&client);
    end_close(&other);
    h2_end_close(rig, &backend);
    h2_end_close(rig, &second);
    rig_free(rig);
}

/* And one that carries nothing is closed at once. */
static void test_goaway_to_an_idle_connection(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    answer(rig, &backend, 0, "ok");
    assert_int_equal(rig->worker.endpoints.idle_len, 1);
    h2_session_shutdown_begin(backend.side.session);
    h2_end_settle(rig, &backend);
    assert_true(backend.end.ended);
    assert_int_equal(rig->worker.endpoints.idle_len, 0);
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* SETTINGS that allow no streams: an idle connection is of no use, and the next one is expected to be as others were. */
static void test_no_streams_allowed(void **state)
{
    static const char none[] = { 0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0 };
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end clients[3];

    clients[0] = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &clients[0], RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    answer(rig, &backend, 0, "ok");
    end_expect_head(rig, &clients[0], "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &clients[0], "2\r\nok\r\n0\r\n\r\n");
    end_send_bytes(rig, &backend.end, span_of(none, sizeof(none)));
    rig_settle(rig);
    assert_int_equal(rig->worker.endpoints.idle_len, 0);
    h2_end_close(rig, &backend);

    clients[1] = rig_client(rig, PROC_LISTEN_HTTP);
    clients[2] = rig_client(rig, PROC_LISTEN_HTTP);
    rig_settle(rig);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send(clients[i].fd, RIG_GET, strlen(RIG_GET), 0), strlen(RIG_GET));
    backend_open(rig, 0, &backend);
    h2_end_expect(rig, &backend, "head 1 GET / whole|head 3 GET / whole|head 5 GET / whole|");
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 2);
    assert_int_equal(stats_get(&rig->stats->upstream_reuses), 2);
    for (unsigned i = 0; i < 3; i++)
        end_close(&clients[i]);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* A connection that fails is one failure, however many waited for it. */
static void test_failures_are_counted_once(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    struct end clients[3];

    options.policy.protocol = ROUTE_PROTOCOL_H2C;
    options.policy.retry_tries = 1;
    struct rig *rig = rig_new(&options);
    close(rig->listeners[0]);
    rig->listeners[0] = -1;
    for (unsigned i = 0; i < 3; i++)
        clients[i] = rig_client(rig, PROC_LISTEN_HTTP);
    rig_settle(rig);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send(clients[i].fd, RIG_GET, strlen(RIG_GET), 0), strlen(RIG_GET));
    for (unsigned i = 0; i < 3; i++) {
        end_expect_status(rig, &clients[i], 502);
        end_close(&clients[i]);
    }
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 1);
    assert_int_equal(stats_get(&rig->stats->upstream_connect_failures), 1);
    rig_free(rig);
}

/* A stream that is reset is an answer of a kind: it costs a try, as on a new connection. */
static void test_resets_cost_a_try(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.protocol = ROUTE_PROTOCOL_H2C;
    options.policy.retry_tries = 1;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    answer(rig, &backend, 0, "ok");
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &client, "2\r\nok\r\n0\r\n\r\n");
    end_send(rig, &client, RIG_GET);
    h2_end_settle(rig, &backend);
    h2_stream_reset(backend.side.streams[1], H2_INTERNAL_ERROR);
    h2_end_settle(rig, &backend);
    end_expect_status(rig, &client, 502);
    assert_int_equal(backend.side.streams_len, 2);
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* A client that leaves cancels its stream, and no other's. */
static void test_cancellation(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end leaves = rig_client(rig, PROC_LISTEN_HTTP),
               stays = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &leaves, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    end_send(rig, &stays, RIG_GET);
    h2_end_expect(rig, &backend, "head 1 GET / whole|head 3 GET / whole|");
    end_close(&leaves);
    h2_end_expect(rig, &backend, "reset 1 8|");
    answer(rig, &backend, 1, "ok");
    end_expect_head(rig, &stays, "HTTP/1.1 200 OK\r\n");
    end_close(&stays);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* A backend that resets amid an answer: the client must see that something is missing. */
static void test_reset_amid_an_answer(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    struct h2_stream *stream = backend.side.streams[0];
    h2_stream_respond(stream, 200, NULL, 0, false);
    h2_end_tell(rig, &backend, stream, SPAN("abc"));
    h2_stream_reset(stream, H2_INTERNAL_ERROR);
    h2_end_settle(rig, &backend);
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &client, "3\r\nabc\r\n");
    end_expect_end(rig, &client);
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* The connection breaks: what may be repeated is, on a new one; the rest is a 502. */
static void test_lost_connection(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end gets = rig_client(rig, PROC_LISTEN_HTTP), posts = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &gets, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    end_send(rig, &posts, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    h2_end_settle(rig, &backend);
    end_reset(&backend.end);
    h2_end_close(rig, &backend);
    end_expect_status(rig, &posts, 502);
    backend_open(rig, 0, &backend);
    h2_end_expect(rig, &backend, "head 1 GET / whole|");
    answer(rig, &backend, 0, "ok");
    end_expect_head(rig, &gets, "HTTP/1.1 200 OK\r\n");
    end_close(&gets);
    end_close(&posts);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* A connection fails, and in the same turn its endpoint is no longer named: whoever waits for it is told of the endpoint
 * all the same. */
static void test_lost_with_its_endpoint(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(2);
    struct end client;

    rig_publish(rig, 0, 1);
    rig_pass_ms(rig, 2000);
    client = rig_client(rig, PROC_LISTEN_HTTP);
    rig_settle(rig);
    close(rig->listeners[0]);
    rig->listeners[0] = -1;
    assert_int_equal(send(client.fd, RIG_GET, strlen(RIG_GET), 0), strlen(RIG_GET));
    assert_int_equal(loop_turn(rig->loop, 0), 0); /* begins to connect */
    rig_publish(rig, 1, 1);
    rig->now_ms += 2000;
    loop_clock_set_manual(rig->loop, rig->now_ms);
    assert_int_equal(loop_turn(rig->loop, 0), 0); /* hears that nobody is there; sweeps */
    end_expect_status(rig, &client, 502);
    end_close(&client);
    rig_free(rig);
}

/* Back-pressure both ways: no more is taken than windows and buffers hold; all arrives once the slow side
 * goes on. */
static void test_back_pressure(void **state)
{
    static char block[1 << 20];
    (void)state;
    struct rig *rig = h2_rig(1);
    size_t sent = 0, got = 0;

    rig->small_buffers = 4096;
    memset(block, 'x', sizeof(block));
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    struct h2_stream *stream = backend.side.streams[0];
    h2_stream_respond(stream, 200, NULL, 0, false);
    sent = h2_end_tell(rig, &backend, stream, span_of(block, sizeof(block)));
    assert_true(sent < 200000);
    assert_true(rig->worker.buffers.lent < 8);
    uint64_t start_ns = clock_mono_ns();
    while (got < sizeof(block)) {
        assert_true(rig_wait(rig, start_ns));
        end_receive(&client);
        got += client.got.len;
        client.got.len = 0;
        if (sent < sizeof(block))
            sent += h2_end_tell(rig, &backend, stream, span_of(block, sizeof(block) - sent));
        else
            h2_end_settle(rig, &backend);
    }
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

static void test_idle_connections_are_closed(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    answer(rig, &backend, 0, "ok");
    rig_pass_ms(rig, rig->options.settings.upstream_idle_timeout_ms - 1000);
    end_receive(&backend.end);
    assert_false(backend.end.ended);
    rig_pass_ms(rig, 2000);
    end_receive(&backend.end);
    assert_true(backend.end.ended);
    assert_int_equal(rig->worker.endpoints.idle_len, 0);
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

#define GRPC_POST                                                                         \
    "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nTE: trailers\r\n" \
    "Content-Length: 0\r\n"

/* The call goes to the backend as it came, and the answer's status comes behind the content. */
static void test_grpc_call(void **state)
{
    (void)state;
    struct rig *rig = h2_rig(1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct http_header status = {
        .name = "grpc-status", .name_len = 11, .value = "0", .value_len = 1
    };

    end_send(rig, &client, GRPC_POST "grpc-timeout: 5S\r\n\r\n");
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_expect(rig, &backend, "head 1 POST /s/m|end 1|");
    struct h2_stream *stream = backend.side.streams[0];
    h2_stream_respond(stream, 200, NULL, 0, false);
    h2_stream_end(stream, &status, 1);
    h2_end_settle(rig, &backend);
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect(rig, &client, "0\r\ngrpc-status: 0\r\n\r\n");
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

static void test_grpc_errors_of_the_gate(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.protocol = ROUTE_PROTOCOL_H2C;
    options.policy.read_timeout_ms = 10000;
    options.policy.retry_tries = 1;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    char text[1024];

    end_send(rig, &client, GRPC_POST "\r\n");
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    rig_pass_ms(rig, 10000 + 2 * LOOP_TICK_MS);
    end_expect_line(rig, &client, "grpc-status: 4");
    end_expect_line(rig, &client, "grpc-message: Gateway Timeout");
    end_expect_line(rig, &client, "Content-Type: application/grpc");
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_expect_silence(rig, &client);
    struct span log = rig_log(rig, text, sizeof(text));
    assert_true(span_contains(log, SPAN("\"POST /s/m HTTP/1.1\" 504 ")));
    h2_end_expect(rig, &backend, "head 1 POST /s/m|end 1|reset 1 8|");

    /* A deadline of the call's own is waited for, even where the route's patience is less. */
    end_send(rig, &client, GRPC_POST "grpc-timeout: 30S\r\n\r\n");
    h2_end_settle(rig, &backend);
    rig_pass_ms(rig, 29000);
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, 1000 + 3 * LOOP_TICK_MS);
    end_expect_line(rig, &client, "grpc-status: 4");
    h2_end_settle(rig, &backend);

    /* The backend gives the call up at its deadline, before its client does. */
    backend.side.log.len = 0;
    end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
    end_send(rig, &client, GRPC_POST "grpc-timeout: 2S\r\n\r\n");
    h2_end_expect(rig, &backend, "head 5 POST /s/m|end 5|");
    rig_pass_ms(rig, 2000);
    h2_stream_reset(backend.side.streams[2], H2_CANCEL);
    h2_end_settle(rig, &backend);
    end_expect_line(rig, &client, "grpc-status: 4");
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* A client of a call that says how long it takes may be silent for no longer than any other. */
static void test_grpc_clients_that_say_nothing(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.protocol = ROUTE_PROTOCOL_H2C;
    options.policy.read_timeout_ms = 10000;
    options.settings.client_body_timeout_ms = 5000;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
             "Transfer-Encoding: chunked\r\ngrpc-timeout: 9H\r\n\r\n");
    struct h2_end backend;
    backend_open(rig, 0, &backend);
    h2_end_settle(rig, &backend);
    rig_pass_ms(rig, 9000);
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, 1000 + 2 * LOOP_TICK_MS);
    end_expect_line(rig, &client, "grpc-status: 2");
    end_close(&client);
    h2_end_close(rig, &backend);
    rig_free(rig);
}

/* On a route that is not gRPC's, nobody gets more time by saying so. */
static void test_grpc_on_a_plain_route(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.read_timeout_ms = 10000;
    options.policy.retry_tries = 1;
    options.settings.client_body_timeout_ms = 5000;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP),
               silent = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, GRPC_POST "grpc-timeout: 9H\r\n\r\n");
    end_send(rig, &silent,
             "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
             "Content-Length: 9\r\ngrpc-timeout: 9H\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    rig_pass_ms(rig, 5000 + 2 * LOOP_TICK_MS);
    end_expect_silence(rig, &client);
    end_expect_line(rig, &silent, "grpc-status: 2");
    rig_pass_ms(rig, 5000);
    end_expect_line(rig, &client, "grpc-status: 4");
    end_close(&client);
    end_close(&silent);
    end_close(&backend);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_and_its_answer),
        cmocka_unit_test(test_a_body_with_trailers),
        cmocka_unit_test(test_trailers_are_limited),
        cmocka_unit_test(test_streams_share_connections),
        cmocka_unit_test(test_refused_streams_are_sent_again),
        cmocka_unit_test(test_goaway),
        cmocka_unit_test(test_goaway_to_an_idle_connection),
        cmocka_unit_test(test_no_streams_allowed),
        cmocka_unit_test(test_failures_are_counted_once),
        cmocka_unit_test(test_resets_cost_a_try),
        cmocka_unit_test(test_cancellation),
        cmocka_unit_test(test_reset_amid_an_answer),
        cmocka_unit_test(test_lost_connection),
        cmocka_unit_test(test_lost_with_its_endpoint),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_idle_connections_are_closed),
        cmocka_unit_test(test_grpc_call),
        cmocka_unit_test(test_grpc_errors_of_the_gate),
        cmocka_unit_test(test_grpc_clients_that_say_nothing),
        cmocka_unit_test(test_grpc_on_a_plain_route),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
