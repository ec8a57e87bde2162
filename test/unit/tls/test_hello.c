#include "tls/hello.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

/* A hello as OpenSSL says it. */
static void real_hello(const char *server_name, struct buf *out)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *to = BIO_new(BIO_s_mem());
    char *bytes;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), to);
    if (server_name)
        SSL_set_tlsext_host_name(ssl, server_name);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    long len = BIO_get_mem_data(to, &bytes);
    buf_append(out, span_of(bytes, (size_t)len));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* The same message in records of `each` bytes. */
static void records_cut(struct span hello, size_t each, struct buf *out)
{
    struct span message = span_from(hello, 5);

    for (size_t at = 0; at < message.len; at += each) {
        struct span piece = span_upto(span_from(message, at), each);
        const char head[] = { 22, 3, 1, (char)(piece.len >> 8), (char)piece.len };

        buf_append(out, span_of(head, sizeof(head)));
        buf_append(out, piece);
    }
}

/* Reads as bytes come, `step` at a time, each time from memory of just that size. */
static int read_by(struct span bytes, size_t step, char name[TLS_HELLO_NAME_MAX],
                   struct span *ret_name)
{
    struct tls_hello_scan scan = { 0 };
    int r = TLS_HELLO_MORE;

    for (size_t len = MIN(step, bytes.len); r == TLS_HELLO_MORE; len = MIN(len + step, bytes.len)) {
        char *copy = mem_alloc(len);

        memcpy(copy, bytes.ptr, len);
        r = tls_hello_read(&scan, span_of(copy, len), name, ret_name);
        mem_free(copy);
        if (len == bytes.len)
            break;
    }
    return r;
}

static const struct {
    const char *sent, *expected;
} names[] = {
    { NULL, "" },
    { "a", "a" },
    { "host.example.com", "host.example.com" },
    { "Host.Example.COM.", "host.example.com" },
    { "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789.h23456789.i23456789."
      "j23456789.k23456789.l23456789.m23456789.n23456789.o23456789.p23456789.q23456789.r23456789",
      "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789.h23456789.i23456789."
      "j23456789.k23456789.l23456789.m23456789.n23456789.o23456789.p23456789.q23456789.r23456789" },
};

static void test_names_of_real_hellos(void **state)
{
    static const size_t steps[] = { SIZE_MAX / 4, 1, 2, 5, 9, 64 };
    static const size_t cuts[] = { 16384, 1, 3, 4, 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf hello = { 0 };

        real_hello(names[i].sent, &hello);
        for (size_t c = 0; c < ARRAY_LEN(cuts); c++) {
            struct buf cut = { 0 };

            records_cut(buf_span(&hello), cuts[c], &cut);
            for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
                char name[TLS_HELLO_NAME_MAX];
                struct span got;

                print_message("%s in records of %zu, by %zu\n", names[i].expected, cuts[c],
                              steps[s]);
                assert_int_equal(read_by(buf_span(&cut), steps[s], name, &got), TLS_HELLO_OK);
                assert_true(span_eq(got, span_from_str(names[i].expected)));
            }
            buf_deinit(&cut);
        }
        buf_deinit(&hello);
    }
}

static void test_what_follows_does_not_matter(void **state)
{
    struct buf hello = { 0 };
    struct tls_hello_scan scan = { 0 };
    char name[TLS_HELLO_NAME_MAX];
    struct span got;

    (void)state;
    real_hello("a.example", &hello);
    for (size_t len = 0; len < hello.len; len++) {
        struct tls_hello_scan fresh = { 0 };
        assert_int_equal(tls_hello_read(&fresh, span_upto(buf_span(&hello), len), name, &got),
                         TLS_HELLO_MORE);
    }
    buf_append(&hello, SPAN("\x17\x03\x03 early data and whatever else"));
    assert_int_equal(tls_hello_read(&scan, buf_span(&hello), name, &got), TLS_HELLO_OK);
    assert_true(span_eq(got, SPAN("a.example")));
    buf_deinit(&hello);
}

#define RECORD(len)  "\x16\x03\x01" len
#define MESSAGE(len) "\x01" len
#define FIXED  \
    "\x03\x03" \
    "0123456789abcdef0123456789abcdef"
#define REST           \
    "\x00"             \
    "\x00\x02\x13\x01" \
    "\x01\x00" /* no session; a suite; no compression: 7 */
#define HELLO(record, message, tail) RECORD(record) MESSAGE(message) FIXED REST tail

