#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/echo_plan.h"

static const struct {
    const char *target;
    struct echo_plan plan;
} plans[] = {
    { "/", { ECHO_REPORT, 200, 0, 0 } },
    { "*", { ECHO_REPORT, 200, 0, 0 } },
    { "", { ECHO_REPORT, 200, 0, 0 } },
    { "/status/418", { ECHO_REPORT, 418, 0, 0 } },
    { "/status/418/more?x=/close", { ECHO_REPORT, 418, 0, 0 } },
    { "/status/100", { ECHO_REPORT, 200, 0, 0 } }, /* no final answer */
    { "/status/600", { ECHO_REPORT, 200, 0, 0 } },
    { "/status/", { ECHO_REPORT, 200, 0, 0 } },
    { "/delay/250", { ECHO_REPORT, 200, 250, 0 } },
    { "/delay/99999999999", { ECHO_REPORT, 200, 0, 0 } },
    { "/bytes/1048576", { ECHO_BYTES, 200, 0, 1048576 } },
    { "/bytes/0", { ECHO_BYTES, 200, 0, 0 } },
    { "/bytes/x", { ECHO_REPORT, 200, 0, 0 } },
    { "/bytes/2199023255552", { ECHO_REPORT, 200, 0, 0 } }, /* over ECHO_BYTES_MAX */
    { "/chunked/5", { ECHO_CHUNKED, 200, 0, 5 } },
    { "/drip/5/10", { ECHO_DRIP, 200, 10, 5 } },
    { "/drip/5", { ECHO_DRIP, 200, ECHO_DRIP_MS, 5 } },
    { "/cut/100", { ECHO_CUT, 200, 0, 100 } },
    { "/close", { ECHO_CLOSE, 200, 0, 0 } },
    { "/close?x", { ECHO_CLOSE, 200, 0, 0 } },
    { "/closed", { ECHO_REPORT, 200, 0, 0 } },
    { "/hints", { ECHO_HINTS, 200, 0, 0 } },
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct http_head head = { .target = span_from_str(plans[i].target) };
        struct echo_plan plan = echo_plan_for(&head);

        print_message("%s\n", plans[i].target);
        assert_int_equal(plan.kind, plans[i].plan.kind);
        assert_int_equal(plan.status, plans[i].plan.status);
        assert_int_equal(plan.delay_ms, plans[i].plan.delay_ms);
        assert_int_equal(plan.amount, plans[i].plan.amount);
    }
}

static void test_upgrade_only_to_echo(void **state)
{
    struct http_head head = { .target = SPAN("/"), .upgrades = true, .upgrade = SPAN("echo") };

    (void)state;
    assert_int_equal(echo_plan_for(&head).kind, ECHO_TUNNEL);
    head.upgrade = SPAN("h2c");
    assert_int_equal(echo_plan_for(&head).kind, ECHO_REPORT);
    head.upgrade = SPAN("echo");
    head.upgrades = false;
    assert_int_equal(echo_plan_for(&head).kind, ECHO_REPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_upgrade_only_to_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
