#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/scope.h"
#include "http/chunked.h"
#include "http/h2_head.h"

/* Fields are written "name=value|name=value"; a name may begin with a colon. */

static const struct h1_limits limits = { .head_bytes = 1024, .target_bytes = 128, .headers = 16 };

struct outcome {
    int result;
    enum h1_fault fault;
    bool looks_on; /* h2_head_add() was true to the last */
    struct http_head head;
    struct h2_head collector; /* must be ended */
};

static void add_all(struct outcome *outcome, const char *fields)
{
    struct span rest = span_from_str(fields), field;

    outcome->looks_on = true;
    while (span_split(&rest, '|', &field)) {
        size_t at = span_find(field, '=');
        struct span name = span_upto(field, at);
        /* Blocks of just their length, so that a read past the end is caught. */
        SCOPED(mem_freep) char *copy = mem_alloc(field.len);

        memcpy(copy, field.ptr, field.len);
        outcome->looks_on = h2_head_add(&outcome->collector, span_of(copy, name.len),
                                        span_of(copy + at + 1, field.len - at - 1)) &&
                            outcome->looks_on;
    }
}

static void request(struct outcome *outcome, const char *fields, bool ends)
{
    h2_head_begin(&outcome->collector, H2_HEAD_REQUEST, &limits);
    add_all(outcome, fields);
    outcome->result = h2_head_end_request(&outcome->collector, ends, &outcome->head);
    outcome->fault = outcome->collector.fault;
}

static void response(struct outcome *outcome, const char *fields, bool ends, enum http_method to)
{
    h2_head_begin(&outcome->collector, H2_HEAD_RESPONSE, &limits);
    add_all(outcome, fields);
    outcome->result = h2_head_end_response(&outcome->collector, ends, to, &outcome->head);
    outcome->fault = outcome->collector.fault;
}

#define GET ":method=GET|:scheme=https|:authority=a.test|:path=/"

