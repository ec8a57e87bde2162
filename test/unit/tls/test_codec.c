#include "tls/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line.h"

static const struct {
    const char *server_name;
    int protocol;
    size_t piece;
    const char *expected_protocol, *expected_cipher;
} handshakes[] = {
    { "rsa.example", TLS1_2_VERSION, SIZE_MAX, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256" },
    { "rsa.example", TLS1_2_VERSION, 1, "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256" },
    { "rsa.example", TLS1_3_VERSION, SIZE_MAX, "TLSv1.3", "TLS_AES_256_GCM_SHA384" },
    { "rsa.example", TLS1_3_VERSION, 1, "TLSv1.3", "TLS_AES_256_GCM_SHA384" },
    { "ec.example", TLS1_2_VERSION, SIZE_MAX, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256" },
    { "ec.example", TLS1_2_VERSION, 1, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256" },
    { "ec.example", TLS1_3_VERSION, SIZE_MAX, "TLSv1.3", "TLS_AES_256_GCM_SHA384" },
    { "ec.example", TLS1_3_VERSION, 7, "TLSv1.3", "TLS_AES_256_GCM_SHA384" },
    { "ed.example", TLS1_2_VERSION, 3, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256" },
    { "ed.example", TLS1_3_VERSION, 1, "TLSv1.3", "TLS_AES_256_GCM_SHA384" },
};

static void test_handshake_and_a_word_each_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(handshakes); i++) {
        struct line line;

        print_message("%s %s by %zu\n", handshakes[i].expected_protocol, handshakes[i].server_name,
                      handshakes[i].piece);
        line_open(&line, handshakes[i].server_name);
        line.piece = handshakes[i].piece;
        SSL_set_max_proto_version(line.client, handshakes[i].protocol);
        assert_span(tls_codec_protocol(line.codec), "");
        assert_span(tls_codec_cipher(line.codec), "");
        assert_span(tls_codec_server_name(line.codec), "");

        assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
        assert_true(SSL_is_init_finished(line.client));
        assert_span(tls_codec_protocol(line.codec), handshakes[i].expected_protocol);
        assert_span(tls_codec_cipher(line.codec), handshakes[i].expected_cipher);
        assert_span(tls_codec_server_name(line.codec), handshakes[i].server_name);
        assert_span(tls_codec_failure(line.codec), "");

        client_says(&line, SPAN("GET /"));
        codec_hears(&line, SPAN("GET /"));
        codec_says(&line, SPAN("HTTP/1.1 200"));
        client_hears(&line, SPAN("HTTP/1.1 200"));
        line_close(&line);
    }
}

static void test_no_tickets_no_resumption(void **state)
{
    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line line;

        line_open_established(&line, protocol);
        codec_says(&line, SPAN("x")); /* tickets would travel ahead of this */
        client_hears(&line, SPAN("x"));
        assert_false(SSL_SESSION_has_ticket(SSL_get0_session(line.client)));
        line_close(&line);
    }
}

static const struct {
    const char *sent, *seen, *served_by;
} server_names[] = {
    { "ec.example", "ec.example", "ec.example" },
    { "EC.Example", "ec.example", "ec.example" },
    { "ec.example.", "ec.example", "ec.example" },
    { "ed.example", "ed.example", "ed.example" },
    { "rsa.example", "rsa.example", "rsa.example" },
    { "unknown.example", "unknown.example", "rsa.example" },
    { NULL, "", "rsa.example" },
};

static void test_server_name_chooses_the_certificate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(server_names); i++) {
        struct line line;
        char cn[64] = "";

        print_message("%s\n", server_names[i].sent ? server_names[i].sent : "(none)");
        line_open(&line, server_names[i].sent);
        gate.asked = 0;
        assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
        assert_int_equal(gate.asked, 1);
        assert_span(tls_codec_server_name(line.codec), server_names[i].seen);
        X509 *shown = SSL_get1_peer_certificate(line.client);
        X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, cn, sizeof(cn));
        X509_free(shown);
        assert_string_equal(cn, server_names[i].served_by);
        line_close(&line);
    }
}

static const struct {
    struct span offer;
    const char *chosen, *chosen_by_http2;
} alpn_offers[] = {
    { { "", 0 }, "", "" },
    { { "\x08http/1.1", 9 }, "http/1.1", "http/1.1" },
    { { "\x02h2\x08http/1.1", 12 }, "http/1.1", "h2" },
    { { "\x08http/1.1\x02h2", 12 }, "http/1.1", "h2" },
    { { "\x08http/1.0\x08http/1.1", 18 }, "http/1.1", "http/1.1" },
    { { "\x02h2", 3 }, "", "h2" }, /* served without, not refused */
    { { "\x02h3\x03h2c", 7 }, "", "" },
    { { "\x09http/1.1x", 10 }, "", "" },
};

static struct tls_context *http2_context_make(void)
{
    struct fixture_recipe recipe = { FIXTURE_EC, "ec.example", NULL, -1, 1, 0 };
    struct buf chain = { 0 }, key = { 0 };

    fixture_pair(&recipe, &chain, &key);
    struct tls_context *context = gate_server_make(&(struct tls_server){
        .pairs = { { buf_span(&chain), buf_span(&key) } },
        .pairs_len = 1,
        .policy = { .http2 = true },
    });
    buf_deinit(&chain);
    buf_deinit(&key);
    return context;
}

