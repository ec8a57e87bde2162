#include "tls/context.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

static const enum fixture_key kinds[] = { FIXTURE_RSA, FIXTURE_EC, FIXTURE_ED25519 };

static void test_life_of_a_context(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct fixture_recipe recipe = { kinds[i], "a", NULL, -1, 9, 0 };
        struct buf chain = { 0 }, key = { 0 };
        struct tls_context *context = NULL;

        fixture_pair(&recipe, &chain, &key);
        assert_int_equal(
            tls_context_new_server(
                &(struct tls_server){ .pairs = { { buf_span(&chain), buf_span(&key) } },
                                      .pairs_len = 1 },
                &context),
            TLS_CONTEXT_OK);
        buf_deinit(&chain); /* the texts are not needed any more */
        buf_deinit(&key);
        assert_ptr_equal(tls_context_ref(context), context);
        assert_null(tls_context_unref(context));
        assert_null(tls_context_unref(context)); /* the sanitizer sees one too few or too many */
    }
    assert_null(tls_context_unref(NULL));
}

static void test_bad_pairs(void **state)
{
    struct tls_context *untouched = (void *)state, *context = untouched;
    struct fixture_recipe rsa = { FIXTURE_RSA, "a", NULL, -1, 9, 0 };
    struct fixture_recipe weak = { FIXTURE_RSA_512, "a", NULL, -1, 9, 0 };
    struct buf chain = { 0 }, key = { 0 }, other_key = { 0 }, weak_chain = { 0 }, weak_key = { 0 };

    fixture_pair(&rsa, &chain, &key);
    fixture_pair(&weak, &weak_chain, &weak_key);
    fixture_key_pem(fixture_key(FIXTURE_RSA, 1), &other_key);
    const struct {
        struct span chain, key;
    } pairs[] = {
        { SPAN_EMPTY, SPAN_EMPTY },
        { buf_span(&chain), SPAN_EMPTY },
        { SPAN_EMPTY, buf_span(&key) },
        { buf_span(&key), buf_span(&chain) },
        { buf_span(&chain), buf_span(&other_key) },
        { buf_span(&weak_chain), buf_span(&weak_key) },
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        print_message("case %zu\n", i);
        assert_int_equal(tls_context_new_server(
                             &(struct tls_server){ .pairs = { { pairs[i].chain, pairs[i].key } },
                                                   .pairs_len = 1 },
                             &context),
                         TLS_CONTEXT_BAD_PAIR);
        assert_ptr_equal(context, untouched);
        assert_int_equal(ERR_peek_error(), 0);
    }
    buf_deinit(&chain);
    buf_deinit(&key);
    buf_deinit(&other_key);
    buf_deinit(&weak_chain);
    buf_deinit(&weak_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_of_a_context),
        cmocka_unit_test(test_bad_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
