#include "../unit/tls/fixture.h"
#include "tls_end.h"

/* Hosts that ask for certificates in each way, and clients that have one, or none, or somebody else's. */

static struct {
    struct buf server, server_key;
    struct buf ca, other_ca, good, good_key, stranger, late;
} made;
static struct route_certificate certificate;
static struct route_authorities authorities = { .id = 11 };
static bool open_asks; /* open.test, later on */

static struct tls_pair_pem good, stranger, late;

struct asking_host {
    const char *name;
    enum route_client_auth_mode mode;
    const char *error_page, *match_cn;
    bool passes_certificate;
};

static const struct asking_host hosts[] = {
    { "strict.test", ROUTE_CLIENT_AUTH_ON, "", "", false },
    { "also.test", ROUTE_CLIENT_AUTH_ON, "", "", true },
    { "*.wild.test", ROUTE_CLIENT_AUTH_ON, "", "", false },
    { "lax.test", ROUTE_CLIENT_AUTH_OPTIONAL, "", "", false },
    { "any.test", ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA, "", "", false },
    { "off.test", ROUTE_CLIENT_AUTH_OFF, "", "", false },
    { "broken.test", ROUTE_CLIENT_AUTH_BROKEN, "", "", false },
    { "url.test", ROUTE_CLIENT_AUTH_ON, "https://help.test/certificates", "", false },
    { "page.test", ROUTE_CLIENT_AUTH_ON, "/help?why=cert", "", false },
    { "named.test", ROUTE_CLIENT_AUTH_ON, "@help", "", false },
    { "cn.test", ROUTE_CLIENT_AUTH_ON, "", "CN=(good|better)$", false },
    { "cn-bad.test", ROUTE_CLIENT_AUTH_ON, "", "CN=(", false },
    { "cn-slow.test", ROUTE_CLIENT_AUTH_ON, "", "^(([A-Z]|=|[a-z])+)+!$", false },
};

static const struct asking_host open_host = { "open.test", ROUTE_CLIENT_AUTH_ON, "", "", false };

static void host_add(struct route_model *model, const struct route_path *path,
                     const struct asking_host *asking, bool asks)
{
    struct route_host *host = route_host_get(model, span_from_str(asking->name));
    struct route_client_auth *auth = arena_new(&model->arena, struct route_client_auth);

    vec_push(&route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN(""))->rules,
             path->rules.items[0]);
    auth->mode = asking->mode;
    auth->depth = 1;
    bool verifies = auth->mode != ROUTE_CLIENT_AUTH_OFF && auth->mode != ROUTE_CLIENT_AUTH_BROKEN;
    auth->authorities = verifies ? &authorities : NULL;
    auth->error_page = span_from_str(asking->error_page);
    auth->match_cn = span_from_str(asking->match_cn);
    auth->passes_certificate = asking->passes_certificate;
    host->client_auth = asks ? auth : NULL;
}

static void hosts_add(struct route_model *model, const struct route_path *path)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        host_add(model, path, &hosts[i], true);
    host_add(model, path, &open_host, open_asks);
}

static struct rig *auth_rig(void)
{
    struct rig_options options = rig_options_default();

    options.certificate = &certificate;
    options.authorities = &authorities;
    options.extend = hosts_add;
    open_asks = false;
    authorities.id = 11;
    authorities.ca_pem = buf_span(&made.ca);
    return rig_new(&options);
}

/* Answers the next request that a backend gets, whose head is then in backend->got. */
static void backend_answer(struct rig *rig, struct end *backend)
{
    end_await_head(rig, backend);
    end_send(rig, backend, RIG_OK);
}

static void request_send(struct rig *rig, struct tls_end *tls, const char *host, const char *fields)
{
    char text[1024];

    assert_true(snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\nHost: %s\r\n%s\r\n", host,
                         fields) < (int)sizeof(text));
    tls_end_send(rig, tls, text);
}

struct request_case {
    const char *server_name, *host;
    const struct tls_pair_pem *pair;
    unsigned status;
    const char *line; /* that the backend gets with 200, or that stands in the answer otherwise */
};