/* 2 + 32 + 7 = 41 bytes of hello before its extensions. */
static const struct {
    const char *what;
    struct span bytes;
    int expected;
} hellos[] = {
    { "no extensions", SPAN(HELLO("\x00\x2d", "\x00\x00\x29", "")), TLS_HELLO_OK },
    { "an empty list", SPAN(HELLO("\x00\x2f", "\x00\x00\x2b", "\x00\x00")), TLS_HELLO_OK },
    { "a name",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0a\x00\x00\x00\x06\x00\x04\x00\x00\x01\x61")),
      TLS_HELLO_OK },
    { "an empty name",
      SPAN(HELLO("\x00\x38", "\x00\x00\x34", "\x00\x09\x00\x00\x00\x05\x00\x03\x00\x00\x00")),
      TLS_HELLO_BAD },
    { "a name of another type",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0a\x00\x00\x00\x06\x00\x04\x01\x00\x01\x61")),
      TLS_HELLO_BAD },
    { "a NUL in a name",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0a\x00\x00\x00\x06\x00\x04\x00\x00\x01\x00")),
      TLS_HELLO_BAD },
    { "a name longer than its list",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0a\x00\x00\x00\x06\x00\x04\x00\x00\x02\x61")),
      TLS_HELLO_BAD },
    { "a list longer than its extension",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0a\x00\x00\x00\x06\x00\x05\x00\x00\x01\x61")),
      TLS_HELLO_BAD },
    { "an extension longer than all",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0a\x00\x00\x00\x07\x00\x04\x00\x00\x01\x61")),
      TLS_HELLO_BAD },
    { "extensions longer than the message",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x0b\x00\x00\x00\x06\x00\x04\x00\x00\x01\x61")),
      TLS_HELLO_BAD },
    { "extensions shorter than the message",
      SPAN(HELLO("\x00\x39", "\x00\x00\x35", "\x00\x09\x00\x00\x00\x06\x00\x04\x00\x00\x01\x61")),
      TLS_HELLO_BAD },
    { "a byte behind", SPAN(HELLO("\x00\x30", "\x00\x00\x2c", "\x00\x00\x00")), TLS_HELLO_BAD },
    { "two names",
      SPAN(HELLO("\x00\x43", "\x00\x00\x3f",
                 "\x00\x14\x00\x00\x00\x06\x00\x04\x00\x00\x01\x61\x00\x00\x00\x06\x00\x04\x00\x00"
                 "\x01\x62")),
      TLS_HELLO_BAD },
    { "a message too short for its fixed part",
      SPAN(RECORD("\x00\x06") MESSAGE("\x00\x00\x02") "\x03\x03"), TLS_HELLO_BAD },
    { "a message that is too long", SPAN(RECORD("\x00\x06") MESSAGE("\x00\x40\x01") "\x03\x03"),
      TLS_HELLO_BAD },
    { "another message", SPAN(RECORD("\x00\x06") "\x02\x00\x00\x02\x03\x03"), TLS_HELLO_BAD },
    { "an alert", SPAN("\x15\x03\x01\x00\x02\x02\x28"), TLS_HELLO_BAD },
    { "an empty record", SPAN("\x16\x03\x01\x00\x00"), TLS_HELLO_BAD },
    { "a record that is too long", SPAN("\x16\x03\x01\x40\x01"), TLS_HELLO_BAD },
    { "of SSL 2", SPAN("\x80\x2e\x01\x03\x01"), TLS_HELLO_BAD },
    { "HTTP", SPAN("GET / HTTP/1.1\r\n\r\n"), TLS_HELLO_BAD },
    { "nothing", { "", 0 }, TLS_HELLO_MORE },
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        for (size_t step = 1; step <= 64; step += 63) {
            char name[TLS_HELLO_NAME_MAX];
            struct span untouched = SPAN("untouched"), got = untouched;

            print_message("%s, by %zu\n", hellos[i].what, step);
            int r = read_by(hellos[i].bytes, step, name, &got);
            assert_int_equal(r, hellos[i].expected);
            if (r != TLS_HELLO_OK)
                assert_ptr_equal(got.ptr, untouched.ptr);
        }
    }
}

static void test_a_hello_ends(void **state)
{
    struct buf bytes = { 0 };
    struct tls_hello_scan scan = { 0 };
    char name[TLS_HELLO_NAME_MAX];
    struct span got;
    int r = TLS_HELLO_MORE;

    (void)state;
    /* Records of one byte each, of a message that is as long as it may be. */
    buf_append(&bytes, SPAN("\x16\x03\x01\x00\x04\x01\x00\x40\x00"));
    while (r == TLS_HELLO_MORE && bytes.len < 2 * TLS_HELLO_BYTES_MAX) {
        buf_append(&bytes, SPAN("\x16\x03\x01\x00\x01\x00"));
        r = tls_hello_read(&scan, buf_span(&bytes), name, &got);
    }
    assert_int_equal(r, TLS_HELLO_BAD);
    assert_true(bytes.len <= TLS_HELLO_BYTES_MAX + 6);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_real_hellos),
        cmocka_unit_test(test_what_follows_does_not_matter),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_a_hello_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
