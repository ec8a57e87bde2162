#include "tls/peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "line.h"

/* A tree of certificates: ca → client, late, intermediate → deep; other ca → stranger. All keys that sign
 * are key 1, all others key 0 of P-256. */
static struct {
    struct buf ca, other_ca, crl_none, crl_revokes;
    struct buf client, revoked, late, early, deep, stranger, self_signed, huge, long_serial;
    struct buf weak, weak_ca;
    struct buf server, key;
} made;

static void leaf_make(const struct fixture_recipe *recipe, const char *issuer, struct buf *out)
{
    fixture_certificate(recipe, fixture_key(FIXTURE_EC, 0), fixture_key(FIXTURE_EC, 1), issuer,
                        out);
}

static int tree_make(void **state)
{
    EVP_PKEY *signer = fixture_key(FIXTURE_EC, 1), *own = fixture_key(FIXTURE_EC, 0);
    const struct fixture_recipe ca = { FIXTURE_EC, "ca", NULL, -1, 9, 2, true };
    const struct fixture_recipe other_ca = { FIXTURE_EC, "other ca", NULL, -1, 9, 2, true };
    const struct fixture_recipe middle = { FIXTURE_EC, "middle", NULL, -1, 9, 5, true };
    const struct fixture_recipe client = { FIXTURE_EC, "client, of \"A\" \xc3\xa9\r\nx: y",
                                           NULL,       -1,
                                           9,          3 };
    const struct fixture_recipe revoked = { FIXTURE_EC, "revoked", NULL, -1, 9, 0 };
    const struct fixture_recipe late = { FIXTURE_EC, "late", NULL, -9, -1, 3 };
    const struct fixture_recipe early = { FIXTURE_EC, "early", NULL, 1, 9, 3 };
    const struct fixture_recipe deep = { FIXTURE_EC, "deep", NULL, -1, 9, 3 };
    const struct fixture_recipe stranger = { FIXTURE_EC, "stranger", NULL, -1, 9, 3 };
    const struct fixture_recipe alone = { FIXTURE_EC, "alone", NULL, -1, 9, 3 };
    const struct fixture_recipe server = { FIXTURE_EC, "server", NULL, -1, 9, 0 };
    struct buf san = { 0 };

    fixture_certificate(&ca, signer, signer, "ca", &made.ca);
    fixture_certificate(&other_ca, signer, signer, "other ca", &made.other_ca);
    leaf_make(&client, "ca", &made.client);
    leaf_make(&revoked, "ca", &made.revoked);
    leaf_make(&late, "ca", &made.late);
    leaf_make(&early, "ca", &made.early);
    leaf_make(&stranger, "other ca", &made.stranger);
    fixture_certificate(&alone, own, own, "alone", &made.self_signed);
    leaf_make(&deep, "middle", &made.deep); /* leaf first */
    fixture_certificate(&middle, signer, signer, "ca", &made.deep);
    for (int i = 0; i < 500; i++)
        buf_printf(&san, "%sDNS:a-long-name-%d.example", i ? "," : "", i);
    const struct fixture_recipe huge = { FIXTURE_EC, "huge", buf_span(&san).ptr, -1, 9, 3 };
    leaf_make(&huge, "ca", &made.huge);
    buf_deinit(&san);
    const struct fixture_recipe numbered = { FIXTURE_EC, "numbered", NULL, -1, 9, 64 };
    leaf_make(&numbered, "ca", &made.long_serial);
    const struct fixture_recipe weak_ca = { FIXTURE_RSA_512, "weak ca", NULL, -1, 9, 2, true };
    EVP_PKEY *weak_signer = fixture_key(FIXTURE_RSA_512, 1);
    fixture_certificate(&weak_ca, weak_signer, weak_signer, "weak ca", &made.weak_ca);
    fixture_certificate(&stranger, own, weak_signer, "weak ca", &made.weak);
    fixture_pair(&server, &made.server, &made.key);
    fixture_crl(signer, "ca", false, &made.crl_none);
    fixture_crl(signer, "ca", true, &made.crl_revokes);
    return gate_open(state);
}

static int tree_free(void **state)
{
    for (struct buf *buf = (struct buf *)&made; buf < (struct buf *)(&made + 1); buf++)
        buf_deinit(buf);
    return gate_close(state);
}

