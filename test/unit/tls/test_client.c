#include "tls/client.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line.h"
#include "tls/peer.h"

/* Two codecs, one in each role, and the wire between them. */
struct both {
    struct tls_codec *client, *server;
    int client_step, server_step;
};

static struct {
    struct buf ca, other_ca, server, late, key, client;
} made;
static struct tls_tickets *tickets;
static char name_seen[64];
static int64_t later_s; /* how far the codec's clock is ahead */

int64_t __real_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void);

int64_t __wrap_clock_wall_s(void)
{
    return __real_clock_wall_s() + later_s;
}

static int tree_make(void **state)
{
    EVP_PKEY *signer = fixture_key(FIXTURE_EC, 1), *own = fixture_key(FIXTURE_EC, 0);
    const struct fixture_recipe ca = { FIXTURE_EC, "ca", NULL, -1, 9, 0, true };
    const struct fixture_recipe other_ca = { FIXTURE_EC, "other ca", NULL, -1, 9, 0, true };
    const struct fixture_recipe server = {
        FIXTURE_EC,
        "server",
        "DNS:back.example,DNS:*.wild.example,DNS:f*.part.example,"
        "IP:192.0.2.7,IP:2001:db8::7",
        -1,
        9,
        3
    };
    const struct fixture_recipe late = { FIXTURE_EC, "late", "DNS:back.example", -9, -1, 3 };
    const struct fixture_recipe client = { FIXTURE_EC, "the gate", NULL, -1, 9, 3 };

    fixture_certificate(&ca, signer, signer, "ca", &made.ca);
    fixture_certificate(&other_ca, fixture_key(FIXTURE_RSA, 1), fixture_key(FIXTURE_RSA, 1),
                        "other ca", &made.other_ca);
    fixture_certificate(&server, own, signer, "ca", &made.server);
    fixture_certificate(&late, own, signer, "ca", &made.late);
    fixture_certificate(&client, own, signer, "ca", &made.client);
    fixture_key_pem(own, &made.key);
    tickets = tls_tickets_new();
    return gate_open(state);
}

static int tree_free(void **state)
{
    for (struct buf *buf = (struct buf *)&made; buf < (struct buf *)(&made + 1); buf++)
        buf_deinit(buf);
    tickets = tls_tickets_free(tickets);
    return gate_close(state);
}

static struct tls_context *client_make(const struct tls_client *client)
{
    struct tls_context *context = NULL;

    assert_int_equal(tls_context_new_client(client, &context), TLS_CONTEXT_OK);
    return context;
}

static struct tls_context *server_make(const struct buf *chain)
{
    const struct tls_server server = {
        .pairs = { { buf_span(chain), buf_span(&made.key) } },
        .pairs_len = 1,
        .policy = { .http2 = true, .resumption = true },
        .client_auth = { .mode = TLS_CLIENT_ASK, .depth = 1, .ca_pem = buf_span(&made.ca) },
        .tickets = tickets,
    };

    return gate_server_make(&server);
}

static struct tls_context *choose(void *ctx, struct span server_name)
{
    assert_true(server_name.len < sizeof(name_seen));
    memcpy(name_seen, server_name.ptr, server_name.len);
    name_seen[server_name.len] = '\0';
    return ctx;
}

static bool carry(struct tls_codec *from, struct tls_codec *to)
{
    struct span pending = tls_codec_pending(from);

    if (pending.len == 0)
        return false;
    size_t taken = tls_codec_feed(to, pending);
    assert_int_equal(taken, pending.len);
    tls_codec_sent(from, taken);
    return true;
}

