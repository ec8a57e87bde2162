#include "fixture.h"

#include "kube/timestamp.h"

static const struct {
    const char *text;
    bool is_good;
    int64_t unix_s;
} cases[] = {
    { "1970-01-01T00:00:00Z", true, 0 },
    { "2026-01-31T23:59:59Z", true, 1769903999 },
    { "2000-02-29T00:00:00Z", true, 951782400 },
    { "2024-12-31t12:00:00z", true, 1735646400 },
    { "1969-12-31T23:59:59Z", true, -1 },
    { "0001-01-01T00:00:00Z", true, -62135596800 },
    { "2026-01-31T23:59:59.123456Z", true, 1769903999 },
    { "2026-01-31T23:59:59+01:30", true, 1769898599 },
    { "2026-01-31T23:59:59-01:30", true, 1769909399 },
    { "2026-01-31T23:59:60Z", true, 1769904000 },
    { "", false, 0 },
    { "2026-01-31", false, 0 },
    { "2026-01-31T23:59:59", false, 0 },
    { "2026-01-31T23:59:59.Z", false, 0 },
    { "2026-01-31T23:59:59Zz", false, 0 },
    { "2026-01-31T23:59:59+0130", false, 0 },
    { "2026-01-31 23:59:59Z", false, 0 },
    { "2026-02-29T00:00:00Z", false, 0 },
    { "1900-02-29T00:00:00Z", false, 0 },
    { "2026-00-01T00:00:00Z", false, 0 },
    { "2026-13-01T00:00:00Z", false, 0 },
    { "2026-01-32T00:00:00Z", false, 0 },
    { "2026-01-01T24:00:00Z", false, 0 },
    { "2026-01-01T00:60:00Z", false, 0 },
    { "2026/01/01T00:00:00Z", false, 0 },
    { "+026-01-01T00:00:00Z", false, 0 },
};

static void test_parses_rfc3339_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t unix_s = 42;
        print_message("\"%s\"\n", cases[i].text);
        assert_int_equal(kube_timestamp_parse(span_from_str(cases[i].text), &unix_s),
                         cases[i].is_good);
        assert_int_equal(unix_s, cases[i].is_good ? cases[i].unix_s : 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_parses_rfc3339_only) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