static enum tls_alpn alpn_named(const char *name)
{
    return !strcmp(name, "h2") ? TLS_ALPN_HTTP2 : *name ? TLS_ALPN_HTTP1 : TLS_ALPN_NONE;
}

static void alpn_expect(struct tls_context *context, struct span offer, const char *expected)
{
    struct line line;
    const unsigned char *chosen;
    unsigned chosen_len;

    line_open_on(&line, context, "ec.example");
    if (offer.len > 0)
        SSL_set_alpn_protos(line.client, (const unsigned char *)offer.ptr, (unsigned)offer.len);
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    SSL_get0_alpn_selected(line.client, &chosen, &chosen_len);
    assert_span(span_of((const char *)chosen, chosen_len), expected);
    assert_int_equal(tls_codec_alpn(line.codec), alpn_named(expected));
    line_close(&line);
}

static void test_alpn(void **state)
{
    struct tls_context *http2 = http2_context_make();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(alpn_offers); i++) {
        print_message("case %zu\n", i);
        alpn_expect(gate.ec, alpn_offers[i].offer, alpn_offers[i].chosen);
        alpn_expect(http2, alpn_offers[i].offer, alpn_offers[i].chosen_by_http2);
    }
    gate.only = NULL;
    tls_context_unref(http2);
}

static void test_decrypted_rest_counts_as_input(void **state)
{
    (void)state;
    struct line line;
    char at[2];
    size_t len;

    line_open_established(&line, TLS1_3_VERSION);
    client_says(&line, SPAN("abc"));
    assert_int_equal(tls_codec_read(line.codec, at, 2, &len), TLS_CODEC_OK);
    assert_true(tls_codec_has_input(line.codec)); /* the socket has no more, but we do */
    tls_codec_relax(line.codec);                  /* must not lose it */
    codec_hears(&line, SPAN("c"));
    assert_false(tls_codec_has_input(line.codec));
    line_close(&line);
}

static void test_client_closes_first(void **state)
{
    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line line;
        char at[16];
        size_t len = 42;

        line_open_established(&line, protocol);
        client_says(&line, SPAN("last words"));
        SSL_shutdown(line.client);
        carry_to_codec(&line);
        codec_hears(&line, SPAN("last words"));
        for (int again = 0; again < 2; again++)
            assert_int_equal(tls_codec_read(line.codec, at, sizeof(at), &len), TLS_CODEC_CLOSED);
        assert_int_equal(len, 42);
        assert_false(tls_codec_has_input(line.codec));
        assert_int_equal(tls_codec_feed(line.codec, SPAN("after the end")), 13);
        assert_false(tls_codec_has_input(line.codec));

        codec_says(&line, SPAN("the answer")); /* we may finish ours */
        client_hears(&line, SPAN("the answer"));
        tls_codec_shutdown(line.codec);
        while (carry_to_client(&line))
            ;
        assert_int_equal(SSL_read(line.client, at, sizeof(at)), 0);
        assert_int_equal(SSL_get_error(line.client, 0), SSL_ERROR_ZERO_RETURN);
        line_close(&line);
    }
}

static void test_codec_closes_first(void **state)
{
    (void)state;
    struct line line;
    char at[16];
    size_t len;

    line_open_established(&line, TLS1_3_VERSION);
    tls_codec_shutdown(line.codec);
    size_t once = tls_codec_pending(line.codec).len;
    assert_true(once > 0);
    tls_codec_shutdown(line.codec); /* says nothing a second time */
    assert_int_equal(tls_codec_pending(line.codec).len, once);
    while (carry_to_client(&line))
        ;
    assert_int_equal(SSL_read(line.client, at, sizeof(at)), 0);
    client_says(&line, SPAN("still here"));
    codec_hears(&line, SPAN("still here"));
    SSL_shutdown(line.client);
    carry_to_codec(&line);
    assert_int_equal(tls_codec_read(line.codec, at, sizeof(at), &len), TLS_CODEC_CLOSED);
    line_close(&line);
}

static void test_key_updates_are_followed(void **state)
{
    (void)state;
    struct line line;

    line_open_established(&line, TLS1_3_VERSION);
    for (int round = 0; round < 20; round++) {
        assert_int_equal(SSL_key_update(line.client, SSL_KEY_UPDATE_REQUESTED), 1);
        client_says(&line, SPAN("with new keys"));
        codec_hears(&line, SPAN("with new keys"));
        codec_says(&line, SPAN("with mine"));
        client_hears(&line, SPAN("with mine"));
    }
    line_close(&line);
}

static void test_codec_keeps_its_context(void **state)
{
    (void)state;
    struct tls_context *kept = gate.ec;
    struct line line;

    gate.ec = gate_context_make(FIXTURE_EC, "ec.example");
    line_open_established(&line, TLS1_3_VERSION);
    gate.ec = tls_context_unref(gate.ec); /* the image is gone, the connection is not */
    client_says(&line, SPAN("hello"));
    codec_hears(&line, SPAN("hello"));
    line_close(&line);
    gate.ec = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_and_a_word_each_way),
        cmocka_unit_test(test_no_tickets_no_resumption),
        cmocka_unit_test(test_server_name_chooses_the_certificate),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_decrypted_rest_counts_as_input),
        cmocka_unit_test(test_client_closes_first),
        cmocka_unit_test(test_codec_closes_first),
        cmocka_unit_test(test_key_updates_are_followed),
        cmocka_unit_test(test_codec_keeps_its_context),
    };
    return cmocka_run_group_tests(tests, gate_open, gate_close);
}