static void both_open(struct both *both, struct tls_context *client, uint64_t peer,
                      struct tls_context *server)
{
    both->client = tls_codec_new_client(client, peer);
    both->server = tls_codec_new(server, choose, server);
    for (bool moved = true; moved;) {
        both->client_step = tls_codec_step(both->client);
        moved = carry(both->client, both->server);
        both->server_step = tls_codec_step(both->server);
        moved |= carry(both->server, both->client);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void both_close(struct both *both)
{
    tls_codec_free(both->client);
    tls_codec_free(both->server);
}

/* A word from the server, ahead of which sessions travel. */
static void server_speaks(struct both *both)
{
    char at[8];
    size_t len;

    assert_int_equal(tls_codec_write(both->server, SPAN("hello"), &len), TLS_CODEC_OK);
    while (carry(both->server, both->client))
        ;
    assert_int_equal(tls_codec_read(both->client, at, sizeof(at), &len), TLS_CODEC_OK);
    assert_true(span_eq(span_of(at, len), SPAN("hello")));
}

static const struct {
    const char *what;
    const struct buf *chain, *ca;
    const char *name;
    bool verify;
    const char *failure; /* NULL: the handshake succeeds */
} verifications[] = {
    { "not verified", &made.server, NULL, "", false, NULL },
    { "nothing of it matters then", &made.late, &made.other_ca, "else.example", false, NULL },
    { "good", &made.server, &made.ca, "back.example", true, NULL },
    { "in another case", &made.server, &made.ca, "Back.Example", true, NULL },
    { "by a wildcard", &made.server, &made.ca, "a.wild.example", true, NULL },
    { "a wildcard is one label", &made.server, &made.ca, "a.b.wild.example", true,
      "hostname mismatch" },
    { "a wildcard is a whole label", &made.server, &made.ca, "foo.part.example", true,
      "hostname mismatch" },
    { "by address", &made.server, &made.ca, "192.0.2.7", true, NULL },
    { "by address of version 6", &made.server, &made.ca, "2001:db8::7", true, NULL },
    { "another address", &made.server, &made.ca, "192.0.2.8", true, "IP address mismatch" },
    { "another name", &made.server, &made.ca, "else.example", true, "hostname mismatch" },
    { "the common name does not count", &made.server, &made.ca, "server", true,
      "hostname mismatch" },
    { "any name", &made.server, &made.ca, "", true, NULL },
    { "another CA", &made.server, &made.other_ca, "back.example", true,
      "unable to get local issuer certificate" },
    { "expired", &made.late, &made.ca, "back.example", true, "certificate has expired" },
};

static void test_verification(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verifications); i++) {
        for (uint32_t version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
            struct tls_context *client = client_make(&(struct tls_client){
                .policy = { .versions = version },
                .verify = verifications[i].verify,
                .depth = 1,
                .ca_pem = verifications[i].ca ? buf_span(verifications[i].ca) : SPAN_EMPTY,
                .verify_name = span_from_str(verifications[i].name),
            });
            struct tls_context *server = server_make(verifications[i].chain);
            struct both both;

            print_message("%s\n", verifications[i].what);
            both_open(&both, client, 1, server);
            if (verifications[i].failure) {
                assert_int_equal(both.client_step, TLS_CODEC_FAILED);
                assert_span(tls_codec_failure(both.client), verifications[i].failure);
            } else {
                assert_int_equal(both.client_step, TLS_CODEC_OK);
                assert_int_equal(both.server_step, TLS_CODEC_OK);
                assert_string_equal(name_seen, ""); /* verified is not said */
                assert_span(tls_codec_protocol(both.client),
                            version == TLS_VERSION_1_2 ? "TLSv1.2" : "TLSv1.3");
                server_speaks(&both);
            }
            both_close(&both);
            tls_context_unref(client);
            tls_context_unref(server);
        }
    }
}

static void test_what_is_shown_and_said(void **state)
{
    struct tls_context *server = server_make(&made.server);
    struct tls_context *client = client_make(&(struct tls_client){
        .policy = { .http2 = true },
        .server_name = SPAN("back.example"),
        .pair = { buf_span(&made.client), buf_span(&made.key) },
    });
    struct tls_context *mute = client_make(&(struct tls_client){ 0 });
    struct arena arena;
    struct tls_peer peer;
    struct both both;

    (void)state;
    arena_init(&arena, 512);
    both_open(&both, client, 0, server);
    assert_int_equal(both.client_step, TLS_CODEC_OK);
    assert_string_equal(name_seen, "back.example");
    assert_int_equal(tls_codec_alpn(both.client), TLS_ALPN_HTTP2);
    assert_int_equal(tls_codec_alpn(both.server), TLS_ALPN_HTTP2);
    tls_codec_peer(both.server, server, &arena, &peer);
    assert_int_equal(peer.verdict, TLS_PEER_VERIFIED);
    assert_span(peer.subject_dn, "CN=the gate");
    both_close(&both);

    both_open(&both, mute, 0, server);
    assert_int_equal(both.client_step, TLS_CODEC_OK);
    assert_string_equal(name_seen, "");
    assert_int_equal(tls_codec_alpn(both.client), TLS_ALPN_NONE);
    tls_codec_peer(both.server, server, &arena, &peer);
    assert_int_equal(peer.verdict, TLS_PEER_NONE);
    both_close(&both);
    arena_deinit(&arena);
    tls_context_unref(client);
    tls_context_unref(mute);
    tls_context_unref(server);
}

