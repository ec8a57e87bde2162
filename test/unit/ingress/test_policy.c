#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingress/policy.h"

enum { ERROR = ROUTE_RETRY_ERROR, TIMEOUT = ROUTE_RETRY_TIMEOUT };

static const struct {
    enum policy_field field;
    const char *text;
    int result;
    uint64_t value; /* of the field, for what was set */
} rows[] = {
    { POLICY_BODY_BYTES, "0", POLICY_OK, 0 },
    { POLICY_BODY_BYTES, "8m", POLICY_OK, 8 << 20 },
    { POLICY_BODY_BYTES, "1G", POLICY_OK, 1 << 30 },
    { POLICY_BODY_BYTES, "8b", POLICY_INVALID, 0 },
    { POLICY_BODY_BYTES, "", POLICY_INVALID, 0 },
    { POLICY_BODY_BYTES, "99999999999999999999g", POLICY_INVALID, 0 },
    { POLICY_CONNECT_TIMEOUT, "1", POLICY_OK, 1000 },
    { POLICY_CONNECT_TIMEOUT, "0", POLICY_INVALID, 0 },
    { POLICY_READ_TIMEOUT, "60s", POLICY_INVALID, 0 },
    { POLICY_READ_TIMEOUT, "2592000", POLICY_OK, 2592000000 },
    { POLICY_READ_TIMEOUT, "2592001", POLICY_INVALID, 0 },
    { POLICY_SEND_TIMEOUT, " 5", POLICY_INVALID, 0 },
    { POLICY_RETRY_TRIES, "1", POLICY_OK, 1 },
    { POLICY_RETRY_TRIES, "0", POLICY_OK, POLICY_TRIES_MAX },
    { POLICY_RETRY_TRIES, "4000000", POLICY_OK, POLICY_TRIES_MAX },
    { POLICY_RETRY_TRIES, "-1", POLICY_INVALID, 0 },
    { POLICY_RETRY_TIMEOUT, "0", POLICY_OK, 0 },
    { POLICY_RETRY_ON, "off", POLICY_OK, 0 },
    { POLICY_RETRY_ON, "error  timeout", POLICY_OK, ERROR | TIMEOUT },
    { POLICY_RETRY_ON, "timeout non_idempotent", POLICY_OK, TIMEOUT | ROUTE_RETRY_NON_IDEMPOTENT },
    { POLICY_RETRY_ON, "error http_502", POLICY_PARTLY, ERROR },
    { POLICY_RETRY_ON, "error,timeout", POLICY_INVALID, 0 },
    { POLICY_RETRY_ON, "", POLICY_INVALID, 0 },
    { POLICY_RETRY_ON, "error off", POLICY_INVALID, 0 },
};

static uint64_t field_value(const struct route_policy *policy, enum policy_field field)
{
    switch (field) {
    case POLICY_BODY_BYTES:
        return policy->body_bytes_max;
    case POLICY_CONNECT_TIMEOUT:
        return policy->connect_timeout_ms;
    case POLICY_READ_TIMEOUT:
        return policy->read_timeout_ms;
    case POLICY_SEND_TIMEOUT:
        return policy->send_timeout_ms;
    case POLICY_RETRY_ON:
        return policy->retry_on;
    case POLICY_RETRY_TRIES:
        return policy->retry_tries;
    case POLICY_RETRY_TIMEOUT:
        return policy->retry_timeout_ms;
    }
    return 0;
}

static void test_fields(void **state)
{
    const struct route_policy untouched = route_policy_default();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_policy policy = untouched;

        print_message("%d '%s'\n", (int)rows[i].field, rows[i].text);
        assert_int_equal(ingress_policy_set(&policy, rows[i].field, span_from_str(rows[i].text)),
                         rows[i].result);
        if (rows[i].result == POLICY_INVALID)
            assert_memory_equal(&policy, &untouched, sizeof(policy));
        else
            assert_int_equal(field_value(&policy, rows[i].field), rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_fields) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
