#include "proxy/exchange/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/limits.h"

static struct http_head head_with(struct http_header *header, enum http_name id, const char *name,
                                  const char *value)
{
    *header = (struct http_header){ .name = name,
                                    .name_len = (uint16_t)strlen(name),
                                    .value = value,
                                    .value_len = (uint32_t)strlen(value),
                                    .id = (uint16_t)id };
    return (struct http_head){ .headers = header,
                               .headers_len = 1,
                               .names_seen = id == HTTP_NAME_OTHER ? 0 : 1ull << id };
}

static const struct {
    const char *type;
    bool is_grpc;
} types[] = {
    { "application/grpc", true },
    { "application/grpc+proto", true },
    { "Application/GRPC; charset=x", true },
    { "application/grpc-web", false },
    { "application/grpc-web+proto", false },
    { "application/grp", false },
    { "text/html", false },
    { "", false },
};

static void test_requests(void **state)
{
    (void)state;
    const struct http_head none = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct http_header header;
        struct http_head head =
            head_with(&header, HTTP_CONTENT_TYPE, "content-type", types[i].type);

        print_message("%s\n", types[i].type);
        assert_int_equal(grpc_is_request(&head), types[i].is_grpc);
    }
    assert_false(grpc_is_request(&none));
}

/* Never shorter than what was said: rounded up. */
static const struct {
    const char *value;
    uint32_t ms;
} deadlines[] = {
    { "1S", 1001 },      { "90S", 90001 },
    { "2M", 120001 },    { "1H", 3600001 },
    { "250m", 251 },     { "1500u", 2 },
    { "999n", 1 },       { "99999999H", PROXY_GRPC_DEADLINE_MAX_MS },
    { "123456789S", 0 }, /* more than eight digits */
    { "1s", 0 },         { "S", 0 },
    { "-1S", 0 },        { "1 S", 0 },
    { "", 0 },
};

static void test_deadlines(void **state)
{
    (void)state;
    const struct http_head none = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
        struct http_header header;
        struct http_head head =
            head_with(&header, HTTP_NAME_OTHER, "grpc-timeout", deadlines[i].value);

        print_message("%s\n", deadlines[i].value);
        assert_int_equal(grpc_deadline_ms(&head), deadlines[i].ms);
    }
    assert_int_equal(grpc_deadline_ms(&none), 0);
}

static void test_statuses(void **state)
{
    (void)state;
    static const uint16_t pairs[][2] = {
        { 400, 13 }, { 401, 16 }, { 403, 7 },  { 404, 12 }, { 405, 2 },
        { 413, 8 },  { 429, 14 }, { 502, 14 }, { 503, 14 }, { 504, 4 },
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_int_equal(grpc_status_of(pairs[i][0]), pairs[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
