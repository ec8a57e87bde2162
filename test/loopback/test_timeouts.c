#include "rig.h"

#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "tls/certificate.h"

/* Each time-out at its moment: nothing one tick before, and then what the client is told. */

/* Deadlines and the rig's clock are whole ticks, so that nothing is late. */
static void pass_almost(struct rig *rig, uint64_t ms)
{
    rig_pass_ms(rig, ms - LOOP_TICK_MS);
}

static void pass_rest(struct rig *rig)
{
    rig_pass_ms(rig, LOOP_TICK_MS);
}

static void test_first_head(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    pass_almost(rig, rig->options.settings.client_header_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_end(rig, &client);
    end_close(&client);
    rig_free(rig);
}

static void test_head_that_trickles(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < 5; i++) {
        rig_pass_ms(rig, 10000);
        end_send(rig, &client, "X: y\r\n");
    }
    pass_almost(rig, 10000);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_status(rig, &client, 408);
    end_expect_end(rig, &client);
    end_close(&client);
    rig_free(rig);
}

static void test_idle_keep_alive(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), backend = { .fd = -1 };

    rig_exchange(rig, &client, &backend, 0);
    pass_almost(rig, rig->options.settings.keep_alive_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_end(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_idle_upstream(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), backend = { .fd = -1 };

    rig_exchange(rig, &client, &backend, 0);
    pass_almost(rig, rig->options.settings.upstream_idle_timeout_ms);
    end_expect_silence(rig, &backend);
    pass_rest(rig);
    end_expect_end(rig, &backend);
    end_expect_silence(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_body_that_stops(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST / ");
    end_expect(rig, &backend, "ab");
    rig_pass_ms(rig, 30000);
    end_send(rig, &client, "c"); /* begins the time anew */
    pass_almost(rig, rig->options.settings.client_body_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_status(rig, &client, 408);
    end_expect(rig, &backend, "c");
    end_expect_end(rig, &backend);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_first_byte(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.retry_tries = 1;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "GET ");
    pass_almost(rig, options.policy.read_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_status(rig, &client, 504);
    end_expect_end(rig, &backend);
    end_expect_silence(rig, &client); /* the request was whole: the connection goes on */
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_gap_in_the_head_of_an_answer(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.retry_tries = 1;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    rig_pass_ms(rig, 40000);
    end_send(rig, &backend, "HTTP/1.1 102 Processing\r\n\r\n"); /* a sign of life */
    end_expect_head(rig, &client, "HTTP/1.1 102 ");
    pass_almost(rig, options.policy.read_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_status(rig, &client, 504);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_gap_in_the_body_of_an_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "GET ");
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
    end_expect_head(rig, &client, "HTTP/1.1 200 ");
    end_expect(rig, &client, "ab");
    rig_pass_ms(rig, 50000);
    end_send(rig, &backend, "c");
    end_expect(rig, &client, "c");
    pass_almost(rig, rig->options.policy.read_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_end(rig, &client);
    end_expect_end(rig, &backend);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

enum { QUEUED = 8 };

/* An address that nobody answers for: a listener whose queue is full drops what comes. */
static void backend_vanish(struct rig *rig, unsigned index, int queued[QUEUED])
{
    struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };

    close(rig->listeners[index]);
    rig->listeners[index] = socket_listen_tcp(&loopback, rig->ports[index], 0);
    assert_true(rig->listeners[index] >= 0);
    for (unsigned i = 0; i < QUEUED; i++)
        queued[i] = socket_connect_tcp(&loopback, rig->ports[index]);
}

/* A try that waits in vain is made elsewhere, and after it no other request is sent into the void. */
static void test_vanished_endpoint_is_passed_over(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    struct end alive = { .fd = -1 };
    int queued[QUEUED];

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    backend_vanish(rig, 0, queued);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    for (unsigned i = 0; i < 2; i++) { /* one of the two is the vanished one's turn */
        end_send(rig, &client, RIG_GET);
        rig_pass_ms(rig, options.policy.connect_timeout_ms);
        if (alive.fd == -1)
            alive = rig_backend(rig, 1);
        end_expect_head(rig, &alive, "GET ");
        end_send(rig, &alive, RIG_OK);
        end_expect(rig, &client, RIG_OK);
    }
    for (unsigned i = 0; i < 6; i++)
        rig_exchange(rig, &client, &alive, 1);
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 2);
    for (unsigned i = 0; i < QUEUED; i++)
        close(queued[i]);
    end_close(&client);
    end_close(&alive);
    rig_free(rig);
}

static void test_connecting(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    int queued[QUEUED];

    options.policy.retry_tries = 1;
    struct rig *rig = rig_new(&options);
    backend_vanish(rig, 0, queued);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    pass_almost(rig, options.policy.connect_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_status(rig, &client, 504);
    for (unsigned i = 0; i < QUEUED; i++)
        close(queued[i]);
    end_close(&client);
    rig_free(rig);
}

/* From now on the kernel drops what arrives on `fd`, before TCP sees it: the host is gone. */
static void end_vanish(int fd)
{
    struct sock_filter drop = { BPF_RET | BPF_K, 0, 0, 0 };
    struct sock_fprog program = { 1, &drop };

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

/* In real time: the kernel sends again after 200 ms, then 400. */
static void wait_until_silent(int fd, uint32_t ms)
{
    for (unsigned i = 0; i < 500; i++) {
        if (socket_peer_is_silent(fd, ms))
            return;
        (void)poll(NULL, 0, 10);
    }
    fail_msg("the kernel takes the peer for alive");
}

/* A request on a kept connection that nobody acknowledges is made elsewhere after the time that a new
 * connection would have had, not after the time that an answer may take. */
static void test_host_that_vanished_with_a_kept_connection(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();
    struct end gone = { .fd = -1 };

    options.backends = 1;
    options.policy.connect_timeout_ms = 800;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    rig_exchange(rig, &client, &gone, 0);
    end_vanish(gone.fd);
    end_send(rig, &client, RIG_GET);
    struct exchange *exchange = rig_only_client(rig)->exchange;
    assert_int_equal(exchange->state, EXCHANGE_SENDING);
    wait_until_silent(exchange->upstream->stream->watch.fd, options.policy.connect_timeout_ms / 2);
    pass_almost(rig, options.policy.connect_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    struct end alive = rig_backend(rig, 0);
    end_expect_head(rig, &alive, "GET ");
    rig_pass_ms(rig, 40000); /* one that acknowledges has its time */
    end_expect_silence(rig, &client);
    end_send(rig, &alive, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_close(&client);
    end_close(&gone);
    end_close(&alive);
    rig_free(rig);
}

static void body_send_until_full(struct rig *rig, struct end *end)
{
    static char block[65536];

    for (unsigned i = 0; i < 1000; i++) {
        if (send(end->fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
            rig_settle(rig);
            if (send(end->fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
                return;
        }
        rig_settle(rig);
    }
    fail_msg("the worker takes bytes without end");
}

static void test_client_that_does_not_take_its_answer(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);

    rig->small_buffers = 8192;
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_send(rig, &backend, "HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n");
    body_send_until_full(rig, &backend);
    assert_true(rig->worker.buffers.lent <= 3); /* whoever is slow slows the other side down */
    pass_almost(rig, PROXY_CLIENT_SEND_TIMEOUT_MS);
    assert_int_equal(rig->worker.clients_len, 1);
    pass_rest(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&client);
    end_reset(&backend);
    rig_free(rig);
}

static void test_backend_that_does_not_take_the_request(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.policy.body_bytes_max = 0;
    options.policy.send_timeout_ms = 32000;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    body_send_until_full(rig, &client);
    assert_true(rig->worker.buffers.lent <= 3);
    pass_almost(rig, options.policy.send_timeout_ms);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_status(rig, &client, 504);
    end_close(&client);
    end_reset(&backend);
    rig_free(rig);
}

static void test_lingering(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "nonsense\r\n\r\n");
    end_expect_status(rig, &client, 400);
    end_expect_end(rig, &client);
    pass_almost(rig, PROXY_LINGER_MS);
    end_send(rig, &client, "more nonsense");
    assert_int_equal(rig->worker.clients_len, 1);
    pass_rest(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&client);
    rig_free(rig);
}

static void test_handshake(void **state)
{
    (void)state;
    struct buf chain = { 0 }, key = { 0 };
    assert_int_equal(tls_pair_generate(&chain, &key), 0);
    struct route_certificate certificate = { .id = 7,
                                             .chain_pem = buf_span(&chain),
                                             .key_pem = buf_span(&key) };
    struct rig_options options = rig_options_default();

    options.certificate = &certificate;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTPS);
    end_send_bytes(rig, &client, SPAN("\x16\x03\x01"));
    pass_almost(rig, PROXY_TLS_HANDSHAKE_TIMEOUT_MS);
    end_expect_silence(rig, &client);
    pass_rest(rig);
    end_expect_end(rig, &client);
    end_close(&client);
    rig_free(rig);
    buf_deinit(&chain);
    buf_deinit(&key);
}

/* A transfer that never pauses is not silence, however long it takes. */
static void test_busy_upload_outlives_the_connect_timeout(void **state)
{
    (void)state;
    static char block[65536];
    struct rig_options options = rig_options_default();

    options.policy.body_bytes_max = 0;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 655360000\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect_head(rig, &backend, "POST ");
    for (unsigned i = 0; i < 200; i++) {
        end_send_bytes(rig, &client, span_of(block, sizeof(block)));
        rig_pass_ms(rig, 1000);
        end_receive(&backend);
        backend.got.len = 0;
    }
    end_expect_silence(rig, &client);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_head),
        cmocka_unit_test(test_head_that_trickles),
        cmocka_unit_test(test_idle_keep_alive),
        cmocka_unit_test(test_idle_upstream),
        cmocka_unit_test(test_body_that_stops),
        cmocka_unit_test(test_first_byte),
        cmocka_unit_test(test_gap_in_the_head_of_an_answer),
        cmocka_unit_test(test_gap_in_the_body_of_an_answer),
        cmocka_unit_test(test_connecting),
        cmocka_unit_test(test_vanished_endpoint_is_passed_over),
        cmocka_unit_test(test_host_that_vanished_with_a_kept_connection),
        cmocka_unit_test(test_client_that_does_not_take_its_answer),
        cmocka_unit_test(test_backend_that_does_not_take_the_request),
        cmocka_unit_test(test_lingering),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_busy_upload_outlives_the_connect_timeout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