static void test_sessions_are_resumed_by_peer(void **state)
{
    (void)state;
    for (uint32_t version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
        struct tls_context *server = server_make(&made.server);
        struct tls_context *client =
            client_make(&(struct tls_client){ .policy = { .versions = version } });
        static const struct {
            uint64_t peer;
            bool resumed;
        } turns[] = { { 1, false }, { 1, true }, { 1, true },  { 2, false },
                      { 2, true },  { 1, true }, { 0, false }, { 0, false } };

        for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
            struct both both;

            print_message("turn %zu of version %u\n", i, version);
            both_open(&both, client, turns[i].peer, server);
            server_speaks(&both);
            assert_int_equal(codec_was_resumed(both.client), turns[i].resumed);
            assert_int_equal(codec_was_resumed(both.server), turns[i].resumed);
            both_close(&both);
        }
        tls_context_unref(client);
        tls_context_unref(server);
    }
}

static void test_an_address_is_no_server_name(void **state)
{
    static const char *const addresses[] = { "192.0.2.7", "2001:db8::7" };
    struct tls_context *server = server_make(&made.server);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct tls_context *client = client_make(&(struct tls_client){
            .verify = true,
            .depth = 1,
            .ca_pem = buf_span(&made.ca),
            .verify_name = span_from_str(addresses[i]),
            .server_name = span_from_str(addresses[i]),
        });
        struct both both;

        both_open(&both, client, 0, server);
        assert_int_equal(both.client_step, TLS_CODEC_OK);
        assert_string_equal(name_seen, "");
        both_close(&both);
        tls_context_unref(client);
    }
    tls_context_unref(server);
}

static bool is_resumed(struct tls_context *client, struct tls_context *server)
{
    struct both both;

    both_open(&both, client, 1, server);
    server_speaks(&both);
    bool resumed = codec_was_resumed(both.client);
    both_close(&both);
    return resumed;
}

/* Who resumes shows no certificate: each new session stands on the one before, and all on what was shown at
 * first. */
static void test_sessions_end_with_what_was_verified(void **state)
{
    enum { DAY_S = 86400 };

    (void)state;
    for (uint32_t version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
        struct tls_context *server = server_make(&made.server);
        struct tls_context *verifies = client_make(&(struct tls_client){
            .policy = { .versions = version },
            .verify = true,
            .depth = 1,
            .ca_pem = buf_span(&made.ca),
        });
        struct tls_context *trusts =
            client_make(&(struct tls_client){ .policy = { .versions = version } });

        for (int i = 0; i < 3; i++) {
            assert_int_equal(is_resumed(verifies, server), i > 0);
            assert_int_equal(is_resumed(trusts, server), i > 0);
        }
        later_s = 8 * DAY_S;
        assert_true(is_resumed(verifies, server));
        later_s = 10 * DAY_S;
        assert_false(is_resumed(verifies, server));
        assert_true(is_resumed(trusts, server));
        later_s = 0;
        tls_context_unref(verifies);
        tls_context_unref(trusts);
        tls_context_unref(server);
    }
}

static void test_a_session_that_failed_is_not_offered_again(void **state)
{
    struct tls_context *server = server_make(&made.server);
    struct tls_context *client = client_make(&(struct tls_client){ 0 });

    (void)state;
    assert_false(is_resumed(client, server));
    assert_true(is_resumed(client, server));
    struct tls_codec *codec = tls_codec_new_client(client, 1);
    assert_int_equal(tls_codec_step(codec), TLS_CODEC_WANT_INPUT);
    struct span alert = SPAN("\x15\x03\x03\x00\x02\x02\x28");
    assert_int_equal(tls_codec_feed(codec, alert), alert.len);
    assert_int_equal(tls_codec_step(codec), TLS_CODEC_FAILED);
    tls_codec_free(codec);
    assert_false(is_resumed(client, server));
    assert_true(is_resumed(client, server));
    tls_context_unref(client);
    tls_context_unref(server);
}

