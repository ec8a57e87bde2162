#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/scope.h"
#include "http/chunked.h"

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static const struct {
    const char *what;
    struct span bytes;
    int result;
    struct span content, trailers;
    size_t left_over; /* bytes after the body */
} bodies[] = {
#define B(what, bytes, ...)                             \
    {                                                   \
        what, { bytes, sizeof(bytes) - 1 }, __VA_ARGS__ \
    }
#define S(text)                \
    {                          \
        text, sizeof(text) - 1 \
    }
    B("empty", "0\r\n\r\n", CHUNKED_END, S(""), S("")),
    B("two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", CHUNKED_END, S("hello world"), S("")),
    B("hex in both cases", "a\r\n" TEN "\r\nA\r\n" TEN "\r\n0\r\n\r\n", CHUNKED_END, S(TEN TEN),
      S("")),
    B("leading zeros", "0000000000000001\r\nx\r\n000\r\n\r\n", CHUNKED_END, S("x"), S("")),
    B("extension", "1;a=\"b c\"\r\nx\r\n0;q\r\n\r\n", CHUNKED_END, S("x"), S("")),
    B("space before the extension", "1 ;a\r\nx\r\n0\r\n\r\n", CHUNKED_END, S("x"), S("")),
    B("content with line ends", "4\r\n\r\n\r\n\r\n0\r\n\r\n", CHUNKED_END, S("\r\n\r\n"), S("")),
    B("trailers", "0\r\nA: b\r\nC: d\r\n\r\n", CHUNKED_END, S(""), S("A: b\r\nC: d\r\n")),
    B("next request after it", "0\r\n\r\nGET /", CHUNKED_END, S(""), S(""), 5),
    B("half a body", "5\r\nhel", CHUNKED_MORE, S("hel"), S("")),
    B("half a trailer", "0\r\nA: b\r\n", CHUNKED_MORE, S(""), S(""), 6),

    B("empty size", "\r\n\r\n", CHUNKED_BAD, S(""), S("")),
    B("no digit", "x\r\n", CHUNKED_BAD, S(""), S("")),
    B("plus", "+1\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("minus", "-1\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("0x", "0x1\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("space first", " 1\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("space after the size", "1 \r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("underscore", "1_0\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("17 digits", "00000000000000001\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("past int64", "8000000000000000\r\n", CHUNKED_BAD, S(""), S("")),
    B("bare LF after the size", "1\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("bare LF in an extension", "1;a\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("bare CR in an extension", "1;a\rb\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("NUL in an extension", "1;a\0\r\nx\r\n", CHUNKED_BAD, S(""), S("")),
    B("endless extension", "1;" FIFTY FIFTY FIFTY FIFTY FIFTY TEN, CHUNKED_BAD, S(""), S("")),
    B("content too long", "1\r\nxy\r\n", CHUNKED_BAD, S("x"), S("")),
    B("bare LF after content", "1\r\nx\n0\r\n\r\n", CHUNKED_BAD, S("x"), S("")),
    B("bare CR after content", "1\r\nx\r0\r\n\r\n", CHUNKED_BAD, S("x"), S("")),
    B("bare LF as the end", "0\r\n\n", CHUNKED_BAD, S(""), S("")),
    B("bare CR as the end", "0\r\n\r0", CHUNKED_BAD, S(""), S("")),
    B("trailer without colon", "0\r\nA\r\n\r\n", CHUNKED_BAD, S(""), S("")),
    B("folded trailer", "0\r\nA: b\r\n c\r\n\r\n", CHUNKED_BAD, S(""), S("")),
    B("trailer with bare LF", "0\r\nA: b\n\r\n", CHUNKED_BAD, S(""), S("")),
    B("trailer with bare CR", "0\r\nA: b\rc\r\n\r\n", CHUNKED_BAD, S(""), S("")),
    B("trailer with NUL", "0\r\nA: \0\r\n\r\n", CHUNKED_BAD, S(""), S("")),
    B("request instead of an end", "0\r\nGET / HTTP/1.1\r\n\r\n", CHUNKED_BAD, S(""), S("")),
#undef S
#undef B
};

struct decoded {
    int result;
    struct buf content, trailers;
    size_t left_over;
};

static void decoded_deinit(struct decoded *d)
{
    buf_deinit(&d->content);
    buf_deinit(&d->trailers);
}

/* Decodes what of `bytes` has arrived, from *at on, from a block of its exact size. */
static void decode_some(struct chunked *decoder, struct span arrived, size_t *at, struct decoded *d)
{
    do {
        struct span rest = span_from(arrived, *at);
        SCOPED(mem_freep) char *block = mem_alloc(rest.len + 1);
        memcpy(block + 1, rest.ptr, rest.len);
        size_t consumed = SIZE_MAX;
        struct span piece;

        d->result = chunked_decode(decoder, span_of(block + 1, rest.len), &consumed, &piece);
        assert_true(consumed <= rest.len);
        *at += consumed;
        if (d->result == CHUNKED_PIECE)
            buf_append(&d->content, piece);
        if (d->result == CHUNKED_END)
            buf_append(&d->trailers, piece);
    } while (d->result == CHUNKED_PIECE);
}

static void decode(struct span bytes, size_t first, size_t step, struct decoded *d)
{
    struct chunked decoder = { 0 };
    size_t at = 0;

    d->result = CHUNKED_MORE;
    for (size_t len = first; len < bytes.len && d->result == CHUNKED_MORE; len += step)
        decode_some(&decoder, span_upto(bytes, len), &at, d);
    if (d->result == CHUNKED_MORE)
        decode_some(&decoder, bytes, &at, d);
    d->left_over = bytes.len - at;
}

static void assert_decodes(size_t i, size_t first, size_t step)
{
    SCOPED(decoded_deinit) struct decoded d = { 0 };
    decode(bodies[i].bytes, first, step, &d);

    assert_int_equal(d.result, bodies[i].result);
    assert_true(span_eq(buf_span(&d.content), bodies[i].content));
    assert_true(span_eq(buf_span(&d.trailers), bodies[i].trailers));
    if (d.result != CHUNKED_BAD)
        assert_int_equal(d.left_over, bodies[i].left_over);
}

static void test_decodes_however_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        size_t len = bodies[i].bytes.len;

        print_message("%s\n", bodies[i].what);
        assert_decodes(i, len, 1);
        if (bodies[i].left_over == 0 || bodies[i].result == CHUNKED_MORE)
            assert_decodes(i, 0, 1);
        for (size_t at = 1; at < len - bodies[i].left_over; at++)
            assert_decodes(i, at, len);
    }
}

static void test_trailers_are_bounded(void **state)
{
    (void)state;
    static const struct {
        size_t fields;
        int result;
    } cases[] = { { 127, CHUNKED_END }, { 400, CHUNKED_BAD } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(buf_deinit) struct buf body = { 0 };
        SCOPED(decoded_deinit) struct decoded d = { 0 };
        buf_append(&body, SPAN("0\r\n"));
        for (size_t n = 0; n < cases[i].fields; n++)
            buf_append(&body, SPAN("name: value\r\n"));
        buf_append(&body, SPAN("\r\n"));
        decode(buf_span(&body), 7, 1, &d);
        assert_int_equal(d.result, cases[i].result);
    }

    SCOPED(buf_deinit) struct buf wide = { 0 };
    SCOPED(decoded_deinit) struct decoded d = { 0 };
    buf_append(&wide, SPAN("0\r\nA: "));
    for (size_t n = 0; n < CHUNKED_TRAILERS_MAX; n++)
        buf_append_byte(&wide, 'x');
    decode(buf_span(&wide), 7, 1, &d);
    assert_int_equal(d.result, CHUNKED_BAD);
}

static void test_leaves_out_what_may_not_trail(void **state)
{
    (void)state;
    struct span lines = SPAN("Content-Length: 5\r\nX-Checksum: 1\r\nhost: x\r\nTrailer: y\r\n"
                             "grpc-status:0\r\nCache-Control: no\r\nSet-Cookie: a\r\n"
                             "X-Forwarded-For: 1.1.1.1\r\nZ:\r\n");
    struct http_header headers[8];

    assert_int_equal(chunked_trailers_parse(lines, headers, ARRAY_LEN(headers)), 3);
    assert_true(span_eq(http_header_name(&headers[0]), SPAN("X-Checksum")));
    assert_true(span_eq(http_header_name(&headers[1]), SPAN("grpc-status")));
    assert_true(span_eq(http_header_value(&headers[1]), SPAN("0")));
    assert_true(span_eq(http_header_name(&headers[2]), SPAN("Z")));
    assert_int_equal(chunked_trailers_parse(lines, headers, 1), 1);
    assert_int_equal(chunked_trailers_parse(SPAN_EMPTY, headers, 1), 0);
}

static void test_encodes_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        const char *text;
    } cases[] = {
        { 0, "0\r\n" },   { 9, "9\r\n" },        { 10, "a\r\n" },
        { 16, "10\r\n" }, { 65535, "ffff\r\n" }, { UINT64_MAX, "ffffffffffffffff\r\n" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char at[CHUNKED_HEAD_MAX];
        size_t len = chunked_encode_head(at, cases[i].size);
        assert_true(span_eq(span_of(at, len), span_from_str(cases[i].text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_however_split),
        cmocka_unit_test(test_trailers_are_bounded),
        cmocka_unit_test(test_leaves_out_what_may_not_trail),
        cmocka_unit_test(test_encodes_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