static const struct request_case requests[] = {
    { "open.test", "open.test", NULL, 200, "" },
    { "strict.test", "strict.test", NULL, 400, "No required SSL certificate was sent" },
    { "strict.test", "strict.test", &stranger, 400, "The SSL certificate error" },
    { "strict.test", "strict.test", &late, 400, "The SSL certificate error" },
    { "strict.test", "strict.test", &good, 200, "ssl-client-verify: SUCCESS" },
    { "strict.test", "strict.test", &good, 200, "ssl-client-subject-dn: CN=good" },
    { "strict.test", "strict.test", &good, 200, "ssl-client-issuer-dn: CN=ca" },
    { "lax.test", "lax.test", NULL, 200, "ssl-client-verify: NONE" },
    { "lax.test", "lax.test", &stranger, 400, "The SSL certificate error" },
    { "lax.test", "lax.test", &good, 200, "ssl-client-verify: SUCCESS" },
    { "any.test", "any.test", NULL, 200, "ssl-client-verify: NONE" },
    { "any.test", "any.test", &stranger, 200,
      "ssl-client-verify: FAILED:unable to verify the first certificate" },
    { "any.test", "any.test", &late, 400, "The SSL certificate error" },
    { "off.test", "off.test", &good, 200, "ssl-client-verify: NONE" },
    { "broken.test", "broken.test", &good, 403, "" },
    { "url.test", "url.test", NULL, 302, "Location: https://help.test/certificates" },
    { "url.test", "url.test", &good, 200, "GET /x HTTP/1.1" },
    { "page.test", "page.test", NULL, 200, "GET /help?why=cert HTTP/1.1" },
    { "page.test", "page.test", &good, 200, "GET /x HTTP/1.1" },
    { "named.test", "named.test", NULL, 400, "No required SSL certificate was sent" },
    { "cn.test", "cn.test", &good, 200, "ssl-client-verify: SUCCESS" },
    { "cn.test", "cn.test", NULL, 400, "" },
    { "cn-bad.test", "cn-bad.test", &good, 403, "client certificate unauthorized" },
    { "cn-slow.test", "cn-slow.test", &good, 403, "client certificate unauthorized" },
    /* The request's host is not the one that was asked by. */
    { "open.test", "strict.test", &good, 421, "" },
    { "strict.test", "also.test", &good, 421, "" },
    { "off.test", "strict.test", &good, 421, "" },
    { "lax.test", "strict.test", &good, 421, "" },
    { "strict.test", "lax.test", &good, 421, "" },
    { "unknown.test", "strict.test", &good, 421, "" },
    { "a.wild.test", "strict.test", &good, 421, "" },
    { "strict.test", "a.wild.test", &good, 421, "" },
    { NULL, "strict.test", &good, 421, "" },
    { NULL, "strict.test", NULL, 421, "" },
    { NULL, "STRICT.TEST:443", NULL, 421, "" },
    { "open.test", "strict.test.", NULL, 421, "" },
    { "open.test", "Strict.Test:8443", NULL, 421, "" },
    /* However it is written; and a wildcard is one host. */
    { "STRICT.test", "Strict.Test", &good, 200, "ssl-client-verify: SUCCESS" },
    { "strict.test.", "strict.test:443", &good, 200, "ssl-client-verify: SUCCESS" },
    { "strict.test", "strict.test.", &good, 200, "ssl-client-verify: SUCCESS" },
    { "a.wild.test", "b.wild.test", &good, 200, "ssl-client-verify: SUCCESS" },
    { "a.wild.test", "b.wild.test", NULL, 400, "" },
    /* A host that asks for nothing gets nothing told, whoever asks. */
    { "strict.test", "open.test", &good, 200, "" },
    { "strict.test", "elsewhere.test", &good, 200, "" },
};

static void request_expect(struct rig *rig, const struct request_case *expected)
{
    struct tls_end tls;
    struct span said;

    tls_end_open(rig, &tls, expected->server_name, expected->pair);
    request_send(rig, &tls, expected->host,
                 "ssl-client-verify: FORGED\r\nSSL-Client-Subject-DN: FORGED\r\n"
                 "ssl-client-issuer-dn: FORGED\r\nSsl-Client-Cert: FORGED\r\n");
    if (expected->status == 200) {
        struct end backend = rig_backend(rig, 0);

        backend_answer(rig, &backend);
        said = buf_span(&backend.got);
        assert_int_equal(tls_end_answer(rig, &tls), 200);
        if (!span_contains(said, span_from_str(expected->line)))
            fail_msg("no \"%s\" in \"%.*s\"", expected->line, SPAN_ARG(said));
        assert_false(span_contains(said, SPAN("FORGED")));
        assert_int_equal(span_contains(said, SPAN("ssl-client-verify")),
                         !span_contains(span_from_str(expected->host), SPAN("open")) &&
                             !span_contains(span_from_str(expected->host), SPAN("elsewhere")));
        assert_false(span_contains(said, SPAN("ssl-client-cert:")));
        end_close(&backend);
    } else {
        assert_int_equal(tls_end_answer(rig, &tls), expected->status);
        said = buf_span(&tls.plain);
        if (!span_contains(said, span_from_str(expected->line)))
            fail_msg("no \"%s\" in \"%.*s\"", expected->line, SPAN_ARG(said));
        assert_true(span_contains(said, SPAN("Connection: close")));
        assert_false(rig_backend_called(rig, 0));
    }
    tls_end_close(&tls);
    rig_settle(rig);
}

