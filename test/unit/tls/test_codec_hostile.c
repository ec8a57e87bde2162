#include "tls/codec.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line.h"

static void assert_is_final(struct line *line)
{
    char at[16];
    size_t len = 42;

    assert_int_equal(tls_codec_step(line->codec), TLS_CODEC_FAILED);
    assert_int_equal(tls_codec_read(line->codec, at, sizeof(at), &len), TLS_CODEC_FAILED);
    assert_int_equal(tls_codec_write(line->codec, SPAN("x"), &len), TLS_CODEC_FAILED);
    assert_int_equal(len, 42);
    assert_int_equal(tls_codec_feed(line->codec, SPAN("more")), 4);
    assert_false(tls_codec_has_input(line->codec));
    assert_true(tls_codec_failure(line->codec).len > 0);
    struct span pending = tls_codec_pending(line->codec);
    tls_codec_shutdown(line->codec);
    tls_codec_relax(line->codec);
    assert_int_equal(tls_codec_pending(line->codec).len, pending.len);
}

static void test_name_without_context_is_refused(void **state)
{
    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line line;

        line_open(&line, "refused.example");
        SSL_set_max_proto_version(line.client, protocol);
        ERR_clear_error();
        SSL_do_handshake(line.client);
        carry_to_codec(&line);
        assert_int_equal(tls_codec_step(line.codec), TLS_CODEC_FAILED);
        assert_int_equal(client_failure(&line), SSL_R_TLSV1_UNRECOGNIZED_NAME);
        assert_false(tls_codec_saw_plain_http(line.codec));
        assert_is_final(&line);
        line_close(&line);
    }
}

static void test_old_protocols_are_refused(void **state)
{
    (void)state;
    struct line line;

    line_open(&line, "rsa.example");
    SSL_set_min_proto_version(line.client, TLS1_VERSION);
    SSL_set_max_proto_version(line.client, TLS1_1_VERSION);
    assert_int_equal(line_handshake(&line), TLS_CODEC_FAILED);
    assert_is_final(&line);
    line_close(&line);
}

static void test_truncated_stream_is_not_closed(void **state)
{
    (void)state;
    struct line line;
    char at[64];
    size_t len;

    line_open_established(&line, TLS1_3_VERSION);
    assert_int_equal(SSL_write(line.client, "cut short", 9), 9);
    for (line.piece = 1; BIO_pending(line.from_client) > 1;) {
        assert_true(carry_to_codec(&line));
        assert_int_equal(tls_codec_read(line.codec, at, sizeof(at), &len), TLS_CODEC_WANT_INPUT);
        assert_false(tls_codec_has_input(line.codec));
    }
    tls_codec_relax(line.codec); /* half a record is inside: it must not be lost */
    carry_to_codec(&line);
    codec_hears(&line, SPAN("cut short"));
    line_close(&line);
}

static void test_damaged_record_fails_with_an_alert(void **state)
{
    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line line, other;
        char *record, at[64];
        size_t len;

        line_open_established(&line, protocol);
        line_open_established(&other, protocol);
        SSL_write(line.client, "0123456789", 10);
        long record_len = BIO_get_mem_data(line.from_client, &record);
        record[record_len - 1] ^= 1;
        carry_to_codec(&line);
        assert_int_equal(tls_codec_read(line.codec, at, sizeof(at), &len), TLS_CODEC_FAILED);
        assert_int_equal(client_failure(&line), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
        assert_is_final(&line);

        client_says(&other, SPAN("I am well"));
        codec_hears(&other, SPAN("I am well"));
        line_close(&other);
        line_close(&line);
    }
}

/* A hello with each of its bytes changed in turn: any outcome but a crash or an endless loop. */
static void test_damaged_hellos(void **state)
{
    (void)state;
    struct line line;
    char *hello;

    line_open(&line, "ec.example");
    SSL_do_handshake(line.client);
    size_t len = (size_t)BIO_get_mem_data(line.from_client, &hello);
    size_t failed = 0;
    for (size_t at = 0; at < len; at++) {
        struct tls_codec *codec = tls_codec_new(gate.rsa, gate_choose, &gate);

        hello[at] ^= (char)0x91;
        assert_int_equal(tls_codec_feed(codec, span_of(hello, len)), len);
        int r = tls_codec_step(codec);
        assert_true(r == TLS_CODEC_FAILED || r == TLS_CODEC_WANT_INPUT);
        assert_int_equal(ERR_peek_error(), 0);
        failed += r == TLS_CODEC_FAILED;
        hello[at] ^= (char)0x91;
        tls_codec_free(codec);
    }
    assert_true(failed > 10);
    line_close(&line);
}