static const struct {
    const char *what, *fields;
    int result;
    enum h1_fault fault;
} refusals[] = {
    /* RFC 9113, 8.3 and 8.3.1: pseudo fields */
    { "no method", ":scheme=https|:authority=a|:path=/", H2_HEAD_MALFORMED, H1_FAULT_METHOD },
    { "no scheme", ":method=GET|:authority=a|:path=/", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "no path", ":method=GET|:scheme=https|:authority=a", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "nothing", "", H2_HEAD_MALFORMED, H1_FAULT_METHOD },
    { "a method twice", GET "|:method=GET", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "a path twice", GET "|:path=/admin", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "an authority twice", GET "|:authority=b.test", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "unknown", GET "|:query=a", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "only a colon", GET "|:=a", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "of answers", GET "|:status=200", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "behind fields", ":method=GET|:scheme=https|:authority=a|x=y|:path=/", H2_HEAD_MALFORMED,
      H1_FAULT_START_LINE },
    { "upper case", ":Method=GET|:scheme=https|:authority=a|:path=/", H2_HEAD_MALFORMED,
      H1_FAULT_START_LINE },
    { "protocol without CONNECT", GET "|:protocol=websocket", H2_HEAD_MALFORMED,
      H1_FAULT_START_LINE },
    { "odd scheme", ":method=GET|:scheme=ftp|:authority=a|:path=/", H2_HEAD_MALFORMED,
      H1_FAULT_START_LINE },
    { "CONNECT with a path", ":method=CONNECT|:authority=a:443|:path=/", H2_HEAD_MALFORMED,
      H1_FAULT_START_LINE },
    { "CONNECT without an authority", ":method=CONNECT", H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "extended CONNECT without a path", ":method=CONNECT|:protocol=websocket|:authority=a",
      H2_HEAD_MALFORMED, H1_FAULT_START_LINE },

    /* what a request line of HTTP/1.1 is made of */
    { "a request in the method", ":method=GET / HTTP/1.1|:scheme=https|:authority=a|:path=/",
      H2_HEAD_MALFORMED, H1_FAULT_METHOD },
    { "a line in the method", ":method=GET\r\nx: y|:scheme=https|:authority=a|:path=/",
      H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "an empty method", ":method=|:scheme=https|:authority=a|:path=/", H2_HEAD_MALFORMED,
      H1_FAULT_METHOD },
    { "a long method",
      ":method=ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG|:scheme=https|:authority=a|:path=/",
      H2_HEAD_MALFORMED, H1_FAULT_METHOD },
    { "a space in the path", ":method=GET|:scheme=https|:authority=a|:path=/a HTTP/1.1",
      H2_HEAD_MALFORMED, H1_FAULT_TARGET },
    { "a line in the path", ":method=GET|:scheme=https|:authority=a|:path=/a\r\nx: y",
      H2_HEAD_MALFORMED, H1_FAULT_START_LINE },
    { "an empty path", ":method=GET|:scheme=https|:authority=a|:path=", H2_HEAD_MALFORMED,
      H1_FAULT_TARGET },
    { "a path without slash", ":method=GET|:scheme=https|:authority=a|:path=a", H2_HEAD_MALFORMED,
      H1_FAULT_TARGET },
    { "an absolute path", ":method=GET|:scheme=https|:authority=a|:path=http://b.test/",
      H2_HEAD_MALFORMED, H1_FAULT_TARGET },
    { "the asterisk of GET", ":method=GET|:scheme=https|:authority=a|:path=*", H2_HEAD_MALFORMED,
      H1_FAULT_TARGET },

    /* for whom it is */
    { "no authority", ":method=GET|:scheme=https|:path=/", H2_HEAD_REFUSED, H1_FAULT_HOST },
    { "an empty authority", ":method=GET|:scheme=https|:authority=|:path=/", H2_HEAD_REFUSED,
      H1_FAULT_HOST },
    { "user information", ":method=GET|:scheme=https|:authority=u@a|:path=/", H2_HEAD_REFUSED,
      H1_FAULT_HOST },
    { "a path in the authority", ":method=GET|:scheme=https|:authority=a/b|:path=/",
      H2_HEAD_REFUSED, H1_FAULT_HOST },
    { "Host beside it says otherwise", GET "|host=b.test", H2_HEAD_REFUSED, H1_FAULT_HOST },
    { "Host beside it has a port", GET "|host=a.test:443", H2_HEAD_REFUSED, H1_FAULT_HOST },
    { "Host twice", GET "|host=a.test|host=a.test", H2_HEAD_REFUSED, H1_FAULT_HOST },

    /* RFC 9113, 8.2: fields */
    { "upper case in a name", GET "|Accept=x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "no name", GET "|=x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "a colon in a name", GET "|a:b=x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "a space in a name", GET "|a b=x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "a line end in a name", GET "|a\r\nb=x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "a line end in a value", GET "|a=x\r\ny: z", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "a bare CR", GET "|a=x\ry", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "a control", GET "|a=x\x01", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "DEL", GET "|a=x\x7f", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "a space before a value", GET "|a= x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "a tab behind a value", GET "|a=x\t", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "a line end in a crumb", GET "|cookie=a|cookie=b\r\nc", H2_HEAD_MALFORMED,
      H1_FAULT_FIELD_VALUE },
    { "connection", GET "|connection=close", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "keep-alive", GET "|keep-alive=1", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "proxy-connection", GET "|proxy-connection=x", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "transfer-encoding", GET "|transfer-encoding=chunked", H2_HEAD_MALFORMED,
      H1_FAULT_FIELD_NAME },
    { "upgrade", GET "|upgrade=h2c", H2_HEAD_MALFORMED, H1_FAULT_FIELD_NAME },
    { "te other than trailers", GET "|te=gzip", H2_HEAD_MALFORMED, H1_FAULT_FIELD_VALUE },
    { "content-length twice", GET "|content-length=1|content-length=1", H2_HEAD_MALFORMED,
      H1_FAULT_CONTENT_LENGTH },
    { "content-length with a sign", GET "|content-length=+1", H2_HEAD_MALFORMED,
      H1_FAULT_CONTENT_LENGTH },
    { "an unknown expectation", GET "|expect=200-maybe", H2_HEAD_REFUSED, H1_FAULT_EXPECT },
    { "17 fields", GET "|a=1|a=2|a=3|a=4|a=5|a=6|a=7|a=8|a=9|a=a|a=b|a=c|a=d|a=e|a=f|a=g|a=h",
      H2_HEAD_REFUSED, H1_FAULT_TOO_MANY_FIELDS },
};

static void test_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct outcome outcome;

        print_message("%s\n", refusals[i].what);
        request(&outcome, refusals[i].fields, true);
        assert_int_equal(outcome.result, refusals[i].result);
        assert_int_equal(outcome.fault, refusals[i].fault);
        h2_head_deinit(&outcome.collector);
    }
}

static void assert_span(struct span got, const char *expected)
{
    assert_int_equal(got.len, strlen(expected));
    assert_memory_equal(got.ptr, expected, got.len);
}

static void assert_header(const struct http_head *head, const char *name, const char *value)
{
    const struct http_header *found = http_head_find_text(head, span_from_str(name));

    assert_non_null(found);
    assert_span(http_header_value(found), value);
}

