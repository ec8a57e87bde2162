#include "tls/tickets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line.h"

enum { HOUR_S = 3600, NOW_S = 1000 * HOUR_S, TIMEOUT_S = 600 };

#define SECRET_48 "0123456789abcdef0123456789abcdef0123456789abcdef"
#define SECRET_80 SECRET_48 "0123456789abcdef0123456789abcdef"
#define OTHER_48  "0123456789ABCDEF0123456789abcdef0123456789abcdef"

static struct buf chain, key, other_chain, other_key, ca, other_ca, crl;

static struct tls_tickets *tickets_make(struct span newest, struct span older, int64_t now_s)
{
    const struct span secrets[] = { newest, older };
    struct tls_tickets *tickets = tls_tickets_new();

    tls_tickets_set_time(tickets, now_s);
    tls_tickets_set(tickets, secrets, (newest.len > 0) + (older.len > 0), TIMEOUT_S);
    return tickets;
}

static struct tls_server server_with(struct tls_tickets *tickets)
{
    return (struct tls_server){
        .pairs = { { buf_span(&chain), buf_span(&key) } },
        .pairs_len = 1,
        .policy = { .resumption = true, .session_timeout_s = TIMEOUT_S },
        .tickets = tickets,
    };
}

/* One connection to `context` of `protocol`, which offers `session` (NULL: none). Returns whether that was
 * resumed; the session that the client then has goes to *ret_session. */
static bool connect_once(struct tls_context *context, int protocol, SSL_SESSION *session,
                         SSL_SESSION **ret_session)
{
    struct line line;

    line_open_on(&line, context, "a.example");
    SSL_set_max_proto_version(line.client, protocol);
    if (session)
        SSL_set_session(line.client, session);
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    codec_says(&line, SPAN("x")); /* tickets travel ahead of this */
    client_hears(&line, SPAN("x"));
    bool resumed = SSL_session_reused(line.client) == 1;
    assert_int_equal(codec_was_resumed(line.codec), resumed);
    if (ret_session)
        *ret_session = SSL_get1_session(line.client);
    line_close(&line);
    return resumed;
}

/* Is a session that `from` gave resumed by `to`? */
static bool crosses(const struct tls_server *from, const struct tls_server *to, int protocol)
{
    struct tls_context *first = gate_server_make(from), *second = gate_server_make(to);
    SSL_SESSION *session;

    assert_false(connect_once(first, protocol, NULL, &session));
    bool resumed = connect_once(second, protocol, session, NULL);
    SSL_SESSION_free(session);
    tls_context_unref(first);
    tls_context_unref(second);
    return resumed;
}

static int pairs_make(void **state)
{
    const struct fixture_recipe ec = { FIXTURE_EC, "ec", NULL, -1, 9, 0 };
    const struct fixture_recipe rsa = { FIXTURE_RSA, "rsa", NULL, -1, 9, 0 };
    const struct fixture_recipe authority = { FIXTURE_EC, "ca", NULL, -1, 9, 0, true };
    const struct fixture_recipe other = { FIXTURE_EC, "other ca", NULL, -1, 9, 0, true };
    EVP_PKEY *signer = fixture_key(FIXTURE_EC, 1);

    fixture_pair(&ec, &chain, &key);
    fixture_pair(&rsa, &other_chain, &other_key);
    fixture_certificate(&authority, signer, signer, "ca", &ca);
    fixture_certificate(&other, signer, signer, "other ca", &other_ca);
    fixture_crl(signer, "ca", false, &crl);
    return gate_open(state);
}

static int pairs_free(void **state)
{
    struct buf *const all[] = { &chain, &key, &other_chain, &other_key, &ca, &other_ca, &crl };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_deinit(all[i]);
    return gate_close(state);
}

