#include "http/coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *field;
    uint32_t gzip, br;
} fields[] = {
    { "", 0, 0 },
    { "gzip", 1000, 0 },
    { "gzip, deflate, br, zstd", 1000, 1000 }, /* browsers */
    { "GZIP,\tBr", 1000, 1000 },
    { "x-gzip, gzipped, brotli, b", 0, 0 },
    { "*", 0, 0 },
    { "identity", 0, 0 },
    { "gzip;q=0, br", 0, 1000 },
    { "gzip;q=0.0, br;q=0.000", 0, 0 },
    { "gzip;q=1, br;q=1.000", 1000, 1000 },
    { "gzip ; Q=0.5 , br ;q=0.25", 500, 250 },
    { "gzip;q=0.001,br;q=0.999", 1, 999 },
    { "gzip;q=0.,br;q=1.", 0, 1000 },
    { "gzip;q=, br;q", 0, 0 },
    { "gzip;q=2, br;q=1.001", 0, 0 },
    { "gzip;q=-1, br;q=0.1234", 0, 0 },
    { "gzip;q=.5, br;q=00.5", 0, 0 },
    { "gzip;q=0x1, br;q=0,5", 0, 0 },
    { "gzip; level=9, br;;", 0, 0 },
    { ",,gzip,,", 1000, 0 },
    { "gzip;q=0.2, gzip", 200, 0 }, /* the first says it */
};

static void test_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct span field = span_from_str(fields[i].field);

        print_message("%s\n", fields[i].field);
        assert_int_equal(http_coding_weight(field, SPAN("gzip")), fields[i].gzip);
        assert_int_equal(http_coding_weight(field, SPAN("br")), fields[i].br);
    }
}

static const struct {
    const char *etag;
    enum http_etag_kind kind;
} etags[] = {
    { "\"a\"", HTTP_ETAG_STRONG }, { "\"\"", HTTP_ETAG_STRONG },   { "W/\"a\"", HTTP_ETAG_WEAK },
    { "W/\"\"", HTTP_ETAG_WEAK },  { "w/\"a\"", HTTP_ETAG_BAD },   { "a", HTTP_ETAG_BAD },
    { "", HTTP_ETAG_BAD },         { "\"", HTTP_ETAG_BAD },        { "W/", HTTP_ETAG_BAD },
    { "W/\"", HTTP_ETAG_BAD },     { "\"a\" \"b", HTTP_ETAG_BAD },
};

static void test_etags(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(etags); i++) {
        print_message("%s\n", etags[i].etag);
        assert_int_equal(http_etag_kind_of(span_from_str(etags[i].etag)), etags[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
