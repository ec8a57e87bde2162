#include "cli/writing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/scope.h"

#define DEFAULTS writing_flags_default()

static void test_defaults_are_those_of_ingress_nginx_but_one(void **state)
{
    const struct writing_flags flags = DEFAULTS;
    SCOPED(buf_deinit) struct buf error = { 0 };
    const struct writer_options options = writing_options(&flags, SPAN("pod"), SPAN("gate"));

    (void)state;
    assert_true(writing_check(&flags, &error));
    assert_false(writing_is_given(&flags));
    assert_true(options.elects);
    assert_true(span_eq(options.election_id, SPAN("ingress-controller-leader")));
    assert_int_equal(options.election_ttl_ms, 30000);
    assert_true(options.has_status);
    assert_false(options.clears_status); /* on, there: people's DNS records hang on it */
    assert_int_equal(options.status_interval_ms, 60000);
    assert_true(options.has_sync_events);
    assert_true(span_eq(options.pod_name, SPAN("pod")));
    assert_true(span_eq(options.pod_namespace, SPAN("gate")));
}

static void test_values_that_are_bent(void **state)
{
    struct writing_flags flags = DEFAULTS;

    (void)state;
    flags.election_ttl_ms = 0;
    assert_true(writing_is_given(&flags));
    flags.status_interval_ms = 1000;
    const struct writer_options options = writing_options(&flags, SPAN_EMPTY, SPAN_EMPTY);
    assert_int_equal(options.election_ttl_ms, 30000);
    assert_int_equal(options.status_interval_ms, 5000);
}

static const struct {
    const char *election_id;
    uint32_t election_ttl_ms;
    const char *namespace, *service, *address;
    const char *error; /* a part of it; NULL: it is fine */
} cases[] = {
    { "yett-leader.a", 2000, "gate", "yett", "", NULL },
    { "l", 3600000, "", "", "192.0.2.1, gate.example,fd00::1", NULL },
    { "", 30000, "", "", "", "--election-id: '' is no name of a Lease; give" },
    { "a/b", 30000, "", "", "", "--election-id: 'a/b'" },
    { "Leader", 30000, "", "", "", "--election-id: 'Leader'" },
    { "l", 1999, "", "", "", "--election-ttl is out of range; give a time from 2s to 1h" },
    { "l", 3600001, "", "", "", "--election-ttl" },
    { "l", 30000, "gate", "yett", "192.0.2.1", "give one of them" },
    { "l", 30000, "gate", "y?", "", "--publish-service: 'gate/y?'" },
    { "l", 30000, "", "", "192.0.2.1,http://x", "--publish-status-address: 'http://x' is neither" },
};

static void test_values_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(buf_deinit) struct buf error = { 0 };
        struct writing_flags flags = DEFAULTS;

        flags.election_id = span_from_str(cases[i].election_id);
        flags.election_ttl_ms = cases[i].election_ttl_ms;
        flags.publish_service.namespace = span_from_str(cases[i].namespace);
        flags.publish_service.name = span_from_str(cases[i].service);
        flags.publish_status_address = span_from_str(cases[i].address);
        assert_int_equal(writing_check(&flags, &error), !cases[i].error);
        print_message("%.*s\n", (int)error.len, error.ptr ? error.ptr : "");
        if (cases[i].error)
            assert_true(span_contains(buf_span(&error), span_from_str(cases[i].error)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_those_of_ingress_nginx_but_one),
        cmocka_unit_test(test_values_that_are_bent),
        cmocka_unit_test(test_values_that_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