/* Where the second server stands, and whether the first one's session is good there. */
static const struct {
    const char *what;
    struct span newest, older, to_newest, to_older;
    int64_t later_s;
    bool resumed;
} keys[] = {
    { "the same secret", SPAN(SECRET_48), { "", 0 }, SPAN(SECRET_48), { "", 0 }, 0, true },
    { "a long one", SPAN(SECRET_80), { "", 0 }, SPAN(SECRET_80), { "", 0 }, 0, true },
    { "another secret", SPAN(SECRET_48), { "", 0 }, SPAN(OTHER_48), { "", 0 }, 0, false },
    { "one that only starts alike",
      SPAN(SECRET_48),
      { "", 0 },
      SPAN(SECRET_80),
      { "", 0 },
      0,
      false },
    { "the old one stands behind",
      SPAN(SECRET_48),
      { "", 0 },
      SPAN(OTHER_48),
      SPAN(SECRET_48),
      0,
      true },
    { "the new one stands behind", SPAN(OTHER_48), SPAN(SECRET_48), SPAN(SECRET_48), SPAN(OTHER_48),
      0, true },
    { "a period later", SPAN(SECRET_48), { "", 0 }, SPAN(SECRET_48), { "", 0 }, HOUR_S, true },
    { "a period before", SPAN(SECRET_48), { "", 0 }, SPAN(SECRET_48), { "", 0 }, -HOUR_S, true },
    { "two periods later",
      SPAN(SECRET_48),
      { "", 0 },
      SPAN(SECRET_48),
      { "", 0 },
      2 * HOUR_S,
      false },
    { "two periods before",
      SPAN(SECRET_48),
      { "", 0 },
      SPAN(SECRET_48),
      { "", 0 },
      -2 * HOUR_S,
      false },
    { "none: each its own", { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 }, 0, false },
};

static void test_who_has_the_secret_resumes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct tls_tickets *from = tickets_make(keys[i].newest, keys[i].older, NOW_S);
        struct tls_tickets *to =
            tickets_make(keys[i].to_newest, keys[i].to_older, NOW_S + keys[i].later_s);
        const struct tls_server first = server_with(from), second = server_with(to);

        print_message("%s\n", keys[i].what);
        assert_int_equal(crosses(&first, &second, TLS1_2_VERSION), keys[i].resumed);
        assert_int_equal(crosses(&first, &second, TLS1_3_VERSION), keys[i].resumed);
        tls_tickets_free(from);
        tls_tickets_free(to);
    }
}

static void test_a_ticket_is_renewed(void **state)
{
    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct tls_tickets *tickets = tickets_make(SPAN(SECRET_48), SPAN_EMPTY, NOW_S);
        const struct tls_server server = server_with(tickets);
        struct tls_context *context = gate_server_make(&server);
        SSL_SESSION *session, *renewed;

        connect_once(context, protocol, NULL, &session);
        for (int hour = 1; hour <= 5;
             hour++) { /* a client that comes each hour never starts anew */
            tls_tickets_set_time(tickets, NOW_S + hour * HOUR_S);
            assert_true(connect_once(context, protocol, session, &renewed));
            SSL_SESSION_free(session);
            session = renewed;
        }
        SSL_SESSION_free(session);
        tls_context_unref(context);
        tls_tickets_free(tickets);
    }
}

static void test_what_a_session_does_not_cross(void **state)
{
    struct tls_tickets *tickets = tickets_make(SPAN(SECRET_48), SPAN_EMPTY, NOW_S);
    const struct tls_server plain = server_with(tickets);
    struct tls_server asks = plain, other_pair = plain, other_ciphers = plain, one_version = plain;
    struct tls_server asks_other = plain, asks_crl = plain, asks_deeper = plain, asks_there = plain;

    (void)state;
    asks.client_auth = (struct tls_client_auth){
        .mode = TLS_CLIENT_ASK, .depth = 1, .ca_pem = buf_span(&ca), .scope = SPAN("a.example")
    };
    asks_other.client_auth = asks_crl.client_auth = asks_deeper.client_auth = asks.client_auth;
    asks_there.client_auth = asks.client_auth;
    asks_other.client_auth.ca_pem = buf_span(&other_ca);
    asks_crl.client_auth.crl_pem = buf_span(&crl);
    asks_deeper.client_auth.depth = 2;
    asks_there.client_auth.scope = SPAN("b.example");
    other_pair.pairs[0] = (struct tls_pair_pem){ buf_span(&other_chain), buf_span(&other_key) };
    other_ciphers.policy.ciphers =
        SPAN("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305");
    one_version.policy.versions = TLS_VERSION_1_2;

    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        assert_true(crosses(&plain, &plain, protocol));
        assert_true(crosses(&asks, &asks, protocol));
        const struct tls_server *const boundaries[][2] = {
            { &plain, &asks },      { &asks, &plain },       { &asks, &asks_other },
            { &asks, &asks_crl },   { &asks_crl, &asks },    { &asks, &asks_deeper },
            { &asks, &asks_there }, { &plain, &other_pair }, { &plain, &other_ciphers },
        };
        for (size_t i = 0; i < ARRAY_LEN(boundaries); i++) {
            print_message("boundary %zu\n", i);
            assert_false(crosses(boundaries[i][0], boundaries[i][1], protocol));
        }
    }
    assert_false(crosses(&plain, &one_version, TLS1_2_VERSION));
    tls_tickets_free(tickets);
}

