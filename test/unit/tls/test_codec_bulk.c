#include "tls/codec.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "line.h"

enum { BIG = 3 << 20 };

static unsigned char big_byte(size_t at)
{
    return (unsigned char)(at * 31 + (at >> 11));
}

/* The whole of `bytes` as `big_byte` has them from `at` on. */
static void assert_big(const char *bytes, size_t len, size_t at)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)bytes[i] != big_byte(at + i))
            fail_msg("wrong byte at %zu", at + i);
    }
}

static char *big_make(void)
{
    char *bytes = mem_alloc(BIG);

    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (char)big_byte(i);
    return bytes;
}

static void client_reads_big(struct line *line, size_t *at)
{
    char bytes[16384];
    int n;

    ERR_clear_error();
    while ((n = SSL_read(line->client, bytes, sizeof(bytes))) > 0) {
        assert_big(bytes, (size_t)n, *at);
        *at += (size_t)n;
    }
}

static void test_big_download_with_back_pressure(void **state)
{
    (void)state;
    char *bytes = big_make();

    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line line;
        size_t sent = 0, received = 0, refused = 0, pending_most = 0, turn = 0;

        line_open_established(&line, protocol);
        line.piece = 50001;
        while (received < BIG) {
            size_t taken = 0;
            int r = tls_codec_write(line.codec, span_of(bytes + sent, BIG - sent), &taken);

            refused += r == TLS_CODEC_WANT_DRAIN;
            assert_true(r == TLS_CODEC_OK || (r == TLS_CODEC_WANT_DRAIN && taken == 0));
            sent += taken;
            pending_most = MAX(pending_most, tls_codec_pending(line.codec).len);
            if (++turn % 3 == 0) /* the socket is slower than we are */
                carry_to_client(&line);
            client_reads_big(&line, &received);
        }
        print_message("at most %zu bytes waited\n", pending_most);
        assert_true(pending_most <= TLS_CODEC_OUTPUT_MAX);
        assert_true(pending_most >= 3 * 16384);
        assert_true(refused > 0);
        assert_int_equal(sent, BIG);
        line_close(&line);
    }
    mem_free(bytes);
}

static void test_large_writes_make_full_records(void **state)
{
    (void)state;
    struct line line;
    char *bytes = big_make();
    size_t taken = 0;

    line_open_established(&line, TLS1_3_VERSION);
    assert_int_equal(tls_codec_write(line.codec, span_of(bytes, BIG), &taken), TLS_CODEC_OK);
    const unsigned char *record = (const unsigned char *)tls_codec_pending(line.codec).ptr;
    for (int i = 0; i < 3; i++) {
        size_t record_len = (size_t)record[3] << 8 | record[4];
        assert_int_equal(record_len, 16384 + 1 + 16);
        record += 5 + record_len;
    }
    line_close(&line);
    mem_free(bytes);
}

static void test_big_upload_is_bounded(void **state)
{
    (void)state;
    char *bytes = big_make();

    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line line;
        size_t received = 0;
        char at[9999];

        line_open_established(&line, protocol);
        assert_int_equal(SSL_write(line.client, bytes, BIG), BIG);
        assert_true(carry_to_codec(&line));
        assert_int_equal(tls_codec_feed(line.codec, SPAN("x")), 0); /* full, and says so */
        while (received < BIG) {
            size_t len = 0;
            int r = tls_codec_read(line.codec, at, sizeof(at), &len);

            if (r == TLS_CODEC_WANT_INPUT) {
                assert_false(tls_codec_has_input(line.codec));
                assert_true(carry_to_codec(&line));
                assert_true(tls_codec_has_input(line.codec));
                continue;
            }
            assert_int_equal(r, TLS_CODEC_OK);
            assert_true(len > 0);
            assert_big(at, len, received);
            received += len;
        }
        assert_false(tls_codec_has_input(line.codec));
        line_close(&line);
    }
    mem_free(bytes);
}

static void test_close_notify_fits_when_output_is_full(void **state)
{
    (void)state;
    struct line line;
    char *bytes = big_make();
    size_t taken, received = 0;

    line_open_established(&line, TLS1_3_VERSION);
    while (tls_codec_write(line.codec, span_of(bytes, BIG), &taken) == TLS_CODEC_OK)
        ;
    tls_codec_shutdown(line.codec);
    while (carry_to_client(&line))
        ;
    client_reads_big(&line, &received);
    assert_true(SSL_get_shutdown(line.client) & SSL_RECEIVED_SHUTDOWN);
    line_close(&line);
    mem_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_big_download_with_back_pressure),
        cmocka_unit_test(test_large_writes_make_full_records),
        cmocka_unit_test(test_big_upload_is_bounded),
        cmocka_unit_test(test_close_notify_fits_when_output_is_full),
    };
    return cmocka_run_group_tests(tests, gate_open, gate_close);
}
