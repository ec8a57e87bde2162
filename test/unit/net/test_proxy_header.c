#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/scope.h"
#include "net/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define INET      "\x0a\x01\x02\x03\xc0\xa8\x00\x01\xd4\x31\x01\xbb"
#define INET6                                    \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
    "\x00\x50\x1f\x90"
#define ZEROES_27 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define PATH_108  ZEROES_27 ZEROES_27 ZEROES_27 ZEROES_27
#define CRC_WRONG "\x03\x00\x04\xde\xad\xbe\xef"

static const struct {
    const char *what;
    struct span bytes;
    const char *text; /* as it is written again in version 1; NULL: bad */
} headers[] = {
    { "v1, IPv4", SPAN("PROXY TCP4 10.1.2.3 192.168.0.1 54321 443\r\n"),
      "PROXY TCP4 10.1.2.3 192.168.0.1 54321 443\r\n" },
    { "v1, IPv6", SPAN("PROXY TCP6 2001:db8::1 2001:db8::2 80 8080\r\n"),
      "PROXY TCP6 2001:db8::1 2001:db8::2 80 8080\r\n" },
    { "v1, the longest",
      SPAN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n" },
    { "v1, port 0", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n"),
      "PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n" },
    { "v1, unknown", SPAN("PROXY UNKNOWN\r\n"), "PROXY UNKNOWN\r\n" },
    { "v1, unknown with addresses", SPAN("PROXY UNKNOWN ::1 ::1 1 2\r\n"), "PROXY UNKNOWN\r\n" },
    { "v1, family UDP4", SPAN("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"), NULL },
    { "v1, lower case", SPAN("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), NULL },
    { "v1, two spaces", SPAN("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"), NULL },
    { "v1, a tab", SPAN("PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n"), NULL },
    { "v1, trailing space", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"), NULL },
    { "v1, a fifth value", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), NULL },
    { "v1, no second port", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), NULL },
    { "v1, no family", SPAN("PROXY \r\n"), NULL },
    { "v1, nothing", SPAN("PROXY\r\n"), NULL },
    { "v1, v6 said to be v4", SPAN("PROXY TCP4 ::1 ::1 1 2\r\n"), NULL },
    { "v1, v4 said to be v6", SPAN("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), NULL },
    { "v1, port too large", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"), NULL },
    { "v1, leading zero", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 080 2\r\n"), NULL },
    { "v1, signed port", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n"), NULL },
    { "v1, bare line feed", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"), NULL },
    { "v1, bare carriage return", SPAN("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rX"), NULL },
    { "v1, address with octal", SPAN("PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n"), NULL },
    { "v1, too long",
      SPAN("PROXY UNKNOWN 01234567890123456789012345678901234567890123456789012345678901234567890"
           "123456789012345678901234\r\n"),
      NULL },
    { "v2, IPv4", SPAN(SIGNATURE "\x21\x11\x00\x0c" INET),
      "PROXY TCP4 10.1.2.3 192.168.0.1 54321 443\r\n" },
    { "v2, IPv6", SPAN(SIGNATURE "\x21\x21\x00\x24" INET6),
      "PROXY TCP6 2001:db8::1 2001:db8::2 80 8080\r\n" },
    { "v2, local", SPAN(SIGNATURE "\x20\x00\x00\x00"), "PROXY UNKNOWN\r\n" },
    { "v2, local with addresses", SPAN(SIGNATURE "\x20\x11\x00\x0c" INET), "PROXY UNKNOWN\r\n" },
    { "v2, local with rubbish", SPAN(SIGNATURE "\x20\xff\x00\x03xyz"), "PROXY UNKNOWN\r\n" },
    { "v2, unspecified", SPAN(SIGNATURE "\x21\x00\x00\x02zz"), "PROXY UNKNOWN\r\n" },
    { "v2, UNIX", SPAN(SIGNATURE "\x21\x31\x00\xd8" PATH_108 PATH_108), "PROXY UNKNOWN\r\n" },
    { "v2, datagrams", SPAN(SIGNATURE "\x21\x12\x00\x0c" INET), "PROXY UNKNOWN\r\n" },
    { "v2, TLVs", SPAN(SIGNATURE "\x21\x11\x00\x16" INET "\x02\x00\x01x\x04\x00\x00\xea\x00\x00"),
      "PROXY TCP4 10.1.2.3 192.168.0.1 54321 443\r\n" },
    { "v2, checksum", SPAN(SIGNATURE "\x21\x11\x00\x13" INET "\x03\x00\x04\xa1\x70\xa8\xfb"),
      "PROXY TCP4 10.1.2.3 192.168.0.1 54321 443\r\n" },
    { "v2, wrong checksum", SPAN(SIGNATURE "\x21\x11\x00\x13" INET CRC_WRONG), NULL },
    { "v2, two checksums", SPAN(SIGNATURE "\x21\x11\x00\x1a" INET CRC_WRONG CRC_WRONG), NULL },
    { "v2, checksum of three bytes", SPAN(SIGNATURE "\x21\x11\x00\x12" INET "\x03\x00\x03zzz"),
      NULL },
    { "v2, TLV longer than the header", SPAN(SIGNATURE "\x21\x11\x00\x10" INET "\x02\x00\x02x"),
      NULL },
    { "v2, half a TLV", SPAN(SIGNATURE "\x21\x11\x00\x0e" INET "\x02\x00"), NULL },
    { "v2, too short for IPv4", SPAN(SIGNATURE "\x21\x11\x00\x0b" INET), NULL },
    { "v2, too short for IPv6", SPAN(SIGNATURE "\x21\x21\x00\x0c" INET), NULL },
    { "v2, too short for UNIX", SPAN(SIGNATURE "\x21\x31\x00\x0c" INET), NULL },
    { "v2, family 4", SPAN(SIGNATURE "\x21\x41\x00\x0c" INET), NULL },
    { "v2, transport 3", SPAN(SIGNATURE "\x21\x13\x00\x0c" INET), NULL },
    { "v2, version 1", SPAN(SIGNATURE "\x11\x11\x00\x0c" INET), NULL },
    { "v2, command 2", SPAN(SIGNATURE "\x22\x11\x00\x0c" INET), NULL },
    { "v2, longer than allowed", SPAN(SIGNATURE "\x21\x11\xff\xff" INET), NULL },
    { "v2, other signature", SPAN("\r\n\r\n\0\r\nQUIT\r\x21\x11\x00\x0c" INET), NULL },
    { "HTTP", SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), NULL },
    { "PUT, which begins as PROXY does", SPAN("PUT / HTTP/1.1\r\nHost: a\r\n\r\n"), NULL },
    { "TLS", SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), NULL },
    { "an empty line", SPAN("\r\nGET / HTTP/1.1\r\n\r\n"), NULL },
};

/* The bytes in a block of their own, so that a read past their end is seen. */
static int parse_prefix(struct span bytes, size_t len, struct proxy_header *header, size_t *taken)
{
    SCOPED(mem_freep) char *copy = mem_alloc(len ? len : 1);

    memcpy(copy, bytes.ptr, len);
    return proxy_header_parse(span_of(copy, len), header, taken);
}

/* Every prefix asks for more or is refused; nothing is taken before the last byte is there. */
static void test_any_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct proxy_header header;
        size_t taken = 12345;
        bool refused = false;

        print_message("%s\n", headers[i].what);
        for (size_t len = 0; len < headers[i].bytes.len; len++) {
            int r = parse_prefix(headers[i].bytes, len, &header, &taken);
            assert_int_not_equal(r, PROXY_HEADER_OK);
            assert_true(r == PROXY_HEADER_BAD || !refused); /* once bad, always bad */
            refused = r == PROXY_HEADER_BAD;
            assert_false(refused && headers[i].text);
        }
        assert_int_equal(taken, 12345);
    }
}

static void test_parses_and_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct proxy_header header;
        char text[PROXY_HEADER_V1_BYTES_MAX];
        size_t taken;

        print_message("%s\n", headers[i].what);
        int r = parse_prefix(headers[i].bytes, headers[i].bytes.len, &header, &taken);
        if (!headers[i].text) {
            assert_int_equal(r, PROXY_HEADER_BAD);
            continue;
        }
        assert_int_equal(r, PROXY_HEADER_OK);
        assert_int_equal(taken, headers[i].bytes.len);
        size_t len = proxy_header_encode(&header, 1, text);
        assert_int_equal(len, strlen(headers[i].text));
        assert_memory_equal(text, headers[i].text, len);
    }
}

static void test_writes_version_2(void **state)
{
    static const struct {
        struct span from, written;
    } cases[] = {
        { SPAN("PROXY TCP4 10.1.2.3 192.168.0.1 54321 443\r\n"),
          SPAN(SIGNATURE "\x21\x11\0\x0c" INET) },
        { SPAN("PROXY TCP6 2001:db8::1 2001:db8::2 80 8080\r\n"),
          SPAN(SIGNATURE "\x21\x21\0\x24" INET6) },
        { SPAN("PROXY UNKNOWN\r\n"), SPAN(SIGNATURE "\x20\0\0\0") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proxy_header header;
        char bytes[PROXY_HEADER_V1_BYTES_MAX];
        size_t taken;

        assert_int_equal(proxy_header_parse(cases[i].from, &header, &taken), PROXY_HEADER_OK);
        size_t len = proxy_header_encode(&header, 2, bytes);
        assert_true(span_eq(span_of(bytes, len), cases[i].written));
    }
}

static void test_leaves_what_follows(void **state)
{
    static const struct span bytes = SPAN(SIGNATURE "\x21\x11\x00\x0c" INET "GET / HTTP/1.1\r\n");
    static const struct span line = SPAN("PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n");
    struct proxy_header header;
    size_t taken;

    (void)state;
    assert_int_equal(proxy_header_parse(bytes, &header, &taken), PROXY_HEADER_OK);
    assert_int_equal(taken, 28);
    assert_int_equal(proxy_header_parse(line, &header, &taken), PROXY_HEADER_OK);
    assert_int_equal(taken, 15);
}

static void test_mixed_families_are_written_as_ipv6(void **state)
{
    struct proxy_header header = { .has_addresses = true, .source_port = 1, .destination_port = 2 };
    char text[PROXY_HEADER_V1_BYTES_MAX];

    (void)state;
    assert_true(ip_parse(SPAN("1.2.3.4"), &header.source));
    assert_true(ip_parse(SPAN("2001:db8::1"), &header.destination));
    for (unsigned version = 1; version <= 2; version++) {
        struct span written = span_of(text, proxy_header_encode(&header, version, text));
        struct proxy_header again;
        size_t taken;

        if (version == 1)
            assert_true(span_eq(written, SPAN("PROXY TCP6 ::ffff:1.2.3.4 2001:db8::1 1 2\r\n")));
        assert_int_equal(proxy_header_parse(written, &again, &taken), PROXY_HEADER_OK);
        assert_true(ip_eq(&again.source, &header.source));
        assert_true(ip_eq(&again.destination, &header.destination));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_parses_and_writes),
        cmocka_unit_test(test_writes_version_2),
        cmocka_unit_test(test_leaves_what_follows),
        cmocka_unit_test(test_mixed_families_are_written_as_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
