#include "rig.h"

#include <sys/socket.h>

#include "tls/certificate.h"

/* The TLS port as it looks to those who do not speak TLS. Handshakes and records have tests of their own
 * (test/unit/tls), whole exchanges under TLS are end-to-end tests. */

static struct buf chain, key;
static struct route_certificate certificate;

static struct rig *tls_rig(void)
{
    struct rig_options options = rig_options_default();

    options.certificate = &certificate;
    return rig_new(&options);
}

static void test_plain_http_is_told_so(void **state)
{
    (void)state;
    static char rest[40000];
    struct rig *rig = tls_rig();
    struct end client = rig_client(rig, PROC_LISTEN_HTTPS);

    memset(rest, 'x', sizeof(rest));
    assert_int_equal(send(client.fd, RIG_GET, sizeof(RIG_GET) - 1, 0), sizeof(RIG_GET) - 1);
    assert_int_equal(send(client.fd, rest, sizeof(rest), 0), sizeof(rest));
    end_expect_status(rig, &client, 400);
    end_expect_end(rig, &client);
    assert_int_equal(stats_get(&rig->stats->tls_handshake_failures), 1);
    assert_int_equal(send(client.fd, "x", 1, MSG_NOSIGNAL), 1); /* it lingers: no reset */
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 1);
    end_close(&client);
    rig_free(rig);
}

static void test_nonsense_is_closed(void **state)
{
    (void)state;
    struct rig *rig = tls_rig();
    struct end client = rig_client(rig, PROC_LISTEN_HTTPS);

    end_send_bytes(rig, &client, SPAN("\x16\x03\x01\x00\x08nonsense"));
    rig_settle(rig);
    end_receive(&client);
    assert_true(client.ended);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&client);
    rig_free(rig);
}

static void test_without_certificate(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTPS);

    end_expect_end(rig, &client);
    end_close(&client);
    rig_free(rig);
}

static int certificate_make(void **state)
{
    (void)state;
    int r = tls_pair_generate(&chain, &key);

    certificate = (struct route_certificate){ .id = 7,
                                              .chain_pem = buf_span(&chain),
                                              .key_pem = buf_span(&key) };
    return r;
}

static int certificate_free(void **state)
{
    (void)state;
    buf_deinit(&chain);
    buf_deinit(&key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_http_is_told_so),
        cmocka_unit_test(test_nonsense_is_closed),
        cmocka_unit_test(test_without_certificate),
    };

    return cmocka_run_group_tests(tests, certificate_make, certificate_free);
}
