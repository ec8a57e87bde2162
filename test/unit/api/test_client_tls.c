#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "asker.h"
#include "fixture.h"
#include "server.h"

/* Authorities have the keys EC 0 and 1, the server has RSA 0. */
static void certificate(const char *san, size_t authority, int to_days, struct buf *pem)
{
    struct fixture_recipe recipe = {
        .key = FIXTURE_RSA, .cn = "server", .san = san, .from_days = -10, .to_days = to_days
    };

    fixture_certificate(&recipe, fixture_key(FIXTURE_RSA, 0), fixture_key(FIXTURE_EC, authority),
                        "authority", pem);
}

static void authority_pem(size_t authority, struct buf *pem)
{
    struct fixture_recipe recipe = {
        .key = FIXTURE_EC, .is_authority = true, .cn = "authority", .from_days = -10, .to_days = 10
    };
    EVP_PKEY *key = fixture_key(FIXTURE_EC, authority);

    fixture_certificate(&recipe, key, key, "authority", pem);
}

static void say_ok(struct server *server, struct server_connection *connection)
{
    (void)server;
    server_reply(connection, "200 OK", "{}");
}

struct rig {
    struct loop *loop;
    struct tls_context *context;
    struct server server;
    struct asker asker;
    struct buf ca;
};

/* A server with that certificate, and a client that trusts authority 0. */
static void rig_open(struct rig *rig, const char *san, size_t authority, int to_days)
{
    struct buf chain = { 0 }, key = { 0 };

    *rig = (struct rig){ 0 };
    assert_int_equal(loop_new(&rig->loop), 0);
    certificate(san, authority, to_days, &chain);
    fixture_key_pem(fixture_key(FIXTURE_RSA, 0), &key);
    assert_int_equal(tls_context_new_server(
                         &(struct tls_server){ .pairs = { { buf_span(&chain), buf_span(&key) } },
                                               .pairs_len = 1 },
                         &rig->context),
                     0);
    server_open(&rig->server, rig->loop, rig->context);
    rig->server.answer = say_ok;
    authority_pem(0, &rig->ca);
    buf_deinit(&chain);
    buf_deinit(&key);
}

static struct api_config *rig_config(struct rig *rig)
{
    struct api_config *config = asker_config("https", rig->server.port);

    config->ca_pem = buf_span(&rig->ca);
    return config;
}

static void rig_close(struct rig *rig)
{
    asker_close(&rig->asker);
    server_close(&rig->server);
    tls_context_unref(rig->context);
    loop_free(rig->loop);
    buf_deinit(&rig->ca);
}

static void assert_contains(const struct buf *text, const char *part)
{
    if (!span_contains(buf_span(text), span_from_str(part)))
        fail_msg("'" SPAN_FMT "' has no '%s'", SPAN_ARG(buf_span(text)), part);
}

static void test_right_certificate(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, "IP:127.0.0.1", 0, 10);
    struct api_config *config = rig_config(&rig);
    config->token = SPAN("secret");
    asker_open(&rig.asker, rig.loop, config);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_OK);
    assert_contains(&rig.server.last, "\r\nAuthorization: Bearer secret\r\n");
    answer_deinit(&answer);
    rig_close(&rig);
}

static const struct {
    const char *what, *san;
    size_t authority;
    int to_days;
    const char *why, *trusted;
} wrong[] = {
    { "another authority", "IP:127.0.0.1", 1, 10, "", "" },
    { "another name", "DNS:kube.internal", 0, 10, "certificate",
      "trusted is what certificate-authority-data holds" },
    { "expired", "IP:127.0.0.1", 0, -1, "expired", "trusted is what" },
};

/* And it is told neither what is asked nor by whom. */
static void test_wrong_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct answer answer = { 0 };
        struct rig rig;

        print_message("%s\n", wrong[i].what);
        rig_open(&rig, wrong[i].san, wrong[i].authority, wrong[i].to_days);
        asker_open(&rig.asker, rig.loop, rig_config(&rig));
        asker_get(&rig.asker, "/x", &answer);
        assert_int_equal(answer.result, API_CALL_UNREACHABLE);
        assert_contains(&answer.message, wrong[i].why);
        assert_contains(&answer.message, wrong[i].trusted);
        assert_int_equal(rig.server.requests, 0);
        answer_deinit(&answer);
        rig_close(&rig);
    }
}

static void test_insecure_takes_any(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct rig rig;

    rig_open(&rig, "DNS:elsewhere", 1, -1);
    struct api_config *config = asker_config("https", rig.server.port);
    config->insecure_skip_tls_verify = true;
    asker_open(&rig.asker, rig.loop, config);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_OK);
    answer_deinit(&answer);
    rig_close(&rig);
}

static void test_tls_server_name(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    char host[64];
    struct rig rig;

    rig_open(&rig, "DNS:kube.internal", 0, 10);
    struct api_config *config = rig_config(&rig);
    config->tls_server_name = SPAN("kube.internal");
    asker_open(&rig.asker, rig.loop, config);
    asker_get(&rig.asker, "/x", &answer);
    assert_int_equal(answer.result, API_CALL_OK);
    assert_true(
        span_eq(tls_codec_server_name(server_newest(&rig.server)->tls), SPAN("kube.internal")));
    snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", rig.server.port);
    assert_contains(&rig.server.last, host);
    answer_deinit(&answer);
    rig_close(&rig);
}

int main(void)
{
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_certificate),
        cmocka_unit_test(test_wrong_certificates),
        cmocka_unit_test(test_insecure_takes_any),
        cmocka_unit_test(test_tls_server_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
