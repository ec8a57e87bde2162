#include "tls/certificate.h"
#include "tls_end.h"

/* TLS towards backends: a backend here is a codec of the server's role, which the test leads. */

static struct buf chain, key, other_chain, other_key;
static struct tls_context *context;

static struct rig_options https_options(void)
{
    struct rig_options options = rig_options_default();

    options.policy.protocol = ROUTE_PROTOCOL_HTTPS;
    options.policy.retry_tries = 1;
    return options;
}

/* Without settings any certificate will do, and the connection is kept. */
static void test_requests_and_answers(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct tls_end backend;

    end_send(rig, &client, RIG_GET);
    tls_end_accept(&backend, rig_backend(rig, 0), context);
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0)
            end_send(rig, &client, RIG_GET);
        tls_end_expect_head(rig, &backend, "GET / HTTP/1.1\r\nHost: a.test\r\n");
        tls_end_send(rig, &backend, RIG_OK);
        end_expect(rig, &client, RIG_OK);
        tls_end_settle(rig, &backend);
        assert_int_equal(rig->worker.buffers.lent, 0);
    }
    assert_false(rig_backend_called(rig, 0));
    assert_int_equal(tls_codec_alpn(backend.codec), TLS_ALPN_NONE);
    end_close(&client);
    tls_end_close(&backend);
    rig_free(rig);
}

/* An answer without a length is whole only where its end was said: anybody can end a connection. */
static void test_end_must_be_said(void **state)
{
    (void)state;
    for (unsigned is_said = 0; is_said < 2; is_said++) {
        struct rig_options options = https_options();
        struct rig *rig = rig_new(&options);
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);
        struct tls_end backend;

        end_send(rig, &client, RIG_GET);
        tls_end_accept(&backend, rig_backend(rig, 0), context);
        tls_end_expect_head(rig, &backend, "GET / HTTP/1.1\r\n");
        tls_end_send(rig, &backend, "HTTP/1.1 200 OK\r\n\r\nhalf");
        end_expect_head(rig, &client, "HTTP/1.1 200 OK\r\n");
        end_expect(rig, &client, "4\r\nhalf\r\n");
        if (is_said) {
            tls_codec_shutdown(backend.codec);
            tls_end_settle(rig, &backend);
            end_expect(rig, &client, "0\r\n\r\n");
            end_expect_silence(rig, &client);
        }
        tls_end_close(&backend);
        if (!is_said)
            end_expect_end(rig, &client);
        end_close(&client);
        rig_free(rig);
    }
}

/* A backend in the clear gets no request: its answer to a hello is a failed connection. */
static void test_backend_in_the_clear(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    end_send(rig, &backend, "HTTP/1.1 400 Bad Request\r\n\r\n");
    end_expect_status(rig, &client, 502);
    end_close(&backend);
    end_close(&client);
    rig_free(rig);
}

/* One that ends amid the handshake is there, and may speak with those who ask in another way: nobody passes it over. */
static void test_handshake_that_is_cut_off(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct rig *rig = rig_new(&options);

    for (unsigned resets = 0; resets < 2; resets++) {
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);

        end_send(rig, &client, RIG_GET);
        struct end backend = rig_backend(rig, 0);
        end_receive(&backend); /* else closing resets, too */
        if (resets)
            end_reset(&backend);
        else
            end_close(&backend);
        end_expect_status(rig, &client, 502);
        assert_int_equal(rig->worker.endpoints.avoided_len, 0);
        assert_int_equal(stats_get(&rig->stats->upstream_connect_failures), resets + 1);
        end_close(&client);
    }
    rig_free(rig);
}

/* One that hangs up in the handshake did not get the request: another one does. */
static void test_backend_hangs_up_in_the_handshake(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    options.policy.retry_tries = 2;
    options.backends = 2;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct end hasty;
    struct tls_end backend;

    end_send(rig, &client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
    unsigned first = rig_backend_any(rig, &hasty);
    end_close(&hasty);
    tls_end_accept(&backend, rig_backend(rig, 1 - first), context);
    tls_end_expect_head(rig, &backend, "POST / HTTP/1.1\r\n");
    tls_end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    assert_int_equal(stats_get(&rig->stats->upstream_connect_failures), 1);
    tls_end_close(&backend);
    end_close(&client);
    rig_free(rig);
}

static void test_handshake_that_takes_too_long(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    rig_pass_ms(rig, options.policy.connect_timeout_ms - 100);
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, 100 + 2 * LOOP_TICK_MS);
    end_expect_status(rig, &client, 504);
    end_close(&backend);
    end_close(&client);
    rig_free(rig);
}

static const struct route_backend_tls verifying = {
    .ciphers = { "DEFAULT", 7 },
    .name = { "ingress.local", 13 },
    .versions = ROUTE_TLS_1_2 | ROUTE_TLS_1_3,
    .depth = 1,
    .verifies = true,
    .sends_name = true,
};