/* Who was asked and showed nothing has a session, which does not do where a certificate is required. */
static void test_a_session_is_no_certificate(void **state)
{
    struct tls_tickets *tickets = tickets_make(SPAN(SECRET_48), SPAN_EMPTY, NOW_S);
    struct tls_server asks = server_with(tickets), requires = asks;

    (void)state;
    asks.client_auth = (struct tls_client_auth){
        .mode = TLS_CLIENT_ASK, .depth = 1, .ca_pem = buf_span(&ca), .scope = SPAN("a.example")
    };
    requires.client_auth = asks.client_auth;
    requires.client_auth.mode = TLS_CLIENT_REQUIRE;
    struct tls_context *first = gate_server_make(&asks), *second = gate_server_make(&requires);
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        SSL_SESSION *session;
        struct line line;

        assert_false(connect_once(first, protocol, NULL, &session));
        assert_true(connect_once(first, protocol, session, NULL));
        line_open_on(&line, second, "a.example");
        SSL_set_max_proto_version(line.client, protocol);
        SSL_set_session(line.client, session);
        assert_int_equal(line_handshake(&line), TLS_CODEC_FAILED);
        SSL_SESSION_free(session);
        line_close(&line);
    }
    tls_context_unref(first);
    tls_context_unref(second);
    tls_tickets_free(tickets);
}

/* The session of one name, shown under another: the choice by name comes first. */
static void test_a_session_does_not_cross_names(void **state)
{
    struct tls_tickets *tickets = tickets_make(SPAN(SECRET_48), SPAN_EMPTY, NOW_S);
    struct tls_server open = server_with(tickets), asks = open;
    struct tls_context *rsa = gate.rsa, *ec = gate.ec;

    (void)state;
    asks.client_auth = (struct tls_client_auth){
        .mode = TLS_CLIENT_ASK, .depth = 1, .ca_pem = buf_span(&ca), .scope = SPAN("a.example")
    };
    gate.rsa = gate_server_make(&open); /* the initial one, for all names but ec.example */
    gate.ec = gate_server_make(&asks);
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        SSL_SESSION *session = NULL;

        for (int turn = 0; turn < 3; turn++) {
            struct line line;

            line_open_on(&line, NULL, turn == 1 ? "ec.example" : "rsa.example");
            SSL_set_max_proto_version(line.client, protocol);
            if (session)
                SSL_set_session(line.client, session);
            assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
            codec_says(&line, SPAN("x"));
            client_hears(&line, SPAN("x"));
            assert_int_equal(SSL_session_reused(line.client), turn == 2);
            if (turn == 0)
                session = SSL_get1_session(line.client);
            line_close(&line);
        }
        SSL_SESSION_free(session);
    }
    tls_context_unref(gate.rsa);
    tls_context_unref(gate.ec);
    gate.rsa = rsa;
    gate.ec = ec;
    tls_tickets_free(tickets);
}

static void test_no_resumption_without(void **state)
{
    struct tls_tickets *tickets = tickets_make(SPAN(SECRET_48), SPAN_EMPTY, NOW_S);
    struct tls_server off = server_with(tickets), none = server_with(NULL);

    (void)state;
    off.policy.resumption = false;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        assert_false(crosses(&off, &off, protocol));
        assert_false(crosses(&none, &none, protocol));
    }
    tls_tickets_free(tickets);
}

static void test_the_lifetime_is_told(void **state)
{
    struct tls_tickets *tickets = tickets_make(SPAN(SECRET_48), SPAN_EMPTY, NOW_S);
    struct tls_server server = server_with(tickets);
    struct tls_context *context = gate_server_make(&server);
    SSL_SESSION *session;

    (void)state;
    connect_once(context, TLS1_3_VERSION, NULL, &session);
    assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(session), TIMEOUT_S);
    SSL_SESSION_free(session);
    tls_context_unref(context);
    tls_tickets_free(tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_the_secret_resumes),
        cmocka_unit_test(test_a_ticket_is_renewed),
        cmocka_unit_test(test_what_a_session_does_not_cross),
        cmocka_unit_test(test_a_session_is_no_certificate),
        cmocka_unit_test(test_a_session_does_not_cross_names),
        cmocka_unit_test(test_no_resumption_without),
        cmocka_unit_test(test_the_lifetime_is_told),
    };
    return cmocka_run_group_tests(tests, pairs_make, pairs_free);
}