static void test_a_request_has_the_form_of_http_1(void **state)
{
    struct outcome outcome;

    (void)state;
    request(&outcome,
            ":method=POST|:scheme=https|:path=/a?b|:authority=A.test:443|accept=*/*|"
            "content-length=3|te=trailers",
            false);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    const struct http_head *head = &outcome.head;
    assert_int_equal(head->version_major, 2);
    assert_int_equal(head->method, HTTP_POST);
    assert_span(head->method_text, "POST");
    assert_span(head->target, "/a?b");
    assert_span(head->host, "A.test:443");
    assert_header(head, "host", "A.test:443");
    assert_int_equal(head->headers_len, 4);
    assert_int_equal(head->body, HTTP_BODY_LENGTH);
    assert_int_equal(head->content_length, 3);
    assert_true(head->keep_alive);
    assert_true(head->names_seen & 1ull << HTTP_HOST);
    h2_head_deinit(&outcome.collector);
}

static void test_the_body_is_what_frames_say(void **state)
{
    struct outcome outcome;

    (void)state;
    request(&outcome, GET, true);
    assert_int_equal(outcome.head.body, HTTP_BODY_NONE);
    h2_head_deinit(&outcome.collector);
    request(&outcome, GET, false);
    assert_int_equal(outcome.head.body, HTTP_BODY_CHUNKED);
    h2_head_deinit(&outcome.collector);
}

static void test_host_alone_will_do(void **state)
{
    struct outcome outcome;

    (void)state;
    request(&outcome, ":method=GET|:scheme=http|:path=/|host=a.test", true);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    assert_span(outcome.head.host, "a.test");
    assert_int_equal(outcome.head.headers_len, 1);
    h2_head_deinit(&outcome.collector);

    request(&outcome, GET "|host=A.TEST", true);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    assert_int_equal(outcome.head.headers_len, 1);
    h2_head_deinit(&outcome.collector);
}

static void test_crumbs_become_one_cookie(void **state)
{
    struct outcome outcome;

    (void)state;
    request(&outcome, GET "|cookie=a=1|accept=x|cookie=b=2|cookie=c=3", true);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    assert_header(&outcome.head, "cookie", "a=1; b=2; c=3");
    assert_int_equal(outcome.head.headers_len, 3);
    h2_head_deinit(&outcome.collector);

    /* Crumbs are one field, however many: a browser with many cookies is as welcome as by HTTP/1.1. */
    request(&outcome,
            GET "|cookie=a|cookie=b|cookie=c|cookie=d|cookie=e|cookie=f|cookie=g|cookie=h|cookie=i|"
                "cookie=j|cookie=k|cookie=l|cookie=m|cookie=n|cookie=o|cookie=p|cookie=q|cookie=r",
            true);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    assert_int_equal(outcome.head.headers_len, 2);
    h2_head_deinit(&outcome.collector);
}

static void test_extended_connect_is_told(void **state)
{
    struct outcome outcome;

    (void)state;
    request(&outcome, ":method=CONNECT|:protocol=websocket|:scheme=https|:authority=a|:path=/chat",
            false);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    assert_int_equal(outcome.head.method, HTTP_CONNECT);
    assert_span(outcome.head.protocol, "websocket");
    assert_span(outcome.head.target, "/chat");
    h2_head_deinit(&outcome.collector);

    request(&outcome, ":method=CONNECT|:authority=a:443", false);
    assert_int_equal(outcome.result, H2_HEAD_OK);
    assert_span(outcome.head.protocol, "");
    h2_head_deinit(&outcome.collector);
}

static void test_sizes_are_limited(void **state)
{
    struct outcome outcome;
    char long_field[1200];
    struct buf fields = { 0 };

    (void)state;
    memset(long_field, 'x', sizeof(long_field));
    memcpy(long_field, "a=", 2);

    long_field[1024] = '\0';
    buf_printf(&fields, "%s|%s", GET, long_field);
    request(&outcome, fields.ptr, true);
    assert_int_equal(outcome.result, H2_HEAD_REFUSED);
    assert_int_equal(outcome.fault, H1_FAULT_HEAD_TOO_LARGE);
    assert_true(outcome.looks_on);
    h2_head_deinit(&outcome.collector);

    /* Twice the limit, and it is not even looked at any more. */
    h2_head_begin(&outcome.collector, H2_HEAD_REQUEST, &limits);
    assert_true(h2_head_add(&outcome.collector, SPAN("a"), span_of(long_field, 1000)));
    assert_true(h2_head_add(&outcome.collector, SPAN("a"), span_of(long_field, 1000)));
    assert_false(h2_head_add(&outcome.collector, SPAN("a"), span_of(long_field, 1000)));
    h2_head_deinit(&outcome.collector);

    long_field[129] = '\0';
    fields.len = 0;
    buf_printf(&fields, ":method=GET|:scheme=http|:authority=a|:path=/%s", long_field);
    request(&outcome, fields.ptr, true);
    assert_int_equal(outcome.result, H2_HEAD_REFUSED);
    assert_int_equal(outcome.fault, H1_FAULT_TARGET_TOO_LONG);
    h2_head_deinit(&outcome.collector);
    buf_deinit(&fields);
}

