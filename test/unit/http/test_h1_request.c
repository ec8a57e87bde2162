#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "feed.h"
#include "http/h1.h"

#define HOST "Host: a.example\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define END  "\r\n"

struct bad {
    const char *what;
    struct span bytes;
    enum h1_fault fault;
};

#define BAD(what, bytes, fault)                   \
    {                                             \
        what, { bytes, sizeof(bytes) - 1 }, fault \
    }

static const struct bad bads[] = {
    BAD("TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", H1_FAULT_METHOD),
    BAD("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", H1_FAULT_VERSION),
    BAD("PROXY v2", "\r\n\r\n\0\r\nQUIT\n", H1_FAULT_METHOD),
    BAD("SSH", "SSH-2.0-OpenSSH_9\r\n\r\n", H1_FAULT_START_LINE),
    BAD("NUL first", "\0", H1_FAULT_METHOD),
    BAD("space first", " GET / HTTP/1.1\r\n" HOST END, H1_FAULT_METHOD),
    BAD("bare LF first", "\nGET / HTTP/1.1\r\n" HOST END, H1_FAULT_LINE_END),
    BAD("bare CR first", "\rGET / HTTP/1.1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("five empty lines", "\r\n\r\n\r\n\r\n\r\n" GET END, H1_FAULT_START_LINE),
    BAD("empty line with LF", "\r\n\n" GET END, H1_FAULT_LINE_END),

    BAD("method with colon", "GE:T / HTTP/1.1\r\n" HOST END, H1_FAULT_METHOD),
    BAD("method with slash", "GET/ / HTTP/1.1\r\n" HOST END, H1_FAULT_METHOD),
    BAD("method with high byte", "G\xc3\x89T / HTTP/1.1\r\n" HOST END, H1_FAULT_METHOD),
    BAD("method with quotes", "\"GET\" / HTTP/1.1\r\n" HOST END, H1_FAULT_METHOD),
    BAD("method then tab", "GET\t/ HTTP/1.1\r\n" HOST END, H1_FAULT_METHOD),
    BAD("method of 33", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", H1_FAULT_METHOD),
    BAD("method alone", "GET\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("method and LF", "GET\n", H1_FAULT_LINE_END),

    BAD("two spaces after the method", "GET  / HTTP/1.1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("two spaces after the target", "GET /  HTTP/1.1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("space in the target", "GET /a b HTTP/1.1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("tab in the target", "GET /a\tb HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("tab after the target", "GET /\tHTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("NUL in the target", "GET /a\0b HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("DEL in the target", "GET /a\x7f HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("control in a long target", "GET /0123456789012345678901234567\x01 HTTP/1.1\r\n" HOST END,
        H1_FAULT_TARGET),
    BAD("target without slash", "GET a HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("target of a query", "GET ?a HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("asterisk of GET", "GET * HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("other scheme", "GET ftp://a/ HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("absolute without authority", "GET http:///a HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("absolute with user", "GET http://u@a/ HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("absolute with bad port", "GET http://a:x/ HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("absolute with one slash", "GET http:/a HTTP/1.1\r\n" HOST END, H1_FAULT_TARGET),
    BAD("HTTP/0.9", "GET /\r\n", H1_FAULT_NONE),
    BAD("HTTP/0.9 with a field", "GET /\r\n" HOST END, H1_FAULT_START_LINE),

    BAD("lower-case version", "GET / http/1.1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("HTTP/2.0", "GET / HTTP/2.0\r\n" HOST END, H1_FAULT_VERSION),
    BAD("HTTP/1.2", "GET / HTTP/1.2\r\n" HOST END, H1_FAULT_VERSION),
    BAD("HTTP/0.9 spelled", "GET / HTTP/0.9\r\n" HOST END, H1_FAULT_VERSION),
    BAD("HTTP/1", "GET / HTTP/1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("HTTP/1.10", "GET / HTTP/1.10\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("HTTP/01.1", "GET / HTTP/01.1\r\n" HOST END, H1_FAULT_START_LINE),
    BAD("HTTP/1.1 and a space", "GET / HTTP/1.1 \r\n" HOST END, H1_FAULT_START_LINE),
    BAD("HTTP/1.1 and a bare CR", "GET / HTTP/1.1\r" HOST END, H1_FAULT_LINE_END),
    BAD("HTTP/1.1 and a bare LF", "GET / HTTP/1.1\n" HOST END, H1_FAULT_LINE_END),
    BAD("ICAP", "GET / ICAP/1.0\r\n" HOST END, H1_FAULT_START_LINE),

    BAD("bare LF after a field", GET "A: b\n" END, H1_FAULT_LINE_END),
    BAD("bare LF as the end", GET "\n", H1_FAULT_LINE_END),
    BAD("bare CR in a value", GET "A: b\rc\r\n" END, H1_FAULT_LINE_END),
    BAD("bare CR before CRLF", GET "A: b\r\r\n" END, H1_FAULT_LINE_END),
    BAD("bare CR begins a line", GET "\rA: b\r\n" END, H1_FAULT_LINE_END),
    BAD("CR CR LF as the end", GET "\r\r\n" END, H1_FAULT_LINE_END),
    BAD("NUL in a value", GET "A: b\0c\r\n" END, H1_FAULT_FIELD_VALUE),
    BAD("NUL ends a value", GET "A: b\0\r\n" END, H1_FAULT_FIELD_VALUE),
    BAD("DEL in a value", GET "A: b\x7f\r\n" END, H1_FAULT_FIELD_VALUE),
    BAD("escape in a value", GET "A: \x1b[2J\r\n" END, H1_FAULT_FIELD_VALUE),
    BAD("control in a long value", GET "A: 01234567890123456789012345\x01\r\n" END,
        H1_FAULT_FIELD_VALUE),
    BAD("vertical tab before a value", GET "A:\x0b b\r\n" END, H1_FAULT_FIELD_VALUE),

    BAD("folded with space", GET "A: b\r\n c\r\n" END, H1_FAULT_FOLDED),
    BAD("folded with tab", GET "A: b\r\n\tc\r\n" END, H1_FAULT_FOLDED),
    BAD("folded at once", "GET / HTTP/1.1\r\n " HOST END, H1_FAULT_FOLDED),
    BAD("line of spaces", GET "  \r\n" END, H1_FAULT_FOLDED),
    BAD("space before the colon", GET "A : b\r\n" END, H1_FAULT_SPACE_BEFORE_COLON),
    BAD("tab before the colon", GET "A\t: b\r\n" END, H1_FAULT_SPACE_BEFORE_COLON),
    BAD("spaces before CL's colon", POST "Content-Length  : 5\r\n" END,
        H1_FAULT_SPACE_BEFORE_COLON),
    BAD("empty name", GET ": b\r\n" END, H1_FAULT_FIELD_NAME),
    BAD("no colon", GET "A\r\n" END, H1_FAULT_FIELD_NAME),
    BAD("no colon but a space", GET "A b\r\n" END, H1_FAULT_FIELD_NAME),
    BAD("name with brackets", GET "A[0]: b\r\n" END, H1_FAULT_FIELD_NAME),
    BAD("name with NUL", GET "A\0: b\r\n" END, H1_FAULT_FIELD_NAME),
    BAD("name with high byte", GET "\xc3\x84: b\r\n" END, H1_FAULT_FIELD_NAME),
    BAD("name with quotes", GET "\"A\": b\r\n" END, H1_FAULT_FIELD_NAME),

    BAD("no Host", "GET / HTTP/1.1\r\n" END, H1_FAULT_HOST),
    BAD("empty Host", "GET / HTTP/1.1\r\nHost:\r\n" END, H1_FAULT_HOST),
    BAD("two Hosts", GET HOST END, H1_FAULT_HOST),
    BAD("two Hosts in 1.0", "GET / HTTP/1.0\r\n" HOST HOST END, H1_FAULT_HOST),
    BAD("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n" END, H1_FAULT_HOST),
    BAD("Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n" END, H1_FAULT_HOST),
    BAD("Host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n" END, H1_FAULT_HOST),
    BAD("Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n" END, H1_FAULT_HOST),
    BAD("Host with port name", "GET / HTTP/1.1\r\nHost: a:http\r\n" END, H1_FAULT_HOST),
    BAD("bad Host in 1.0", "GET / HTTP/1.0\r\nHost: a@b\r\n" END, H1_FAULT_HOST),
    BAD("absolute without Host", "GET http://a/ HTTP/1.1\r\n" END, H1_FAULT_HOST),
    BAD("absolute with bad Host", "GET http://a/ HTTP/1.1\r\nHost: @\r\n" END, H1_FAULT_HOST),

    BAD("CL twice", POST "Content-Length: 5\r\nContent-Length: 6\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL twice and equal", POST "Content-Length: 5\r\ncontent-length: 5\r\n" END,
        H1_FAULT_CONTENT_LENGTH),
    BAD("CL list", POST "Content-Length: 5, 5\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL with plus", POST "Content-Length: +5\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL with minus", POST "Content-Length: -5\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL with space", POST "Content-Length: 1 0\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL in hex", POST "Content-Length: 0x10\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL empty", POST "Content-Length:\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL with point", POST "Content-Length: 5.0\r\n" END, H1_FAULT_CONTENT_LENGTH),
    BAD("CL past int64", POST "Content-Length: 9223372036854775808\r\n" END,
        H1_FAULT_CONTENT_LENGTH),
    BAD("CL past uint64", POST "Content-Length: 18446744073709551621\r\n" END,
        H1_FAULT_CONTENT_LENGTH),
    BAD("CL then TE", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END,
        H1_FAULT_LENGTH_AND_CHUNKED),
    BAD("TE then CL", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END,
        H1_FAULT_LENGTH_AND_CHUNKED),
    BAD("TE gzip", POST "Transfer-Encoding: gzip\r\n" END, H1_FAULT_TRANSFER_ENCODING),
    BAD("TE gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n" END,
        H1_FAULT_TRANSFER_ENCODING),
    BAD("TE chunked with parameter", POST "Transfer-Encoding: chunked;a=b\r\n" END,
        H1_FAULT_TRANSFER_ENCODING),
    BAD("TE xchunked", POST "Transfer-Encoding: xchunked\r\n" END, H1_FAULT_TRANSFER_ENCODING),
    BAD("TE identity", POST "Transfer-Encoding: identity\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE chunked, chunked", POST "Transfer-Encoding: chunked, chunked\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE chunked, gzip", POST "Transfer-Encoding: chunked, gzip\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE chunked,", POST "Transfer-Encoding: chunked,\r\n" END, H1_FAULT_TRANSFER_ENCODING),
    BAD("TE ,chunked", POST "Transfer-Encoding: ,chunked\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE quoted", POST "Transfer-Encoding: \"chunked\"\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE with vertical tab",
        POST "Transfer-Encoding: \x0b"
             "chunked\r\n" END,
        H1_FAULT_FIELD_VALUE),
    BAD("TE empty", POST "Transfer-Encoding:\r\n" END, H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("TE in 1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END,
        H1_FAULT_TRANSFER_ENCODING_REPEATED),
    BAD("other expectation", POST "Expect: 200-ok\r\n" END, H1_FAULT_EXPECT),
    BAD("expectation twice", POST "Expect: 100-continue\r\nExpect: 100-continue\r\n" END,
        H1_FAULT_EXPECT),
    BAD("empty expectation", POST "Expect:\r\n" END, H1_FAULT_EXPECT),
};

struct good {
    const char *what;
    struct span bytes;
    const char *host;
    enum http_body_kind body;
    uint64_t content_length;
    bool keep_alive, expects_continue, upgrades;
    uint32_t fields;
};

#define GOOD(what, bytes, ...)                          \
    {                                                   \
        what, { bytes, sizeof(bytes) - 1 }, __VA_ARGS__ \
    }

static const struct good goods[] = {
    GOOD("plain", GET END, "a.example", .keep_alive = true, .fields = 1),
    GOOD("four empty lines before", "\r\n\r\n\r\n\r\n" GET END, "a.example", .keep_alive = true,
         .fields = 1),
    GOOD("lower-case method", "get / HTTP/1.1\r\n" HOST END, "a.example", .keep_alive = true,
         .fields = 1),
    GOOD("odd method", "M!#$%&'*+-.^_`|~1 / HTTP/1.1\r\n" HOST END, "a.example", .keep_alive = true,
         .fields = 1),
    GOOD("high bytes in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST END, "a.example",
         .keep_alive = true, .fields = 1),
    GOOD("two slashes are a path", "GET //evil/x HTTP/1.1\r\n" HOST END, "a.example",
         .keep_alive = true, .fields = 1),
    GOOD("asterisk", "OPTIONS * HTTP/1.1\r\n" HOST END, "a.example", .keep_alive = true,
         .fields = 1),
    GOOD("CONNECT", "CONNECT a:443 HTTP/1.1\r\n" HOST END, "a.example", .keep_alive = true,
         .fields = 1),
    GOOD("absolute form wins", "GET http://b:81/x HTTP/1.1\r\n" HOST END, "b:81",
         .keep_alive = true, .fields = 1),
    GOOD("absolute form in 1.0", "GET HTTPS://b HTTP/1.0\r\n" END, "b"),
    GOOD("1.0 without Host", "GET / HTTP/1.0\r\n" END, ""),
    GOOD("1.0 with empty Host", "GET / HTTP/1.0\r\nHost: \r\n" END, "", .fields = 1),
    GOOD("1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END, "",
         .keep_alive = true, .fields = 1),
    GOOD("1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n" END, "",
         .fields = 1),
    GOOD("close", GET "Connection: close\r\n" END, "a.example", .fields = 2),
    GOOD("close in a list", GET "Connection: x,\tCLOSE ,y\r\n" END, "a.example", .fields = 2),
    GOOD("close in a second field", GET "Connection: x\r\nConnection: close\r\n" END, "a.example",
         .fields = 3),
    GOOD("not close", GET "Connection: closed\r\n" END, "a.example", .keep_alive = true,
         .fields = 2),
    GOOD("length", POST "Content-Length: 5\r\n" END, "a.example", HTTP_BODY_LENGTH, 5, true,
         .fields = 2),
    GOOD("length zero", POST "Content-Length: 0\r\n" END, "a.example", HTTP_BODY_LENGTH, 0, true,
         .fields = 2),
    GOOD("leading zeros", POST "Content-Length: 0005\r\n" END, "a.example", HTTP_BODY_LENGTH, 5,
         true, .fields = 2),
    GOOD("longest", POST "Content-Length: 9223372036854775807\r\n" END, "a.example",
         HTTP_BODY_LENGTH, INT64_MAX, true, .fields = 2),
    GOOD("blanks around", POST "Content-Length: \t 5 \t\r\n" END, "a.example", HTTP_BODY_LENGTH, 5,
         true, .fields = 2),
    GOOD("no blank", POST "Content-Length:5\r\n" END, "a.example", HTTP_BODY_LENGTH, 5, true,
         .fields = 2),
    GOOD("chunked", POST "Transfer-Encoding: Chunked\r\n" END, "a.example", HTTP_BODY_CHUNKED, 0,
         true, .fields = 2),
    GOOD("GET with a body", GET "Content-Length: 3\r\n" END, "a.example", HTTP_BODY_LENGTH, 3, true,
         .fields = 2),
    GOOD("a name that only looks so", POST "Content_Length: x\r\n" END, "a.example",
         .keep_alive = true, .fields = 2),
    GOOD("expects", POST "Expect: 100-Continue\r\n" END, "a.example", .keep_alive = true,
         .expects_continue = true, .fields = 2),
    GOOD("1.0 cannot expect", "POST / HTTP/1.0\r\nExpect: 100-continue\r\n" END, "", .fields = 1),
    GOOD("upgrade", GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" END,
         "a.example", .keep_alive = true, .upgrades = true, .fields = 3),
    GOOD("upgrade not named", GET "Upgrade: websocket\r\n" END, "a.example", .keep_alive = true,
         .fields = 2),
    GOOD("upgrade to nothing", GET "Connection: upgrade\r\n" END, "a.example", .keep_alive = true,
         .fields = 2),
    GOOD("1.0 cannot upgrade",
         "GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: x\r\n" END, "",
         .keep_alive = true, .fields = 2),
    GOOD("empty value", GET "A:\r\nB: \r\n" END, "a.example", .keep_alive = true, .fields = 3),
    GOOD("tab and high bytes in a value", GET "A: b\tc\xff\x80\r\n" END, "a.example",
         .keep_alive = true, .fields = 2),
    GOOD("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n" END, "[::1]:8080",
         .keep_alive = true, .fields = 1),
    GOOD("Host with underscore", "GET / HTTP/1.1\r\nHost: a_b.c:80\r\n" END, "a_b.c:80",
         .keep_alive = true, .fields = 1),
    GOOD("pipelined", GET END GET END, "a.example", .keep_alive = true, .fields = 1),
    GOOD("bytes after", POST "Content-Length: 1\r\n" END "\n\0\xff", "a.example", HTTP_BODY_LENGTH,
         1, true, .fields = 2),
};

static void test_refuses(void **state)
{
    (void)state;
    struct h1_limits limits = LIMITS;

    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        const struct bad *bad = &bads[i];
        struct outcome whole = feed(h1_request_parse, bad->bytes, bad->bytes.len, 1, &limits);

        print_message("%s: %s\n", bad->what, h1_fault_text(whole.fault));
        assert_int_equal(whole.fault, bad->fault);
        assert_int_equal(whole.result, bad->fault == H1_FAULT_NONE ? H1_PARTIAL : H1_BAD);
    }
}

static void test_accepts(void **state)
{
    (void)state;
    struct h1_limits limits = LIMITS;

    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        const struct good *good = &goods[i];
        struct http_header headers[HTTP_HEADERS_MAX];
        struct h1_parser parser = { 0 };
        struct http_head head;
        size_t bytes;

        print_message("%s\n", good->what);
        assert_int_equal(h1_request_parse(&parser, good->bytes, &limits, headers, &head, &bytes),
                         H1_OK);
        assert_true(span_eq(head.host, span_from_str(good->host)));
        assert_int_equal(head.body, good->body);
        assert_int_equal(head.content_length, good->content_length);
        assert_int_equal(head.keep_alive, good->keep_alive);
        assert_int_equal(head.expects_continue, good->expects_continue);
        assert_int_equal(head.upgrades, good->upgrades);
        assert_int_equal(head.headers_len, good->fields);
        assert_memory_equal(good->bytes.ptr + bytes - 4, "\r\n\r\n", 4);
    }
}

static void assert_split_anywhere(const char *what, struct span bytes)
{
    struct h1_limits limits = LIMITS;
    struct outcome whole = feed(h1_request_parse, bytes, bytes.len, 1, &limits);
    struct outcome dribble = feed(h1_request_parse, bytes, 0, 1, &limits);

    print_message("%s\n", what);
    assert_true(outcome_eq(&whole, &dribble));
    for (size_t at = 1; at < bytes.len; at++) {
        struct outcome split = feed(h1_request_parse, bytes, at, bytes.len, &limits);
        assert_true(outcome_eq(&whole, &split));
    }
}

static void test_splits_make_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        assert_split_anywhere(bads[i].what, bads[i].bytes);
    for (size_t i = 0; i < ARRAY_LEN(goods); i++)
        assert_split_anywhere(goods[i].what, goods[i].bytes);
}

static void test_outputs_survive_failure(void **state)
{
    (void)state;
    struct h1_limits limits = LIMITS;
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_head head = { .content_length = 42 };
    size_t bytes = 43;

    struct h1_parser parser = { 0 };
    assert_int_equal(h1_request_parse(&parser, SPAN(GET), &limits, headers, &head, &bytes),
                     H1_PARTIAL);
    assert_int_equal(
        h1_request_parse(&parser, SPAN(GET "A : b\r\n" END), &limits, headers, &head, &bytes),
        H1_BAD);
    assert_int_equal(head.content_length, 42);
    assert_int_equal(bytes, 43);
}

static void test_reads_all_parts(void **state)
{
    (void)state;
    struct h1_limits limits = LIMITS;
    struct http_header headers[HTTP_HEADERS_MAX];
    struct h1_parser parser = { 0 };
    struct http_head head;
    size_t bytes;
    struct span request =
        SPAN("PATCH /a?b HTTP/1.0\r\nHost: h\r\nx-Other:  v w \r\nUPGRADE: q\r\n\r\n");

    assert_int_equal(h1_request_parse(&parser, request, &limits, headers, &head, &bytes), H1_OK);
    assert_int_equal(bytes, request.len);
    assert_int_equal(head.method, HTTP_PATCH);
    assert_true(span_eq(head.method_text, SPAN("PATCH")));
    assert_true(span_eq(head.target, SPAN("/a?b")));
    assert_int_equal(head.version_minor, 0);
    assert_ptr_equal(head.headers, headers);
    assert_true(span_eq(http_header_name(&headers[1]), SPAN("x-Other")));
    assert_true(span_eq(http_header_value(&headers[1]), SPAN("v w")));
    assert_int_equal(headers[1].id, HTTP_NAME_OTHER);
    assert_int_equal(headers[2].id, HTTP_UPGRADE);
    assert_true(span_eq(head.upgrade, SPAN("q")));
    assert_int_equal(head.names_seen,
                     1ull << HTTP_HOST | 1ull << HTTP_NAME_OTHER | 1ull << HTTP_UPGRADE);
}

/* A request with a target of `target_bytes`, `fields` fields besides Host, and `padding` in a
 * value. */
static void build_request(struct buf *buf, size_t target_bytes, size_t fields, size_t padding)
{
    buf_append(buf, SPAN("GET /"));
    for (size_t i = 1; i < target_bytes; i++)
        buf_append_byte(buf, 't');
    buf_append(buf, SPAN(" HTTP/1.1\r\nHost: "));
    for (size_t i = 0; i < padding; i++)
        buf_append_byte(buf, ' ');
    buf_append(buf, SPAN("h\r\n"));
    for (size_t i = 0; i < fields; i++)
        buf_append(buf, SPAN("a:b\r\n"));
    buf_append(buf, SPAN("\r\n"));
}

static void test_limits(void **state)
{
    (void)state;
    enum { PLAIN = 27 }; /* bytes of a request with a target of one byte and no more fields */
    static const struct {
        size_t target, fields, padding;
        enum h1_fault fault;
    } cases[] = {
        { 1, 0, 400 - PLAIN, H1_FAULT_NONE },
        { 1, 0, 400 - PLAIN + 1, H1_FAULT_HEAD_TOO_LARGE },
        { 100, 0, 0, H1_FAULT_NONE },
        { 101, 0, 0, H1_FAULT_TARGET_TOO_LONG },
        { 5000, 0, 0, H1_FAULT_TARGET_TOO_LONG },
        { 1, 9, 0, H1_FAULT_NONE },
        { 1, 10, 0, H1_FAULT_TOO_MANY_FIELDS },
        { 1, 500, 0, H1_FAULT_TOO_MANY_FIELDS },
    };
    struct h1_limits limits = { .head_bytes = 400, .target_bytes = 100, .headers = 10 };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(buf_deinit) struct buf buf = { 0 };
        build_request(&buf, cases[i].target, cases[i].fields, cases[i].padding);
        struct span request = buf_span(&buf);
        struct outcome whole = feed(h1_request_parse, request, request.len, 1, &limits);
        struct outcome dribble = feed(h1_request_parse, request, 1, 1, &limits);

        print_message("target %zu, fields %zu, padding %zu\n", cases[i].target, cases[i].fields,
                      cases[i].padding);
        assert_int_equal(whole.fault, cases[i].fault);
        assert_true(outcome_eq(&whole, &dribble));
    }
}

/* A head without end is refused at the limit, long before its end could come. */
static void test_limits_before_the_end(void **state)
{
    (void)state;
    SCOPED(buf_deinit) struct buf buf = { 0 };
    struct h1_limits limits = { .head_bytes = 400, .target_bytes = 100, .headers = 10 };

    build_request(&buf, 1000, 0, 0);
    struct outcome endless = feed(h1_request_parse, span_upto(buf_span(&buf), 106), 1, 1, &limits);
    assert_int_equal(endless.fault, H1_FAULT_TARGET_TOO_LONG);

    SCOPED(buf_deinit) struct buf wide = { 0 };
    build_request(&wide, 1, 0, 1000);
    endless = feed(h1_request_parse, span_upto(buf_span(&wide), 400), 1, 1, &limits);
    assert_int_equal(endless.fault, H1_FAULT_HEAD_TOO_LARGE);
}

static void test_every_fault_has_a_status(void **state)
{
    (void)state;
    for (int fault = H1_FAULT_NONE + 1; fault < H1_FAULTS_LEN; fault++) {
        assert_in_range(h1_fault_status((enum h1_fault)fault), 400, 505);
        assert_true(strlen(h1_fault_text((enum h1_fault)fault)) > 5);
    }
    assert_int_equal(h1_fault_status(H1_FAULT_TARGET_TOO_LONG), 414);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_splits_make_no_difference),
        cmocka_unit_test(test_outputs_survive_failure),
        cmocka_unit_test(test_reads_all_parts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_before_the_end),
        cmocka_unit_test(test_every_fault_has_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
