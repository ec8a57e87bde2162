#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tls/certificate.h"
#include "tls/context.h"

static void test_generated_pair_is_good(void **state)
{
    (void)state;
    struct buf chain = { 0 }, key = { 0 };
    struct tls_pair_facts facts;
    struct tls_context *context;
    struct arena arena;

    arena_init(&arena, 1024);
    buf_append(&chain, SPAN("before\n")); /* it appends */
    uint64_t start_ns = clock_mono_ns();
    assert_int_equal(tls_pair_generate(&chain, &key), 0);
    print_message("made in %zu ms\n", (size_t)((clock_mono_ns() - start_ns) / 1000000));

    assert_true(span_starts_with(buf_span(&chain), SPAN("before\n-----BEGIN CERTIFICATE-----")));
    assert_int_equal(tls_pair_examine(buf_span(&chain), buf_span(&key), &arena, &facts),
                     TLS_PAIR_OK);
    assert_string_equal(facts.key_algorithm, "EC");
    assert_true(tls_pair_is_generated(&facts));
    assert_int_equal(facts.names_len, 1);
    assert_true(span_eq(facts.names[0], SPAN("ingress.local")));
    assert_true(span_eq(facts.subject_cn, SPAN("Kubernetes Ingress Controller Fake Certificate")));
    assert_true(span_eq(facts.issuer_cn, facts.subject_cn));
    assert_true(span_eq(facts.issuer_o, SPAN("Acme Co")));
    assert_int_equal(facts.not_after_s - facts.not_before_s, 365 * 86400);
    assert_true(facts.not_before_s <= time(NULL));

    start_ns = clock_mono_ns();
    assert_int_equal(tls_context_new_server(
                         &(struct tls_server){ .pairs = { { buf_span(&chain), buf_span(&key) } },
                                               .pairs_len = 1 },
                         &context),
                     TLS_CONTEXT_OK);
    print_message("a context in %zu us\n", (size_t)((clock_mono_ns() - start_ns) / 1000));
    tls_context_unref(context);
    arena_deinit(&arena);
    buf_deinit(&chain);
    buf_deinit(&key);
}

static void test_no_two_are_the_same(void **state)
{
    (void)state;
    struct buf chain[2] = { 0 }, key[2] = { 0 };
    struct tls_pair_facts facts[2];
    struct arena arena;

    arena_init(&arena, 1024);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tls_pair_generate(&chain[i], &key[i]), 0);
        assert_int_equal(
            tls_pair_examine(buf_span(&chain[i]), buf_span(&key[i]), &arena, &facts[i]),
            TLS_PAIR_OK);
    }
    assert_false(span_eq(facts[0].serial_decimal, facts[1].serial_decimal));
    assert_false(span_eq(buf_span(&key[0]), buf_span(&key[1])));
    for (size_t i = 0; i < 2; i++) {
        buf_deinit(&chain[i]);
        buf_deinit(&key[i]);
    }
    arena_deinit(&arena);
}

static void test_others_are_told_apart(void **state)
{
    static const struct tls_pair_facts others[] = {
        { .subject_cn = SPAN("web.example"), .issuer_cn = SPAN("web.example") },
        { .subject_cn = SPAN("Kubernetes Ingress Controller Fake Certificate"),
          .issuer_cn = SPAN("an authority"),
          .issuer_o = SPAN("Acme Co") },
        { .subject_cn = SPAN("web.example"),
          .issuer_cn = SPAN("Kubernetes Ingress Controller Fake Certificate"),
          .issuer_o = SPAN("Acme Co") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(tls_pair_is_generated(&others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated_pair_is_good),
        cmocka_unit_test(test_no_two_are_the_same),
        cmocka_unit_test(test_others_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
