#include "tls/policy.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static const struct {
    struct span text;
    bool is_valid;
} ciphers[] = {
    { SPAN("ECDHE-RSA-AES128-GCM-SHA256"), true },
    { SPAN("HIGH:!aNULL:!MD5"), true },
    { SPAN("ALL:@SECLEVEL=0"), true },
    { SPAN("NO-SUCH-CIPHER:ECDHE-RSA-AES128-GCM-SHA256"), true }, /* as OpenSSL has it */
    { SPAN("NO-SUCH-CIPHER"), false },
    { SPAN(""), false },
    { SPAN("ECDHE-RSA-AES128-GCM-SHA256\0:ALL"), false },
}, groups[] = {
    { SPAN("auto"), true },
    { SPAN("X25519"), true },
    { SPAN("X25519:P-256:P-384"), true },
    { SPAN("prime256v1"), true },
    { SPAN("X25519:no-such-group"), false },
    { SPAN(""), false },
};

/* Whatever was judged before. */
static void test_judges(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
        for (size_t j = 0; j < ARRAY_LEN(groups); j++) {
            print_message("%s, %s\n", ciphers[i].text.ptr, groups[j].text.ptr);
            assert_int_equal(tls_ciphers_are_valid(ciphers[i].text), ciphers[i].is_valid);
            assert_int_equal(tls_groups_are_valid(groups[j].text), groups[j].is_valid);
            assert_int_equal(ERR_peek_error(), 0);
        }
    }
}

static void test_a_list_has_an_end(void **state)
{
    struct buf text = { 0 };

    (void)state;
    while (text.len <= TLS_POLICY_TEXT_MAX)
        buf_append(&text, SPAN("ECDHE-RSA-AES128-GCM-SHA256:"));
    assert_false(tls_ciphers_are_valid(buf_span(&text)));
    text.len = 28;
    assert_true(tls_ciphers_are_valid(buf_span(&text)));
    buf_deinit(&text);
}

/* ffdhe2048 of RFC 7919. */
#define DH_PEM                                                           \
    "-----BEGIN DH PARAMETERS-----\n"                                    \
    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz\n" \
    "+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a\n" \
    "87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7\n" \
    "YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi\n" \
    "7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD\n" \
    "ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==\n"                         \
    "-----END DH PARAMETERS-----\n"

/* Of 512 bits. */
#define DH_WEAK_PEM                                                      \
    "-----BEGIN DH PARAMETERS-----\n"                                    \
    "MEYCQQD59Q5AUF3sBSxqRW6EC6Bv0caOpUOzRFEV7+XuQsDeyBJ1Cvt92dYvrSsg\n" \
    "GBVpOR9wYprjAg/AcKVuSSSfj/VPAgEC\n"                                 \
    "-----END DH PARAMETERS-----\n"

static void test_dh_parameters(void **state)
{
    (void)state;
    assert_true(tls_dh_is_valid(SPAN(DH_PEM)));
    assert_false(tls_dh_is_valid(SPAN(DH_WEAK_PEM)));
    assert_false(tls_dh_is_valid(
        SPAN("-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n")));
    assert_false(tls_dh_is_valid(SPAN("nothing")));
    assert_false(tls_dh_is_valid(SPAN_EMPTY));
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judges),
        cmocka_unit_test(test_a_list_has_an_end),
        cmocka_unit_test(test_dh_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
