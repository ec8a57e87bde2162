#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"

/* The two tables as plain rows: what the compiler cannot see is checked here. */

struct row {
    const char *name, *state, *effect, *mend;
};

#define ANNOTATION(id, name, state, effect, inert, mend) { name, #state, #effect, mend },
static const struct row annotations[] = {
#include "ingress/annotations.h"
};
#define CONFIG_KEY(id, name, state, inert, mend) { name, #state, "", mend },
static const struct row config_keys[] = {
#include "ingress/config_keys.h"
};

static void rows_check(const struct row *rows, size_t len)
{
    struct map names = { 0 };

    for (size_t i = 0; i < len; i++) {
        print_message("%s\n", rows[i].name);
        assert_null(map_put(&names, span_from_str(rows[i].name), (void *)(uintptr_t)&rows[i]));
        if (strcmp(rows[i].state, "SUPPORTED") != 0)
            assert_int_not_equal(strlen(rows[i].mend), 0);
    }
    map_deinit(&names);
}

static void test_names_are_unique_and_findings_mendable(void **state)
{
    (void)state;
    rows_check(annotations, ARRAY_LEN(annotations));
    rows_check(config_keys, ARRAY_LEN(config_keys));
}

static void test_snippets_are_refused(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(annotations); i++) {
        if (!span_ends_with(span_from_str(annotations[i].name), SPAN("-snippet")))
            continue;
        assert_string_equal(annotations[i].state, "REFUSED");
        assert_string_equal(annotations[i].effect, "DROP");
        count++;
    }
    assert_int_equal(count, 5);
}

static void test_guards_fail_closed(void **state)
{
    static const char *const guards[] = { "auth-type",
                                          "auth-secret",
                                          "auth-url",
                                          "auth-tls-secret",
                                          "auth-tls-verify-client",
                                          "auth-tls-match-cn",
                                          "satisfy",
                                          "allowlist-source-range",
                                          "whitelist-source-range",
                                          "denylist-source-range",
                                          "limit-rps",
                                          "limit-rpm",
                                          "limit-connections",
                                          "enable-modsecurity",
                                          "ssl-passthrough" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(guards); i++) {
        const struct row *found = NULL;

        for (size_t j = 0; j < ARRAY_LEN(annotations); j++) {
            if (strcmp(annotations[j].name, guards[i]) == 0)
                found = &annotations[j];
        }
        assert_non_null(found);
        if (strcmp(found->state, "SUPPORTED") != 0)
            assert_string_equal(found->effect, "DENY");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique_and_findings_mendable),
        cmocka_unit_test(test_snippets_are_refused),
        cmocka_unit_test(test_guards_fail_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