static void test_garbage(void **state)
{
    (void)state;
    uint32_t seed = 12345;

    for (size_t round = 0; round < 300; round++) {
        struct tls_codec *codec = tls_codec_new(gate.rsa, gate_choose, &gate);
        char bytes[512];

        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
        if (round % 2) /* looks like a handshake record at first */
            memcpy(bytes, "\x16\x03\x01\x01\xF0", 5);
        assert_int_equal(tls_codec_feed(codec, span_of(bytes, sizeof(bytes))), sizeof(bytes));
        assert_int_equal(tls_codec_step(codec), TLS_CODEC_FAILED);
        if (round % 2)
            assert_false(tls_codec_saw_plain_http(codec));
        tls_codec_free(codec);
    }
}

static const struct {
    const char *sent;
    bool http;
} plain_texts[] = {
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
    { "POST / HTTP/1.1\r\nHost: a\r\n\r\n", true },
    { "DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", true },
    { "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", true },
    { "CONNECT a:443 HTTP/1.1\r\n\r\n", true },
    { "PROPFIND / HTTP/1.1\r\n\r\n", true },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true },
    { "get / http/1.1\r\n\r\n and more", false },
    { "SSH-2.0-OpenSSH_9.2 Debian", false },
    { "\x80\x2E\x01\x03\x01 an SSLv2 hello at first, and then of the length that it says", false },
};

static void test_plain_http_is_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plain_texts); i++) {
        for (size_t piece = 1; piece <= 64; piece *= 4) {
            struct tls_codec *codec = tls_codec_new(gate.rsa, gate_choose, &gate);
            struct span rest = span_from_str(plain_texts[i].sent);
            int r = TLS_CODEC_WANT_INPUT;

            print_message("case %zu by %zu\n", i, piece);
            while (rest.len > 0 && r == TLS_CODEC_WANT_INPUT) {
                assert_false(tls_codec_saw_plain_http(codec));
                rest = span_from(rest, tls_codec_feed(codec, span_upto(rest, piece)));
                r = tls_codec_step(codec);
            }
            assert_int_equal(r, TLS_CODEC_FAILED);
            assert_int_equal(tls_codec_saw_plain_http(codec), plain_texts[i].http);
            if (plain_texts[i].http)
                assert_int_equal(tls_codec_pending(codec).len, 0);
            tls_codec_free(codec);
        }
    }
}

static void test_renegotiation_is_declined(void **state)
{
    (void)state;
    struct line line;
    char at[64];
    size_t len;

    line_open_established(&line, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(line.client), 1);
    SSL_do_handshake(line.client);
    carry_to_codec(&line);
    int r = tls_codec_read(line.codec, at, sizeof(at), &len);
    assert_true(r == TLS_CODEC_WANT_INPUT || r == TLS_CODEC_FAILED);
    assert_int_equal(client_failure(&line), SSL_R_NO_RENEGOTIATION);
    line_close(&line);
}

static void test_key_updates_without_listening_are_bounded(void **state)
{
    (void)state;
    struct line line;
    char at[64];
    size_t len;

    line_open_established(&line, TLS1_3_VERSION);
    for (int round = 0; round < 5000; round++) {
        SSL_key_update(line.client, SSL_KEY_UPDATE_REQUESTED);
        ERR_clear_error();
        SSL_do_handshake(line.client);
        carry_to_codec(&line);
        int r = tls_codec_read(line.codec, at, sizeof(at), &len);
        assert_true(r != TLS_CODEC_OK);
        assert_true(tls_codec_pending(line.codec).len <= TLS_CODEC_OUTPUT_MAX + 16384);
        if (r != TLS_CODEC_WANT_INPUT)
            break;
    }
    line_close(&line);
}

static void test_free_at_any_time(void **state)
{
    (void)state;
    assert_null(tls_codec_free(NULL));
    for (size_t fed = 0; fed < 600; fed += 100) {
        struct line line;
        char *hello;

        line_open(&line, "ec.example");
        SSL_do_handshake(line.client);
        size_t len = (size_t)BIO_get_mem_data(line.from_client, &hello);
        assert_int_equal(tls_codec_feed(line.codec, span_of(hello, MIN(len, fed))), MIN(len, fed));
        assert_int_equal(tls_codec_step(line.codec), TLS_CODEC_WANT_INPUT);
        tls_codec_relax(line.codec); /* in the middle of a handshake as well */
        line_close(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_without_context_is_refused),
        cmocka_unit_test(test_old_protocols_are_refused),
        cmocka_unit_test(test_truncated_stream_is_not_closed),
        cmocka_unit_test(test_damaged_record_fails_with_an_alert),
        cmocka_unit_test(test_damaged_hellos),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_plain_http_is_recognised),
        cmocka_unit_test(test_renegotiation_is_declined),
        cmocka_unit_test(test_key_updates_without_listening_are_bounded),
        cmocka_unit_test(test_free_at_any_time),
    };
    return cmocka_run_group_tests(tests, gate_open, gate_close);
}
