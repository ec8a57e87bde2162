#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed.h"

struct response {
    const char *what;
    struct span bytes;
    enum http_method to;
    enum h1_fault fault; /* or, where there is none: */
    uint16_t status;
    enum http_body_kind body;
    bool keep_alive;
    uint64_t content_length;
};

#define R(what, bytes, ...)                             \
    {                                                   \
        what, { bytes, sizeof(bytes) - 1 }, __VA_ARGS__ \
    }
#define SPAN_INIT(text)        \
    {                          \
        text, sizeof(text) - 1 \
    }
#define NONE H1_FAULT_NONE
#define OK   "HTTP/1.1 200 OK\r\n"

static const struct response responses[] = {
    R("length", OK "Content-Length: 5\r\n\r\n", HTTP_GET, NONE, 200, HTTP_BODY_LENGTH, true, 5),
    R("length zero", OK "Content-Length: 0\r\n\r\n", HTTP_GET, NONE, 200, HTTP_BODY_LENGTH, true),
    R("chunked", OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_GET, NONE, 200, HTTP_BODY_CHUNKED,
      true),
    R("to the end", OK "\r\n", HTTP_GET, NONE, 200, HTTP_BODY_TO_END, false),
    R("close", OK "Content-Length: 5\r\nConnection: close\r\n\r\n", HTTP_GET, NONE, 200,
      HTTP_BODY_LENGTH, false, 5),
    R("HEAD", OK "Content-Length: 5\r\n\r\n", HTTP_HEAD, NONE, 200, HTTP_BODY_NONE, true, 5),
    R("HEAD chunked", OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_HEAD, NONE, 200, HTTP_BODY_NONE,
      true),
    R("HEAD bare", OK "\r\n", HTTP_HEAD, NONE, 200, HTTP_BODY_NONE, true),
    R("204", "HTTP/1.1 204 No Content\r\n\r\n", HTTP_GET, NONE, 204, HTTP_BODY_NONE, true),
    R("204 with zero", "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", HTTP_GET, NONE, 204,
      HTTP_BODY_NONE, true),
    R("204 with length", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", HTTP_GET, NONE, 204,
      HTTP_BODY_NONE, false, 5),
    R("204 chunked", "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET, NONE, 204,
      HTTP_BODY_NONE, false),
    R("304 with length", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", HTTP_GET, NONE, 304,
      HTTP_BODY_NONE, true, 5),
    R("100", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_POST, NONE, 100, HTTP_BODY_NONE, true),
    R("101", "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", HTTP_GET, NONE,
      101, HTTP_BODY_NONE, true),
    R("CONNECT 200", OK "\r\n", HTTP_CONNECT, NONE, 200, HTTP_BODY_NONE, true),
    R("CONNECT 400", "HTTP/1.1 400 x\r\nContent-Length: 1\r\n\r\n", HTTP_CONNECT, NONE, 400,
      HTTP_BODY_LENGTH, true, 1),
    R("1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_GET, NONE, 200, HTTP_BODY_LENGTH,
      false, 5),
    R("1.0 kept", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
      HTTP_GET, NONE, 200, HTTP_BODY_LENGTH, true, 5),
    R("1.0 kept without length", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", HTTP_GET,
      NONE, 200, HTTP_BODY_TO_END, false),
    R("no reason", "HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n", HTTP_GET, NONE, 599,
      HTTP_BODY_LENGTH, true),
    R("empty reason", "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", HTTP_GET, NONE, 299,
      HTTP_BODY_LENGTH, true),
    R("a request's faults are no response's", OK "Expect: x\r\nHost: a\r\nHost: @\r\n\r\n",
      HTTP_HEAD, NONE, 200, HTTP_BODY_NONE, true),

    R("status 600", "HTTP/1.1 600 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("status 099", "HTTP/1.1 099 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("status 20", "HTTP/1.1 20 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("status 2000", "HTTP/1.1 2000 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("status with sign", "HTTP/1.1 +20 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("two spaces", "HTTP/1.1  200 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("tab", "HTTP/1.1\t200 x\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("no status", "HTTP/1.1\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("short", "HTTP/\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("shorter than a code", "HTTP/1.1 2\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("lower case", "http/1.1 200 OK\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("HTTP/0.9", "<html>", HTTP_GET, H1_FAULT_STATUS),
    R("HTTP/2 frame", "\0\0\x12\x04", HTTP_GET, H1_FAULT_STATUS),
    R("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", HTTP_GET, H1_FAULT_VERSION),
    R("HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", HTTP_GET, H1_FAULT_VERSION),
    R("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", HTTP_GET, H1_FAULT_LINE_END),
    R("bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", HTTP_GET, H1_FAULT_LINE_END),
    R("bare CR after the status", "HTTP/1.1 200\rK\r\n\r\n", HTTP_GET, H1_FAULT_LINE_END),
    R("NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n", HTTP_GET, H1_FAULT_STATUS),
    R("folded", OK "A: b\r\n c\r\n\r\n", HTTP_GET, H1_FAULT_FOLDED),
    R("space before colon", OK "A : b\r\n\r\n", HTTP_GET, H1_FAULT_SPACE_BEFORE_COLON),
    R("CL and TE", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET,
      H1_FAULT_LENGTH_AND_CHUNKED),
    R("CL and TE of HEAD", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_HEAD,
      H1_FAULT_LENGTH_AND_CHUNKED),
    R("CL twice", OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP_GET,
      H1_FAULT_CONTENT_LENGTH),
    R("CL list", OK "Content-Length: 5,5\r\n\r\n", HTTP_GET, H1_FAULT_CONTENT_LENGTH),
    R("TE gzip", OK "Transfer-Encoding: gzip\r\n\r\n", HTTP_GET, H1_FAULT_TRANSFER_ENCODING),
    R("TE in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET,
      H1_FAULT_TRANSFER_ENCODING_REPEATED),
};

static enum http_method asked;

/* The method of the request goes in by a global, so that feed() can call both parsers alike. */
static int parse(struct h1_parser *parser, struct span bytes, const struct h1_limits *limits,
                 struct http_header *headers, struct http_head *ret_head, size_t *ret_bytes)
{
    return h1_response_parse(parser, bytes, limits, asked, headers, ret_head, ret_bytes);
}

static void test_understands_framing(void **state)
{
    (void)state;
    struct h1_limits limits = LIMITS;

    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        const struct response *r = &responses[i];
        asked = r->to;
        struct outcome whole = feed(parse, r->bytes, r->bytes.len, 1, &limits);

        print_message("%s\n", r->what);
        assert_int_equal(whole.fault, r->fault);
        if (r->fault != H1_FAULT_NONE)
            continue;
        assert_int_equal(whole.result, H1_OK);
        assert_int_equal(whole.bytes, r->bytes.len);
        assert_int_equal(whole.head.status, r->status);
        assert_int_equal(whole.head.body, r->body);
        assert_int_equal(whole.head.keep_alive, r->keep_alive);
        assert_int_equal(whole.head.content_length, r->content_length);
        assert_int_equal(whole.head.upgrades, r->status == 101);
    }
}

static void test_splits_make_no_difference(void **state)
{
    (void)state;
    struct h1_limits limits = LIMITS;

    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        struct span bytes = responses[i].bytes;
        asked = responses[i].to;
        struct outcome whole = feed(parse, bytes, bytes.len, 1, &limits);
        struct outcome dribble = feed(parse, bytes, 0, 1, &limits);

        print_message("%s\n", responses[i].what);
        assert_true(outcome_eq(&whole, &dribble));
        for (size_t at = 1; at < bytes.len; at++) {
            struct outcome split = feed(parse, bytes, at, bytes.len, &limits);
            assert_true(outcome_eq(&whole, &split));
        }
    }
}

static void test_reads_the_reason(void **state)
{
    (void)state;
    static const struct {
        struct span bytes, reason;
    } cases[] = {
        { SPAN_INIT("HTTP/1.1 404 Not \xff Here\r\n\r\n"), SPAN_INIT("Not \xff Here") },
        { SPAN_INIT("HTTP/1.1 404 \r\n\r\n"), SPAN_INIT("") },
        { SPAN_INIT("HTTP/1.1 404\r\n\r\n"), SPAN_INIT("") },
    };
    struct h1_limits limits = LIMITS;
    struct http_header headers[HTTP_HEADERS_MAX];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct h1_parser parser = { 0 };
        struct http_head head;
        size_t bytes;
        assert_int_equal(
            h1_response_parse(&parser, cases[i].bytes, &limits, HTTP_GET, headers, &head, &bytes),
            H1_OK);
        assert_true(span_eq(head.reason, cases[i].reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_understands_framing),
        cmocka_unit_test(test_splits_make_no_difference),
        cmocka_unit_test(test_reads_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
