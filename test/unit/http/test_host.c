#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/target.h"

#define LABEL  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd."
#define LONG_4 LABEL LABEL LABEL LABEL /* 252 bytes */

static const struct {
    const char *value;
    const char *name; /* NULL: refused */
} hosts[] = {
    { "", "" },
    { "a", "a" },
    { "a.example", "a.example" },
    { "A.Example", "a.example" },
    { "A.EXAMPLE.", "a.example" },
    { "a.example.", "a.example" },
    { "a.example.:80", "a.example" },
    { "a.example:", "a.example" },
    { "a.example:1", "a.example" },
    { "a.example:65535", "a.example" },
    { "a_b-c~d.e", "a_b-c~d.e" },
    { "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "127.0.0.1:8080", "127.0.0.1" },
    { "[::1]", "[::1]" },
    { "[::1]:80", "[::1]" },
    { "[2001:DB8::A]", "[2001:db8::a]" },
    { "[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]" },
    { LONG_4 "abc", LONG_4 "abc" },
    { LONG_4 "abcd", NULL },
    { ".", NULL },
    { "..", NULL },
    { ".a", NULL },
    { "a..b", NULL },
    { "a..", NULL },
    { ":80", NULL },
    { "a:80:81", NULL },
    { "a:http", NULL },
    { "a:-1", NULL },
    { "a:+80", NULL },
    { "a:65536", NULL },
    { "a:000080", NULL },
    { "a:8 0", NULL },
    { "u@a", NULL },
    { "u:p@a", NULL },
    { "a/b", NULL },
    { "a\\b", NULL },
    { "a?b", NULL },
    { "a#b", NULL },
    { "a b", NULL },
    { "a,b", NULL },
    { "a%2eb", NULL },
    { "b\xc3\xbc"
      "cher.example",
      NULL },
    { "::1", NULL },
    { "[::1", NULL },
    { "[]", NULL },
    { "[1.2.3.4]", NULL },
    { "[::1]a", NULL },
    { "[::1].", NULL },
    { "[::1%25eth0]", NULL },
    { "[v1.a]", NULL },
    { "[:::]", NULL },
};

static void test_normalises_hosts(void **state)
{
    (void)state;
    char at[512];

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct span value = span_from_str(hosts[i].value);
        struct span name;

        print_message("%s\n", hosts[i].value);
        int r = host_normalise(value, at, &name);
        assert_int_equal(r, hosts[i].name == NULL ? TARGET_BAD : TARGET_OK);
        assert_int_equal(host_is_valid(value), r == TARGET_OK);
        if (r == TARGET_OK)
            assert_true(span_eq(name, span_from_str(hosts[i].name)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalises_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