static void test_who_may_ask_what(void **state)
{
    struct rig *rig = auth_rig();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        print_message("%s, %s, %s\n", requests[i].server_name ? requests[i].server_name : "no name",
                      requests[i].host,
                      !requests[i].pair           ? "no certificate"
                      : requests[i].pair == &good ? "a good one"
                                                  : "a bad one");
        request_expect(rig, &requests[i]);
    }
    rig_free(rig);
}

static void test_the_certificate_is_passed_on(void **state)
{
    struct rig *rig = auth_rig();
    struct tls_end tls;

    (void)state;
    tls_end_open(rig, &tls, "also.test", &good);
    struct end backend = { .fd = -1 };
    for (unsigned i = 0; i < 2; i++) {
        request_send(rig, &tls, "also.test", "");
        if (i == 0)
            backend = rig_backend(rig, 0);
        backend_answer(rig, &backend);
        assert_true(span_contains(buf_span(&backend.got),
                                  SPAN("\r\nssl-client-cert: -----BEGIN%20CERTIFICATE-----%0AMI")));
        assert_int_equal(tls_end_answer(rig, &tls), 200);
        backend.got.len = tls.plain.len = 0;
    }
    end_close(&backend);
    tls_end_close(&tls);
    rig_free(rig);
}

/* A page of the host's own is asked for by GET; the log has what the client asked for. */
static void test_the_page_in_the_log(void **state)
{
    struct rig *rig = auth_rig();
    struct tls_end tls;
    char text[1024];

    (void)state;
    tls_end_open(rig, &tls, "page.test", NULL);
    tls_end_send(rig, &tls, "DELETE /x HTTP/1.1\r\nHost: page.test\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    backend_answer(rig, &backend);
    assert_true(span_starts_with(buf_span(&backend.got), SPAN("GET /help?why=cert HTTP/1.1\r\n")));
    assert_int_equal(tls_end_answer(rig, &tls), 200);
    assert_true(
        span_contains(rig_log(rig, text, sizeof(text)), SPAN("\"DELETE /x HTTP/1.1\" 200 ")));
    end_close(&backend);
    tls_end_close(&tls);
    rig_free(rig);
}

/* In the clear nobody is asked; that is what redirects to https are for. */
static void test_in_the_clear(void **state)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = { { "strict.test", 200 }, { "broken.test", 403 }, { "cn.test", 403 } };
    struct rig *rig = auth_rig();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct end client = rig_client(rig, PROC_LISTEN_HTTP);
        char text[256];

        snprintf(text, sizeof(text),
                 "GET / HTTP/1.1\r\nHost: %s\r\nssl-client-verify: SUCCESS\r\n\r\n", cases[i].host);
        end_send(rig, &client, text);
        if (cases[i].status == 200) {
            struct end backend = rig_backend(rig, 0);

            backend_answer(rig, &backend);
            assert_false(span_contains(buf_span(&backend.got), SPAN("ssl-client")));
            end_close(&backend);
            end_expect_status(rig, &client, 200);
        } else {
            end_expect_status(rig, &client, cases[i].status);
        }
        end_close(&client);
    }
    rig_free(rig);
}

/* One request on a connection that lives on, and its answer; with 200 a backend's. */
static void ask_again(struct rig *rig, struct tls_end *tls, struct end *backend, const char *host,
                      unsigned status)
{
    request_send(rig, tls, host, "");
    if (status == 200) {
        if (backend->fd < 0)
            *backend = rig_backend(rig, 0);
        backend_answer(rig, backend);
        backend->got.len = 0;
    }
    assert_int_equal(tls_end_answer(rig, tls), status);
    end_expect_silence(rig, backend);
    assert_false(rig_backend_called(rig, 0));
}

