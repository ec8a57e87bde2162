#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "tls/context.h"

static struct buf ca, two, two_and_a_half, crl, crl_cut, key, much;

static int bundles_make(void **state)
{
    const struct fixture_recipe recipe = { FIXTURE_EC, "ca", NULL, -1, 9, 0, true };
    const struct fixture_recipe other = { FIXTURE_EC, "other ca", NULL, -1, 9, 0, true };
    EVP_PKEY *signer = fixture_key(FIXTURE_EC, 1);

    (void)state;
    fixture_certificate(&recipe, signer, signer, "ca", &ca);
    fixture_key_pem(signer, &key);
    fixture_crl(signer, "ca", true, &crl);
    buf_append(&two, buf_span(&ca));
    fixture_certificate(&other, signer, signer, "other ca", &two);
    buf_append(&two_and_a_half, buf_span(&two));
    buf_append(&two_and_a_half, span_upto(buf_span(&ca), ca.len / 2));
    buf_append(&crl_cut, buf_span(&crl));
    buf_append(&crl_cut, span_upto(buf_span(&crl), crl.len / 2));
    buf_append(&much, buf_span(&ca));
    while (much.len <= TLS_AUTHORITIES_BYTES_MAX)
        buf_append(&much, SPAN("a comment between certificates\n"));
    return 0;
}

static int bundles_free(void **state)
{
    struct buf *const all[] = { &ca, &two, &two_and_a_half, &crl, &crl_cut, &key, &much };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_deinit(all[i]);
    return 0;
}

static const struct {
    const char *what;
    const struct buf *ca, *crl; /* NULL: empty */
    bool is_valid;
} rows[] = {
    { "one", &ca, NULL, true },
    { "two", &two, NULL, true },
    { "one with what it revoked", &ca, &crl, true },
    { "none", NULL, NULL, false },
    { "revoked, by nobody", NULL, &crl, false },
    { "a key", &key, NULL, false },
    { "a CRL in their place", &crl, NULL, false },
    { "one that is cut off behind two", &two_and_a_half, NULL, false },
    { "a CRL that is cut off behind another", &ca, &crl_cut, false },
    { "a certificate in the CRL's place", &ca, &ca, false },
    { "too much", &much, NULL, false },
};

static void test_what_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].what);
        assert_int_equal(
            tls_authorities_are_valid(rows[i].ca ? buf_span(rows[i].ca) : SPAN_EMPTY,
                                      rows[i].crl ? buf_span(rows[i].crl) : SPAN_EMPTY),
            rows[i].is_valid);
        assert_int_equal(ERR_peek_error(), 0);
    }
    much.len = TLS_AUTHORITIES_BYTES_MAX;
    assert_true(tls_authorities_are_valid(buf_span(&much), SPAN_EMPTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_valid),
    };

    return cmocka_run_group_tests_name("tls/authorities", tests, bundles_make, bundles_free);
}