static struct tls_server server_that_asks(struct span crl, uint32_t depth,
                                          struct tls_tickets *tickets)
{
    return (struct tls_server){
        .pairs = { { buf_span(&made.server), buf_span(&made.key) } },
        .pairs_len = 1,
        .client_auth = { .mode = TLS_CLIENT_ASK,
                         .depth = depth,
                         .ca_pem = buf_span(&made.ca),
                         .crl_pem = crl },
        .policy = { .resumption = tickets != NULL },
        .tickets = tickets,
    };
}

/* The client shows a chain, leaf first, whose key is key 0. */
static void client_shows(struct line *line, struct span chain)
{
    BIO *bio = BIO_new_mem_buf(chain.ptr, (int)chain.len);
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL), *issuer;

    assert_int_equal(SSL_use_certificate(line->client, leaf), 1);
    while ((issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        assert_int_equal(SSL_add0_chain_cert(line->client, issuer), 1);
    assert_int_equal(SSL_use_PrivateKey(line->client, fixture_key(FIXTURE_EC, 0)), 1);
    X509_free(leaf);
    BIO_free(bio);
    ERR_clear_error();
}

struct verdict_case {
    const char *what;
    const struct buf *shown; /* NULL: none */
    const struct buf *crl;   /* NULL: none */
    uint32_t depth;
    enum tls_peer_verdict verdict;
    const char *verify;
};

static const struct verdict_case verdicts[] = {
    { "none", NULL, NULL, 1, TLS_PEER_NONE, "NONE" },
    { "good", &made.client, NULL, 1, TLS_PEER_VERIFIED, "SUCCESS" },
    { "not revoked", &made.client, &made.crl_revokes, 1, TLS_PEER_VERIFIED, "SUCCESS" },
    { "revoked", &made.revoked, &made.crl_revokes, 1, TLS_PEER_BAD, "FAILED:certificate revoked" },
    { "not revoked yet", &made.revoked, &made.crl_none, 1, TLS_PEER_VERIFIED, "SUCCESS" },
    { "expired", &made.late, NULL, 1, TLS_PEER_BAD, "FAILED:certificate has expired" },
    { "too early", &made.early, NULL, 1, TLS_PEER_BAD, "FAILED:certificate is not yet valid" },
    { "by another CA", &made.stranger, NULL, 1, TLS_PEER_UNTRUSTED,
      "FAILED:unable to verify the first certificate" },
    { "self-signed", &made.self_signed, NULL, 1, TLS_PEER_UNTRUSTED,
      "FAILED:self-signed certificate" },
    { "one below", &made.deep, NULL, 1, TLS_PEER_VERIFIED, "SUCCESS" },
    { "one below, at depth 0", &made.deep, NULL, 0, TLS_PEER_UNTRUSTED,
      "FAILED:unable to get local issuer certificate" },
    { "too large", &made.huge, NULL, 1, TLS_PEER_BAD, "FAILED:certificate too large" },
};

static void verdict_expect(const struct verdict_case *expected, int protocol)
{
    struct span crl = expected->crl ? buf_span(expected->crl) : SPAN_EMPTY;
    const struct tls_server server = server_that_asks(crl, expected->depth, NULL);
    struct tls_context *context = gate_server_make(&server);
    struct arena arena;
    struct tls_peer peer;
    struct line line;

    arena_init(&arena, 512);
    line_open_on(&line, context, "a.example");
    SSL_set_max_proto_version(line.client, protocol);
    if (expected->shown)
        client_shows(&line, buf_span(expected->shown));
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    tls_codec_peer(line.codec, context, &arena, &peer);
    assert_int_equal(ERR_peek_error(), 0);
    print_message("%.*s\n", SPAN_ARG(peer.verify));
    assert_int_equal(peer.verdict, expected->verdict);
    assert_span(peer.verify, expected->verify);
    line_close(&line);
    arena_deinit(&arena);
    tls_context_unref(context);
}

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        print_message("%s\n", verdicts[i].what);
        verdict_expect(&verdicts[i], TLS1_2_VERSION);
        verdict_expect(&verdicts[i], TLS1_3_VERSION);
    }
}

