#include "proxy/head_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct iobuf_pool pool;

static const struct head_request line = {
    .method = { "GET", 3 },
    .scheme = { "https", 5 },
    .authority = { "a.test", 6 },
    .path = { "/x?y", 4 },
};

/* The same calls, whatever the form. */
static struct iobuf *request_write(enum head_form form)
{
    struct iobuf *buf = iobuf_take(&pool);
    struct head_out out = head_out_begin(buf, form);

    head_put_request(&out, &line);
    head_put_field(&out, SPAN("Accept"), SPAN("*/*"));
    head_put(&out, SPAN("X-List: a, 7\r\nX-Empty: \r\n"));
    head_put_field_u64(&out, SPAN("Content-Length"), 18446744073709551615u);
    size_t len = head_out_end(&out);
    assert_int_equal(len, iobuf_len(buf));
    return buf;
}

static void test_whole(void **state)
{
    (void)state;
    struct iobuf *buf = request_write(HEAD_WHOLE);

    assert_true(
        span_eq(iobuf_span(buf),
                SPAN("GET /x?y HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n"
                     "X-List: a, 7\r\nX-Empty: \r\nContent-Length: 18446744073709551615\r\n\r\n")));
    iobuf_put(&pool, buf);
}

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } expected[] = {
        { "Accept", "*/*" },
        { "X-List", "a, 7" },
        { "X-Empty", "" },
        { "Content-Length", "18446744073709551615" },
    };
    struct http_header fields[ARRAY_LEN(expected)];
    struct iobuf *buf = request_write(HEAD_FIELDS);

    assert_int_equal(head_fields_cut(iobuf_span(buf), fields, ARRAY_LEN(fields)),
                     ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(span_eq(http_header_name(&fields[i]), span_from_str(expected[i].name)));
        assert_true(span_eq(http_header_value(&fields[i]), span_from_str(expected[i].value)));
    }
    iobuf_put(&pool, buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_fields),
    };

    int r = cmocka_run_group_tests(tests, NULL, NULL);
    iobuf_pool_deinit(&pool);
    return r;
}
