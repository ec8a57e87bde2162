#include "api/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    const char *body;
    uint32_t code;
    const char *reason, *message;
    uint32_t expected_code, retry_after_ms;
} cases[] = {
    { "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}", 200,
      "Expired", "too old", 410, 0 },
    { "{\"kind\":\"Status\",\"reason\":\"TooManyRequests\",\"message\":\"wait\","
      "\"details\":{\"retryAfterSeconds\":2}}",
      429, "TooManyRequests", "wait", 429, 2000 },
    { "{\"kind\":\"Status\",\"message\":\"x\",\"details\":{\"retryAfterSeconds\":99999999999}}",
      429, "", "x", 429, 3600000 },
    { "{\"kind\":\"Status\",\"message\":\"x\",\"details\":{\"retryAfterSeconds\":-1},\"code\":"
      "\"a\"}",
      503, "", "x", 503, 0 },
    { "{\"kind\":\"Status\",\"message\":[],\"reason\":7,\"details\":[]}", 500, "",
      "HTTP status 500: {\"kind\":\"Status\",\"message\":[],\"reason\":7,\"details\":[]}", 500, 0 },
    { "{\"kind\":\"Pod\",\"reason\":\"Expired\"}", 502, "",
      "HTTP status 502: {\"kind\":\"Pod\",\"reason\":\"Expired\"}", 502, 0 },
    { "<html>\r\n<b>Bad\x7f gateway</b>\n", 502, "", "HTTP status 502: <html>  <b>Bad  gateway</b>",
      502, 0 },
    { "{\"kind\":\"Status\",\"message\":\"a\\nb\\u0000c\"}", 400, "",
      "HTTP status 400: {\"kind\":\"Status\",\"message\":\"a\\nb\\u0000c\"}", 400, 0 },
    { "{\"kind\":\"Status\",\"message\":\"a\\nb\"}", 400, "", "a b", 400, 0 },
    { "", 401, "", "HTTP status 401", 401, 0 },
    { "  ", 401, "", "HTTP status 401", 401, 0 },
    { "7", 404, "", "HTTP status 404: 7", 404, 0 },
    { "{", 404, "", "HTTP status 404: {", 404, 0 },
};

static void assert_span(struct span actual, const char *expected)
{
    if (!span_eq(actual, span_from_str(expected)))
        fail_msg("'" SPAN_FMT "' is not '%s'", SPAN_ARG(actual), expected);
}

static void test_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct api_status status;
        struct arena arena;

        arena_init(&arena, 4096);
        api_status_read(&arena, span_from_str(cases[i].body), cases[i].code, &status);
        assert_span(status.reason, cases[i].reason);
        assert_span(status.message, cases[i].message);
        assert_int_equal(status.code, cases[i].expected_code);
        assert_int_equal(status.retry_after_ms, cases[i].retry_after_ms);
        arena_deinit(&arena);
    }
}

static void test_long_strangers_are_cut(void **state)
{
    (void)state;
    static char body[100000];
    struct api_status status;
    struct arena arena;

    memset(body, 'x', sizeof(body) - 1);
    arena_init(&arena, 4096);
    api_status_read(&arena, span_from_str(body), 500, &status);
    assert_true(status.message.len < 1100);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_long_strangers_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