static void test_facts(void **state)
{
    const struct tls_server server = server_that_asks(SPAN_EMPTY, 1, NULL);
    struct tls_context *context = gate_server_make(&server);
    struct span pem = buf_span(&made.client);
    struct arena arena;
    struct tls_peer peer;
    struct line line;

    (void)state;
    arena_init(&arena, 512);
    line_open_on(&line, context, "a.example");
    client_shows(&line, pem);
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    tls_codec_peer(line.codec, context, &arena, &peer);
    struct span escaped_pem = tls_codec_peer_certificate(line.codec, &arena);
    /* Nothing that could end a header field, or begin another. */
    assert_span(peer.subject_dn, "CN=client\\, of \\\"A\\\" \\C3\\A9\\0D\\0Ax: y");
    assert_span(peer.issuer_dn, "CN=ca");
    assert_span(peer.serial, "5A5A5A");
    assert_int_equal(peer.fingerprint.len, 40);
    /* Unescaped, it is the PEM text as it was, to the final line feed. */
    size_t at = 0;
    for (size_t i = 0; i < escaped_pem.len; i++, at++) {
        const char *escaped = escaped_pem.ptr + i;
        unsigned value = (unsigned char)*escaped;

        if (*escaped == '%') {
            assert_int_equal(sscanf(escaped + 1, "%2X", &value), 1);
            i += 2;
        }
        assert_int_equal((unsigned char)pem.ptr[at], value);
    }
    assert_int_equal(at, pem.len);
    assert_true(span_starts_with(escaped_pem, SPAN("-----BEGIN%20CERTIFICATE-----%0A")));
    assert_true(span_ends_with(escaped_pem, SPAN("-----END%20CERTIFICATE-----%0A")));
    line_close(&line);
    arena_deinit(&arena);
    tls_context_unref(context);
}

/* It goes into a field of a head. */
static void test_a_long_serial_is_one_line(void **state)
{
    const struct tls_server server = server_that_asks(SPAN_EMPTY, 1, NULL);
    struct tls_context *context = gate_server_make(&server);
    struct arena arena;
    struct tls_peer peer;
    struct line line;

    (void)state;
    arena_init(&arena, 512);
    line_open_on(&line, context, "a.example");
    client_shows(&line, buf_span(&made.long_serial));
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    tls_codec_peer(line.codec, context, &arena, &peer);
    assert_int_equal(peer.serial.len, 128);
    for (size_t i = 0; i < peer.serial.len; i++)
        assert_int_equal(peer.serial.ptr[i], i % 2 ? 'A' : '5');
    line_close(&line);
    arena_deinit(&arena);
    tls_context_unref(context);
}

static void test_a_resumed_session_keeps_its_verdict(void **state)
{
    static const struct {
        const struct buf *shown;
        enum tls_peer_verdict verdict;
        const char *subject;
    } cases[] = {
        { &made.revoked, TLS_PEER_VERIFIED, "CN=revoked" },
        { &made.stranger, TLS_PEER_UNTRUSTED, "CN=stranger" },
        { &made.late, TLS_PEER_BAD, "CN=late" },
        { NULL, TLS_PEER_NONE, "" },
    };
    struct tls_tickets *tickets = tls_tickets_new();
    const struct tls_server server = server_that_asks(SPAN_EMPTY, 1, tickets);
    struct tls_context *context = gate_server_make(&server);

    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            SSL_SESSION *session = NULL;

            for (int turn = 0; turn < 2; turn++) {
                struct arena arena;
                struct tls_peer peer;
                struct line line;

                arena_init(&arena, 512);
                line_open_on(&line, context, "a.example");
                SSL_set_max_proto_version(line.client, protocol);
                if (session)
                    SSL_set_session(line.client, session);
                else if (cases[i].shown)
                    client_shows(&line, buf_span(cases[i].shown));
                assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
                codec_says(&line, SPAN("x"));
                client_hears(&line, SPAN("x"));
                assert_int_equal(codec_was_resumed(line.codec), turn == 1);
                tls_codec_peer(line.codec, context, &arena, &peer);
                assert_int_equal(peer.verdict, cases[i].verdict);
                assert_span(peer.subject_dn, cases[i].subject);
                if (!session)
                    session = SSL_get1_session(line.client);
                line_close(&line);
                arena_deinit(&arena);
            }
            SSL_SESSION_free(session);
        }
    }
    tls_context_unref(context);
    tls_tickets_free(tickets);
}

