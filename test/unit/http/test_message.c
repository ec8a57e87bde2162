#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/name_of_token.h"

#define HTTP_NAME(id, text) { id, text },
static const struct {
    enum http_name id;
    const char *text;
} names[] = {
#include "http/names.h"
};
#undef HTTP_NAME

static void test_finds_every_name_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct span text = span_from_str(names[i].text);
        char upper[64];
        for (size_t n = 0; n < text.len; n++)
            upper[n] = text.ptr[n] >= 'a' ? (char)(text.ptr[n] - 0x20) : text.ptr[n];

        print_message("%s\n", names[i].text);
        assert_int_equal(http_name_of(text), names[i].id);
        assert_int_equal(http_name_of(span_of(upper, text.len)), names[i].id);
        assert_int_equal(http_name_of(span_upto(text, text.len - 1)), HTTP_NAME_OTHER);
        assert_string_equal(http_name_texts[names[i].id], names[i].text);
    }
}

/* Bytes that differ from a name's in the bit that case is told by, and other near misses. */
static void test_near_misses_are_other_names(void **state)
{
    (void)state;
    static const char *const misses[] = { "",
                                          "hosts",
                                          "hos\x14",
                                          "content\rlength",
                                          "http\x12-settings",
                                          "content_length",
                                          "transfer-encodinG ",
                                          "\xe8ost",
                                          "x-original-forwarded-hosts" };
    for (size_t i = 0; i < ARRAY_LEN(misses); i++)
        assert_int_equal(http_name_of(span_from_str(misses[i])), HTTP_NAME_OTHER);
}

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_method method;
    } cases[] = {
        { "GET", HTTP_GET },          { "HEAD", HTTP_HEAD },         { "POST", HTTP_POST },
        { "PUT", HTTP_PUT },          { "DELETE", HTTP_DELETE },     { "CONNECT", HTTP_CONNECT },
        { "OPTIONS", HTTP_OPTIONS },  { "TRACE", HTTP_TRACE },       { "PATCH", HTTP_PATCH },
        { "get", HTTP_METHOD_OTHER }, { "GETS", HTTP_METHOD_OTHER }, { "", HTTP_METHOD_OTHER },
        { "PRI", HTTP_METHOD_OTHER },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(http_method_of(span_from_str(cases[i].text)), cases[i].method);
}

static void test_trailers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool may;
    } cases[] = {
        { "ETag", true },
        { "accept-ranges", true },
        { "grpc-status", true },
        { "Server-Timing", true },
        { "Authentication-Info", true },
        { "content-length", false },
        { "transfer-encoding", false },
        { "content-encoding", false },
        { "content-type", false },
        { "Content-Range", false },
        { "trailer", false },
        { "host", false },
        { "connection", false },
        { "authorization", false },
        { "www-authenticate", false },
        { "Set-Cookie", false },
        { "cache-control", false },
        { "age", false },
        { "date", false },
        { "location", false },
        { "vary", false },
        { "if-none-match", false },
        { "range", false },
        { "te", false },
        { "x-forwarded-for", false },
        { "strict-transport-security", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span name = span_from_str(cases[i].name);
        const struct http_header header = {
            .name = name.ptr,
            .name_len = (uint16_t)name.len,
            .id = (uint16_t)http_name_of(name),
        };

        print_message("%s\n", cases[i].name);
        assert_int_equal(http_may_trail(&header), cases[i].may);
    }
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list, *token;
        bool has;
    } cases[] = {
        { "close", "close", true },     { "a, CLOSE ,b", "close", true },
        { "a,\tclose", "close", true }, { ",,close", "close", true },
        { "closed", "close", false },   { "a close", "close", false },
        { "", "close", false },         { "\"close\"", "close", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(http_list_has(span_from_str(cases[i].list), span_from_str(cases[i].token)),
                         cases[i].has);
}

#define FIELD(name, value, id)                               \
    {                                                        \
        name, value, sizeof(value) - 1, sizeof(name) - 1, id \
    }

static void test_finds_fields(void **state)
{
    (void)state;
    struct http_header headers[] = {
        FIELD("Connection", "x-a", HTTP_CONNECTION),
        FIELD("X-A", "1", HTTP_NAME_OTHER),
        FIELD("connection", "close, X-B", HTTP_CONNECTION),
        FIELD("x-a", "2", HTTP_NAME_OTHER),
    };
    struct http_head head = { .headers = headers,
                              .headers_len = ARRAY_LEN(headers),
                              .names_seen = 1ull << HTTP_CONNECTION | 1 };

    assert_ptr_equal(http_head_find(&head, HTTP_CONNECTION), &headers[0]);
    assert_null(http_head_find(&head, HTTP_HOST));
    assert_ptr_equal(http_head_find_text(&head, SPAN("x-A")), &headers[1]);
    assert_null(http_head_find_text(&head, SPAN("x-b")));
    assert_true(http_head_connection_lists(&head, SPAN("X-A")));
    assert_true(http_head_connection_lists(&head, SPAN("x-b")));
    assert_false(http_head_connection_lists(&head, SPAN("x-c")));
}

static void test_reasons(void **state)
{
    (void)state;
    assert_true(span_eq(http_reason(404), SPAN("Not Found")));
    assert_true(span_eq(http_reason(511), SPAN("Network Authentication Required")));
    assert_int_equal(http_reason(299).len, 0);
    assert_int_equal(http_reason(999).len, 0);
    assert_int_equal(http_reason(0).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_every_name_in_any_case),
        cmocka_unit_test(test_near_misses_are_other_names),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_finds_fields),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