/* Nobody asked for a good certificate: it is not what the handshake failed of. */
static void test_an_unverified_certificate_is_not_blamed(void **state)
{
    const struct tls_server demands = {
        .pairs = { { buf_span(&made.server), buf_span(&made.key) } },
        .pairs_len = 1,
        .client_auth = { .mode = TLS_CLIENT_REQUIRE, .depth = 1, .ca_pem = buf_span(&made.ca) },
    };
    struct tls_context *server = gate_server_make(&demands);

    (void)state;
    for (uint32_t version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
        struct tls_context *client =
            client_make(&(struct tls_client){ .policy = { .versions = version } });
        struct both both;
        char at[8];
        size_t len;

        both_open(&both, client, 1, server);
        assert_int_equal(both.server_step, TLS_CODEC_FAILED);
        assert_int_equal(tls_codec_read(both.client, at, sizeof(at), &len), TLS_CODEC_FAILED);
        print_message(SPAN_FMT "\n", SPAN_ARG(tls_codec_failure(both.client)));
        assert_true(span_contains(tls_codec_failure(both.client), SPAN("alert")));
        both_close(&both);
        tls_context_unref(client);
    }
    tls_context_unref(server);
}

static void test_what_makes_no_context(void **state)
{
    struct tls_context *untouched = (void *)state, *context = untouched;
    char long_name[300];

    memset(long_name, 'a', sizeof(long_name));
    const struct {
        struct tls_client client;
        int expected;
    } cases[] = {
        { { .verify = true }, TLS_CONTEXT_BAD_AUTHORITIES },
        { { .verify = true, .ca_pem = SPAN("none such") }, TLS_CONTEXT_BAD_AUTHORITIES },
        { { .policy = { .ciphers = SPAN("NONE-SUCH") } }, TLS_CONTEXT_BAD_POLICY },
        { { .server_name = span_of(long_name, sizeof(long_name)) }, TLS_CONTEXT_BAD_POLICY },
        { { .server_name = SPAN("a\0b") }, TLS_CONTEXT_BAD_POLICY },
        { { .verify = true, .ca_pem = buf_span(&made.ca), .verify_name = SPAN("a\0b") },
          TLS_CONTEXT_BAD_POLICY },
        { { .pair = { buf_span(&made.client), SPAN("none such") } }, TLS_CONTEXT_BAD_PAIR },
        { { .pair = { SPAN("none such"), buf_span(&made.key) } }, TLS_CONTEXT_BAD_PAIR },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("case %zu\n", i);
        assert_int_equal(tls_context_new_client(&cases[i].client, &context), cases[i].expected);
        assert_ptr_equal(context, untouched);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void test_a_server_that_speaks_something_else(void **state)
{
    static const struct span words[] = {
        SPAN("HTTP/1.1 400 Bad Request\r\n\r\n"),
        SPAN("\x15\x03\x03\x00\x02\x02\x28"),
        SPAN("\x16\x03\x03\x00\x04\x02\x00\x00\x00"),
    };
    struct tls_context *client = client_make(&(struct tls_client){ 0 });

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct tls_codec *codec = tls_codec_new_client(client, 1);

        assert_int_equal(tls_codec_step(codec), TLS_CODEC_WANT_INPUT);
        assert_true(tls_codec_pending(codec).len > 0);
        assert_int_equal(tls_codec_feed(codec, words[i]), words[i].len);
        assert_int_equal(tls_codec_step(codec), TLS_CODEC_FAILED);
        assert_true(tls_codec_failure(codec).len > 0);
        assert_int_equal(ERR_peek_error(), 0);
        tls_codec_free(codec);
    }
    tls_context_unref(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verification),
        cmocka_unit_test(test_what_is_shown_and_said),
        cmocka_unit_test(test_sessions_are_resumed_by_peer),
        cmocka_unit_test(test_sessions_end_with_what_was_verified),
        cmocka_unit_test(test_a_session_that_failed_is_not_offered_again),
        cmocka_unit_test(test_an_unverified_certificate_is_not_blamed),
        cmocka_unit_test(test_an_address_is_no_server_name),
        cmocka_unit_test(test_what_makes_no_context),
        cmocka_unit_test(test_a_server_that_speaks_something_else),
    };
    return cmocka_run_group_tests(tests, tree_make, tree_free);
}