static void test_authorities_change_under_a_connection(void **state)
{
    struct rig *rig = auth_rig();
    struct tls_end tls, strange;
    struct end backend = { .fd = -1 };
    struct buf both = { 0 };

    (void)state;
    tls_end_open(rig, &tls, "strict.test", &good);
    tls_end_open(rig, &strange, "any.test", &stranger);
    ask_again(rig, &tls, &backend, "strict.test", 200);

    buf_append(&both, buf_span(&made.other_ca)); /* the bundle grows: a rotation begins */
    buf_append(&both, buf_span(&made.ca));
    authorities.id = 12;
    authorities.ca_pem = buf_span(&both);
    rig_publish(rig, 0, 1);
    rig_pass_ms(rig, 2000); /* what is not used any more is swept */
    ask_again(rig, &tls, &backend, "strict.test", 200);

    authorities.id = 13; /* and ends */
    authorities.ca_pem = buf_span(&made.other_ca);
    rig_publish(rig, 0, 1);
    rig_pass_ms(rig, 2000);
    ask_again(rig, &tls, &backend, "strict.test", 421);
    ask_again(rig, &strange, &backend, "any.test", 200);
    tls_end_close(&tls);
    tls_end_close(&strange);
    end_close(&backend);
    buf_deinit(&both);
    rig_free(rig);
}

static void test_a_host_begins_to_ask(void **state)
{
    struct rig *rig = auth_rig();
    struct tls_end tls;
    struct end backend = { .fd = -1 };

    (void)state;
    tls_end_open(rig, &tls, "open.test", &good);
    ask_again(rig, &tls, &backend, "open.test", 200);
    open_asks = true;
    rig_publish(rig, 0, 1);
    ask_again(rig, &tls, &backend, "open.test", 421);
    tls_end_close(&tls);

    tls_end_open(rig, &tls, "open.test", &good); /* by another connection */
    ask_again(rig, &tls, &backend, "open.test", 200);
    tls_end_close(&tls);
    end_close(&backend);
    rig_free(rig);
}

static int pairs_make(void **state)
{
    EVP_PKEY *signer = fixture_key(FIXTURE_EC, 1), *own = fixture_key(FIXTURE_EC, 0);
    const struct fixture_recipe server = { FIXTURE_EC, "server", NULL, -1, 9, 0 };
    const struct fixture_recipe ca = { FIXTURE_EC, "ca", NULL, -1, 9, 0, true };
    const struct fixture_recipe other_ca = { FIXTURE_EC, "other ca", NULL, -1, 9, 0, true };
    const struct fixture_recipe by_ca = { FIXTURE_EC, "good", NULL, -1, 9, 3 };
    const struct fixture_recipe by_other = { FIXTURE_EC, "stranger", NULL, -1, 9, 3 };
    const struct fixture_recipe expired = { FIXTURE_EC, "late", NULL, -9, -1, 3 };

    (void)state;
    fixture_pair(&server, &made.server, &made.server_key);
    fixture_certificate(&ca, signer, signer, "ca", &made.ca);
    fixture_certificate(&other_ca, signer, signer, "other ca", &made.other_ca);
    fixture_certificate(&by_ca, own, signer, "ca", &made.good);
    fixture_certificate(&by_other, own, signer, "other ca", &made.stranger);
    fixture_certificate(&expired, own, signer, "ca", &made.late);
    fixture_key_pem(own, &made.good_key);
    certificate = (struct route_certificate){ .id = 7,
                                              .chain_pem = buf_span(&made.server),
                                              .key_pem = buf_span(&made.server_key) };
    good = (struct tls_pair_pem){ buf_span(&made.good), buf_span(&made.good_key) };
    stranger = (struct tls_pair_pem){ buf_span(&made.stranger), buf_span(&made.good_key) };
    late = (struct tls_pair_pem){ buf_span(&made.late), buf_span(&made.good_key) };
    return 0;
}

static int pairs_free(void **state)
{
    (void)state;
    for (struct buf *buf = (struct buf *)&made; buf < (struct buf *)(&made + 1); buf++)
        buf_deinit(buf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_ask_what),
        cmocka_unit_test(test_the_certificate_is_passed_on),
        cmocka_unit_test(test_the_page_in_the_log),
        cmocka_unit_test(test_in_the_clear),
        cmocka_unit_test(test_authorities_change_under_a_connection),
        cmocka_unit_test(test_a_host_begins_to_ask),
    };

    return cmocka_run_group_tests(tests, pairs_make, pairs_free);
}
