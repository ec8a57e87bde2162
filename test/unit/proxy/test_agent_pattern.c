#include "proxy/exchange/agent_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One expression after the other, as the ConfigMap changes: what matched before does not linger. */
static const struct {
    const char *expression, *agent;
    bool matches;
} rows[] = {
    { "msie [1-6]\\.", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", true },
    { "msie [1-6]\\.", "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)", false },
    { "msie [1-6]\\.", "", false },
    { "", "MSIE 6.0", false },
    { "MSIE", "an msie of some kind", true }, /* letters in either case, on both sides */
    { "(", "(", false },                      /* no expression */
    { "curl", "MSIE 6.0", false },
    { "curl", "curl/8.5.0", true },
    { "^$", "", true },
};

static void test_who_matches(void **state)
{
    struct agent_pattern agents = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s, %s\n", rows[i].expression, rows[i].agent);
        for (int again = 0; again < 2; again++)
            assert_int_equal(agent_pattern_matches(&agents, span_from_str(rows[i].expression),
                                                   span_from_str(rows[i].agent)),
                             rows[i].matches);
    }
    agent_pattern_deinit(&agents);
    assert_null(agents.pattern);
    assert_int_equal(agents.text.len, 0);
}

static void test_only_the_start_is_looked_at(void **state)
{
    char agent[AGENT_BYTES_MAX + 3];
    struct agent_pattern agents = { 0 };

    (void)state;
    memset(agent, 'x', sizeof(agent));
    memcpy(agent + AGENT_BYTES_MAX, "old", 3);
    assert_false(agent_pattern_matches(&agents, SPAN("old"), span_of(agent, sizeof(agent))));
    memcpy(agent + AGENT_BYTES_MAX - 3, "old", 3);
    assert_true(agent_pattern_matches(&agents, SPAN("old"), span_of(agent, sizeof(agent))));
    agent_pattern_deinit(&agents);
}

/* One that would cost too much is no match. */
static void test_costly_ones(void **state)
{
    char agent[64];
    struct agent_pattern agents = { 0 };

    (void)state;
    memset(agent, 'a', sizeof(agent));
    assert_false(
        agent_pattern_matches(&agents, SPAN("^(([a-z])+)+!$"), span_of(agent, sizeof(agent))));
    agent_pattern_deinit(&agents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_matches),
        cmocka_unit_test(test_only_the_start_is_looked_at),
        cmocka_unit_test(test_costly_ones),
    };

    return cmocka_run_group_tests_name("proxy/agent_pattern", tests, NULL, NULL);
}