static void test_required_ones_fail_the_handshake(void **state)
{
    struct tls_server server = server_that_asks(SPAN_EMPTY, 1, NULL);
    static const struct {
        const struct buf *shown;
        int expected;
    } cases[] = { { &made.client, TLS_CODEC_OK },
                  { &made.stranger, TLS_CODEC_FAILED },
                  { NULL, TLS_CODEC_FAILED } };

    (void)state;
    server.client_auth.mode = TLS_CLIENT_REQUIRE;
    struct tls_context *context = gate_server_make(&server);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct line line;

        line_open_on(&line, context, "a.example");
        if (cases[i].shown)
            client_shows(&line, buf_span(cases[i].shown));
        assert_int_equal(line_handshake(&line), cases[i].expected);
        line_close(&line);
    }
    tls_context_unref(context);
}

/* What the authorities of now say of a certificate that was shown before. */
static const struct {
    const char *what;
    const struct buf *shown, *ca, *crl;
    uint32_t depth;
    enum tls_peer_verdict verdict;
    const char *verify;
} changes[] = {
    { "nothing changed", &made.client, &made.ca, NULL, 1, TLS_PEER_VERIFIED, "SUCCESS" },
    { "a list of those revoked, without it", &made.client, &made.ca, &made.crl_revokes, 1,
      TLS_PEER_VERIFIED, "SUCCESS" },
    { "it was revoked", &made.revoked, &made.ca, &made.crl_revokes, 1, TLS_PEER_STALE, "NONE" },
    { "another CA", &made.client, &made.other_ca, NULL, 1, TLS_PEER_STALE, "NONE" },
    { "its CA came", &made.stranger, &made.other_ca, NULL, 1, TLS_PEER_VERIFIED, "SUCCESS" },
    { "its CA came, whose key is too small", &made.weak, &made.weak_ca, NULL, 1, TLS_PEER_STALE,
      "NONE" },
    { "still not its CA", &made.self_signed, &made.other_ca, NULL, 1, TLS_PEER_STALE, "NONE" },
    { "with what stands between", &made.deep, &made.ca, NULL, 2, TLS_PEER_VERIFIED, "SUCCESS" },
    { "which is too much now", &made.deep, &made.ca, NULL, 0, TLS_PEER_STALE, "NONE" },
    { "none was shown", NULL, &made.other_ca, NULL, 1, TLS_PEER_NONE, "NONE" },
};

static void test_authorities_change(void **state)
{
    const struct tls_server before = server_that_asks(SPAN_EMPTY, 1, NULL);
    struct tls_context *first = gate_server_make(&before);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct span crl = changes[i].crl ? buf_span(changes[i].crl) : SPAN_EMPTY;
        struct tls_server after = server_that_asks(crl, changes[i].depth, NULL);
        struct arena arena;
        struct tls_peer peer;
        struct line line;

        print_message("%s\n", changes[i].what);
        after.client_auth.ca_pem = buf_span(changes[i].ca);
        struct tls_context *now = gate_server_make(&after);
        arena_init(&arena, 512);
        line_open_on(&line, first, "a.example");
        if (changes[i].shown)
            client_shows(&line, buf_span(changes[i].shown));
        assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
        tls_codec_peer(line.codec, now, &arena, &peer);
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(peer.verdict, changes[i].verdict);
        assert_span(peer.verify, changes[i].verify);
        line_close(&line);
        arena_deinit(&arena);
        tls_context_unref(now);
    }
    tls_context_unref(first);
}

/* Who was not asked has not shown that there is nothing to show. */
static void test_who_was_not_asked(void **state)
{
    const struct tls_server asks = server_that_asks(SPAN_EMPTY, 1, NULL);
    struct tls_context *now = gate_server_make(&asks);
    struct arena arena;
    struct tls_peer peer;
    struct line line;

    (void)state;
    arena_init(&arena, 512);
    line_open_on(&line, gate.ec, "a.example");
    client_shows(&line, buf_span(&made.client));
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    tls_codec_peer(line.codec, now, &arena, &peer);
    assert_int_equal(peer.verdict, TLS_PEER_STALE);
    tls_codec_peer(line.codec, gate.rsa, &arena, &peer); /* which asks no more than the first */
    assert_int_equal(peer.verdict, TLS_PEER_NONE);
    line_close(&line);
    arena_deinit(&arena);
    tls_context_unref(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_a_long_serial_is_one_line),
        cmocka_unit_test(test_a_resumed_session_keeps_its_verdict),
        cmocka_unit_test(test_required_ones_fail_the_handshake),
        cmocka_unit_test(test_authorities_change),
        cmocka_unit_test(test_who_was_not_asked),
    };
    return cmocka_run_group_tests(tests, tree_make, tree_free);
}
