#include "base/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *text, *formatted; /* formatted NULL: refused */
    bool v4, loopback;
} addresses[] = {
    { "1.2.3.4", "1.2.3.4", true, false },
    { "0.0.0.0", "0.0.0.0", true, false },
    { "255.255.255.255", "255.255.255.255", true, false },
    { "127.0.0.1", "127.0.0.1", true, true },
    { "127.255.0.1", "127.255.0.1", true, true },
    { "128.0.0.1", "128.0.0.1", true, false },
    { "::1", "::1", false, true },
    { "::", "::", false, false },
    { "0.0.0.1", "0.0.0.1", true, false },
    { "1::", "1::", false, false },
    { "::2", "::2", false, false },
    { "2001:DB8::A", "2001:db8::a", false, false },
    { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", false, false },
    { "::ffff:1.2.3.4", "1.2.3.4", true, false }, /* one form for one address */
    { "::ffff:7f00:1", "127.0.0.1", true, true },
    { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      false, false },
    { "", NULL, 0, 0 },
    { "1.2.3", NULL, 0, 0 },
    { "1.2.3.4.5", NULL, 0, 0 },
    { "1.2.3.256", NULL, 0, 0 },
    { "01.2.3.4", NULL, 0, 0 }, /* octal to some, decimal to others */
    { "0x1.2.3.4", NULL, 0, 0 },
    { "1.2.3.4 ", NULL, 0, 0 },
    { " 1.2.3.4", NULL, 0, 0 },
    { "16909060", NULL, 0, 0 },
    { "[::1]", NULL, 0, 0 },
    { "::1%lo", NULL, 0, 0 },
    { ":::", NULL, 0, 0 },
    { "1::2::3", NULL, 0, 0 },
    { "1:2:3:4:5:6:7:8:9", NULL, 0, 0 },
    { "example.com", NULL, 0, 0 },
    { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL, 0, 0 },
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct ip_addr addr = { { 42 } }, again;
        char at[IP_TEXT_MAX];

        print_message("%s\n", addresses[i].text);
        bool good = ip_parse(span_from_str(addresses[i].text), &addr);
        assert_int_equal(good, addresses[i].formatted != NULL);
        if (!good) {
            assert_int_equal(addr.bytes[0], 42);
            continue;
        }
        size_t len = ip_format(&addr, at);
        assert_true(span_eq(span_of(at, len), span_from_str(addresses[i].formatted)));
        assert_int_equal(at[len], '\0');
        assert_int_equal(ip_is_v4(&addr), addresses[i].v4);
        assert_int_equal(ip_is_loopback(&addr), addresses[i].loopback);
        assert_int_equal(ip_is_unspecified(&addr), span_eq(span_of(at, len), SPAN("0.0.0.0")) ||
                                                       span_eq(span_of(at, len), SPAN("::")));
        assert_true(ip_parse(span_of(at, len), &again));
        assert_true(ip_eq(&addr, &again));
    }
}

static void test_nul_inside_is_refused(void **state)
{
    (void)state;
    struct ip_addr addr;

    assert_false(ip_parse(span_of("1.2.3.4\0x", 9), &addr));
    assert_true(ip_parse(span_of("1.2.3.45", 7), &addr)); /* the span ends before the 5 */
    assert_int_equal(addr.bytes[15], 4);
}

static const struct {
    const char *text;
    int prefix_bits; /* -1: refused */
} blocks[] = {
    { "10.0.0.0/8", 104 },
    { "10.1.2.3/8", 104 },
    { "1.2.3.4", 128 },
    { "1.2.3.4/32", 128 },
    { "0.0.0.0/0", 96 },
    { "::/0", 0 },
    { "2001:db8::/32", 32 },
    { "::1", 128 },
    { "::1/128", 128 },
    { "1.2.3.4/33", -1 },
    { "::1/129", -1 },
    { "1.2.3.4/", -1 },
    { "1.2.3.4/-1", -1 },
    { "1.2.3.4/8 ", -1 },
    { "1.2.3.4/8/8", -1 },
    { "/8", -1 },
    { "", -1 },
    { "10/8", -1 },
    { "10.0.0.0/255.0.0.0", -1 },
};

static void test_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct ip_block block = { .prefix_bits = 77 };

        print_message("%s\n", blocks[i].text);
        bool good = ip_block_parse(span_from_str(blocks[i].text), &block);
        assert_int_equal(good, blocks[i].prefix_bits >= 0);
        assert_int_equal(block.prefix_bits, good ? blocks[i].prefix_bits : 77);
    }
}

static const struct {
    const char *block, *addr;
    bool inside;
} memberships[] = {
    { "10.0.0.0/8", "10.255.0.1", true },
    { "10.0.0.0/8", "11.0.0.0", false },
    { "10.1.2.3/8", "10.9.9.9", true }, /* host bits are ignored */
    { "192.168.4.0/22", "192.168.7.255", true },
    { "192.168.4.0/22", "192.168.8.0", false },
    { "1.2.3.4/31", "1.2.3.5", true },
    { "1.2.3.4/31", "1.2.3.6", false },
    { "1.2.3.4", "1.2.3.4", true },
    { "1.2.3.4", "1.2.3.5", false },
    { "0.0.0.0/0", "255.255.255.255", true },
    { "0.0.0.0/0", "::1", false },
    { "::/0", "::1", true },
    { "::/0", "1.2.3.4", false }, /* though its v6 form lies there */
    { "2001:db8::/33", "2001:db8:7fff::1", true },
    { "2001:db8::/33", "2001:db8:8000::1", false },
    { "10.0.0.0/8", "::ffff:10.0.0.1", true },
};

static void test_membership(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(memberships); i++) {
        struct ip_block block;
        struct ip_addr addr;

        print_message("%s in %s\n", memberships[i].addr, memberships[i].block);
        assert_true(ip_block_parse(span_from_str(memberships[i].block), &block));
        assert_true(ip_parse(span_from_str(memberships[i].addr), &addr));
        assert_int_equal(ip_block_has(&block, &addr), memberships[i].inside);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_nul_inside_is_refused),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_membership),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
