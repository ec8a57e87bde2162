#include "rig.h"

/* Upgraded connections: bytes both ways, each direction with an end of its own. */

#define UPGRADE "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define SWITCHED \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

static void tunnel_open(struct rig *rig, struct end *client, struct end *backend)
{
    *client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, client, UPGRADE);
    *backend = rig_backend(rig, 0);
    end_expect_line(rig, backend, "Connection: upgrade");
    end_expect_line(rig, backend, "Upgrade: websocket");
    end_expect_head(rig, backend, "GET /ws ");
    end_send(rig, backend, SWITCHED "hi");
    end_expect_head(rig, client, "HTTP/1.1 101 Switching Protocols\r\n");
    end_expect(rig, client, "hi");
}

static void test_bytes_both_ways(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client, backend;

    tunnel_open(rig, &client, &backend);
    end_send(rig, &client, "ping");
    end_expect(rig, &backend, "ping");
    end_send(rig, &backend, "pong");
    end_expect(rig, &client, "pong");
    assert_int_equal(rig->worker.buffers.lent, 0); /* an idle tunnel holds none */
    assert_non_null(rig_only_client(rig)->side.tunnel);
    end_close(&client);
    end_expect_end(rig, &backend);
    end_close(&backend);
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    rig_free(rig);
}

static void test_half_close(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client, backend;

    tunnel_open(rig, &client, &backend);
    end_send(rig, &client, "last words");
    end_finish(rig, &client);
    end_expect(rig, &backend, "last words");
    end_expect_end(rig, &backend);
    end_send(rig, &backend, "an answer to them");
    end_expect(rig, &client, "an answer to them");
    end_finish(rig, &backend);
    end_expect_end(rig, &client);
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_idle_tunnel_ends(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client, backend;
    char text[1024];

    tunnel_open(rig, &client, &backend);
    rig_pass_ms(rig, 40000);
    end_send(rig, &client, "x");
    rig_pass_ms(rig, rig->options.policy.read_timeout_ms - LOOP_TICK_MS);
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, LOOP_TICK_MS);
    end_expect_end(rig, &client);
    end_expect(rig, &backend, "x");
    end_expect_end(rig, &backend);
    assert_true(
        span_contains(rig_log(rig, text, sizeof(text)), SPAN("\"GET /ws HTTP/1.1\" 101 2 ")));
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_tunnel_lets_go_of_its_image(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client, backend;

    tunnel_open(rig, &client, &backend);
    assert_int_equal(rig->worker.view->refs, 1);
    rig_publish(rig, 0, 1);
    rig_pass_ms(rig, 2000);
    end_send(rig, &client, "still here");
    end_expect(rig, &backend, "still here");
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_reset_ends_both(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client, backend;

    tunnel_open(rig, &client, &backend);
    end_reset(&backend);
    end_expect_end(rig, &client);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&client);
    rig_free(rig);
}

static void test_h2c_is_not_passed_on(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
             "HTTP2-Settings: x\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    rig_settle(rig);
    end_receive(&backend);
    assert_false(span_contains(buf_span(&backend.got), SPAN("pgrade")));
    assert_false(span_contains(buf_span(&backend.got), SPAN("HTTP2")));
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_both_ways),  cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_idle_tunnel_ends), cmocka_unit_test(test_tunnel_lets_go_of_its_image),
        cmocka_unit_test(test_reset_ends_both),  cmocka_unit_test(test_h2c_is_not_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