/* Who is not whom the policy names gets no request. */
static void test_verification(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct route_authorities authorities = { .id = 9, .ca_pem = buf_span(&chain) };
    struct route_backend_tls tls = verifying;
    struct tls_context *other = NULL;
    struct tls_end backend;

    assert_int_equal(
        tls_context_new_server(
            &(struct tls_server){ .pairs = { { buf_span(&other_chain), buf_span(&other_key) } },
                                  .pairs_len = 1 },
            &other),
        0);
    tls.authorities = &authorities;
    options.authorities = &authorities;
    options.policy.backend_tls = &tls;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, RIG_GET);
    tls_end_accept(&backend, rig_backend(rig, 0), context);
    tls_end_expect_head(rig, &backend, "GET / HTTP/1.1\r\n");
    assert_true(span_eq(tls_codec_server_name(backend.codec), SPAN("ingress.local")));
    tls_end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    tls_end_close(&backend);
    rig_settle(rig);

    end_send(rig, &client, RIG_GET);
    tls_end_accept(&backend, rig_backend(rig, 0), other);
    tls_end_settle(rig, &backend);
    assert_int_equal(backend.plain.len, 0);
    end_expect_status(rig, &client, 502);
    tls_end_close(&backend);
    end_close(&client);
    tls_context_unref(other);
    rig_free(rig);
}

/* A connection is of the identity that it was made with: other settings, another connection; and those
 * whose secrets are not here connect to nobody. */
static void test_identities_are_apart(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct route_authorities authorities = { .id = 9, .ca_pem = buf_span(&chain) };
    struct route_backend_tls tls = verifying;
    struct tls_end plain, verified;

    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    tls_end_accept(&plain, rig_backend(rig, 0), context);
    tls_end_expect_head(rig, &plain, "GET / HTTP/1.1\r\n");
    tls_end_send(rig, &plain, RIG_OK);
    end_expect(rig, &client, RIG_OK);

    tls.authorities = &authorities;
    rig->options.authorities = &authorities;
    rig->options.policy.backend_tls = &tls;
    rig_publish(rig, 0, 1);
    end_send(rig, &client, RIG_GET);
    tls_end_accept(&verified, rig_backend(rig, 0), context);
    tls_end_expect_head(rig, &verified, "GET / HTTP/1.1\r\n");
    tls_end_send(rig, &verified, RIG_OK);
    end_expect(rig, &client, RIG_OK);

    rig->options.policy.backend_tls = NULL; /* as before: so is the connection */
    rig_publish(rig, 0, 1);
    end_send(rig, &client, RIG_GET);
    tls_end_expect_head(rig, &plain, "GET / HTTP/1.1\r\n");
    tls_end_send(rig, &plain, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    assert_false(rig_backend_called(rig, 0));
    tls_end_close(&plain);
    tls_end_close(&verified);
    end_close(&client);
    rig_free(rig);
}

/* h2 or nothing: a backend that does not agree on it is not spoken to in another way. */
static void test_http2_is_agreed_on(void **state)
{
    (void)state;
    struct rig_options options = https_options();
    struct tls_end backend;

    options.policy.protocol = ROUTE_PROTOCOL_H2;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client, RIG_GET);
    tls_end_accept(&backend, rig_backend(rig, 0), context); /* http/1.1 alone */
    tls_end_settle(rig, &backend);
    assert_int_equal(backend.plain.len, 0);
    end_expect_status(rig, &client, 502);
    tls_end_close(&backend);
    end_close(&client);
    rig_free(rig);
}

static int pairs_make(void **state)
{
    (void)state;
    if (tls_pair_generate(&chain, &key) < 0 || tls_pair_generate(&other_chain, &other_key) < 0)
        return -1;
    return tls_context_new_server(
        &(struct tls_server){ .pairs = { { buf_span(&chain), buf_span(&key) } }, .pairs_len = 1 },
        &context);
}

static int pairs_free(void **state)
{
    (void)state;
    context = tls_context_unref(context);
    buf_deinit(&chain);
    buf_deinit(&key);
    buf_deinit(&other_chain);
    buf_deinit(&other_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_and_answers),
        cmocka_unit_test(test_end_must_be_said),
        cmocka_unit_test(test_backend_in_the_clear),
        cmocka_unit_test(test_handshake_that_is_cut_off),
        cmocka_unit_test(test_backend_hangs_up_in_the_handshake),
        cmocka_unit_test(test_handshake_that_takes_too_long),
        cmocka_unit_test(test_verification),
        cmocka_unit_test(test_identities_are_apart),
        cmocka_unit_test(test_http2_is_agreed_on),
    };

    return cmocka_run_group_tests(tests, pairs_make, pairs_free);
}