static const struct {
    const char *what, *fields;
    bool ends;
    enum http_method to;
    int result;
    enum http_body_kind body;
} answers[] = {
    { "with content", ":status=200|a=b", false, HTTP_GET, H2_HEAD_OK, HTTP_BODY_CHUNKED },
    { "with a length", ":status=200|content-length=2", false, HTTP_GET, H2_HEAD_OK,
      HTTP_BODY_LENGTH },
    { "without", ":status=200", true, HTTP_GET, H2_HEAD_OK, HTTP_BODY_NONE },
    { "of HEAD", ":status=200|content-length=2", true, HTTP_HEAD, H2_HEAD_OK, HTTP_BODY_NONE },
    { "304", ":status=304|content-length=2", false, HTTP_GET, H2_HEAD_OK, HTTP_BODY_NONE },
    { "interim", ":status=103|link=x", false, HTTP_GET, H2_HEAD_OK, HTTP_BODY_NONE },
    { "an interim one that ends", ":status=103", true, HTTP_GET, H2_HEAD_MALFORMED, 0 },
    { "101", ":status=101", false, HTTP_GET, H2_HEAD_MALFORMED, 0 },
    { "no status", "a=b", false, HTTP_GET, H2_HEAD_MALFORMED, 0 },
    { "two digits", ":status=20", false, HTTP_GET, H2_HEAD_MALFORMED, 0 },
    { "600", ":status=600", false, HTTP_GET, H2_HEAD_MALFORMED, 0 },
    { "a request's field", ":status=200|:path=/", false, HTTP_GET, H2_HEAD_MALFORMED, 0 },
    { "a connection's field", ":status=200|connection=close", false, HTTP_GET, H2_HEAD_MALFORMED,
      0 },
    { "a line end in a value", ":status=200|a=b\r\nc", false, HTTP_GET, H2_HEAD_MALFORMED, 0 },
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct outcome outcome;

        print_message("%s\n", answers[i].what);
        response(&outcome, answers[i].fields, answers[i].ends, answers[i].to);
        assert_int_equal(outcome.result, answers[i].result);
        if (outcome.result == H2_HEAD_OK)
            assert_int_equal(outcome.head.body, answers[i].body);
        h2_head_deinit(&outcome.collector);
    }
}

static void test_trailers(void **state)
{
    struct outcome outcome;
    uint32_t len = 99;

    (void)state;
    h2_head_begin(&outcome.collector, H2_HEAD_TRAILERS, &limits);
    add_all(&outcome, "grpc-status=0|content-length=5|expires=x|grpc-message=fine");
    assert_int_equal(h2_head_end_trailers(&outcome.collector, &len), H2_HEAD_OK);
    assert_int_equal(len, 2);
    assert_span(http_header_name(&outcome.collector.headers[1]), "grpc-message");
    h2_head_deinit(&outcome.collector);

    const char *const bad[] = { ":path=/", "A=b", "connection=x", "a=\n" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        h2_head_begin(&outcome.collector, H2_HEAD_TRAILERS, &limits);
        add_all(&outcome, bad[i]);
        assert_int_equal(h2_head_end_trailers(&outcome.collector, &len), H2_HEAD_MALFORMED);
        h2_head_deinit(&outcome.collector);
    }
}

/* No more of them than a chunked body may have, however large heads may be. */
static void test_trailers_are_limited(void **state)
{
    static const struct h1_limits large = { .head_bytes = 65536, .headers = 64 };
    static char value[CHUNKED_TRAILERS_MAX];
    struct outcome outcome;
    uint32_t len;

    (void)state;
    memset(value, 'v', sizeof(value));
    for (unsigned over = 0; over < 2; over++) {
        h2_head_begin(&outcome.collector, H2_HEAD_TRAILERS, &large);
        assert_true(h2_head_add(&outcome.collector, SPAN("a"),
                                span_of(value, CHUNKED_TRAILERS_MAX - 5 + over)));
        assert_int_equal(h2_head_end_trailers(&outcome.collector, &len),
                         over ? H2_HEAD_MALFORMED : H2_HEAD_OK);
        h2_head_deinit(&outcome.collector);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_refused),
        cmocka_unit_test(test_a_request_has_the_form_of_http_1),
        cmocka_unit_test(test_the_body_is_what_frames_say),
        cmocka_unit_test(test_host_alone_will_do),
        cmocka_unit_test(test_crumbs_become_one_cookie),
        cmocka_unit_test(test_extended_connect_is_told),
        cmocka_unit_test(test_sizes_are_limited),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_trailers_are_limited),
    };

    return cmocka_run_group_tests_name("http/h2_head", tests, NULL, NULL);
}
