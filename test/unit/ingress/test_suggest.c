#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingress/suggest.h"

static const struct {
    const char *wanted;
    const char *offers[3];
    const char *best;
} rows[] = {
    { "web", { "wbe", "shop", NULL }, "wbe" },
    { "web", { "web2", "wab", NULL }, "wab" }, /* equally near: the name decides */
    { "web", { "completely-different", NULL }, "" },
    { "a", { "b", NULL }, "b" },
    { "a", { "bc", NULL }, "" },
    { "proxy-body-sise", { "proxy-body-size", "proxy-buffer-size", NULL }, "proxy-body-size" },
    { "", { "a", NULL }, "a" },
    { "0123456789012345678901234567890123456789012345678901234567890123456789",
      { "012345678901234567890123456789012345678901234567890123456789012345678", NULL },
      "" }, /* too long to compare */
};

static void test_suggestions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ingress_suggestion near = ingress_suggestion_for(span_from_str(rows[i].wanted));

        print_message("%s\n", rows[i].wanted);
        for (size_t j = 0; rows[i].offers[j]; j++)
            ingress_suggestion_offer(&near, span_from_str(rows[i].offers[j]));
        assert_true(span_eq(near.best, span_from_str(rows[i].best)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_suggestions) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
