#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/scope.h"
#include "control/fallback.h"
#include "fake.h"
#include "pair.h"

/* Serves an image whose default certificate is `shown`. */
static const struct image_view *serve(struct fake *fake, const struct fallback *shown)
{
    fake->options.fallback_chain_pem = buf_span(&shown->chain_pem);
    fake->options.fallback_key_pem = buf_span(&shown->key_pem);
    assert_int_not_equal(fake_serve(fake, ""), 0);
    return reconcile_serving(fake->reconcile);
}

static bool is_same(const struct fallback *a, const struct fallback *b)
{
    return span_eq(buf_span(&a->chain_pem), buf_span(&b->chain_pem)) &&
           span_eq(buf_span(&a->key_pem), buf_span(&b->key_pem));
}

static void test_is_kept(void **state)
{
    SCOPED(fallback_deinit) struct fallback first = { 0 };
    SCOPED(fallback_deinit) struct fallback second = { 0 };

    assert_int_equal(fallback_open(&first, NULL, clock_wall_s()), 0);
    const struct image_view *served = serve(*state, &first);
    assert_int_equal(fallback_open(&second, served, clock_wall_s()), 0);
    assert_true(is_same(&first, &second));
}

static void test_is_renewed_before_it_expires(void **state)
{
    SCOPED(fallback_deinit) struct fallback first = { 0 };
    SCOPED(fallback_deinit) struct fallback kept = { 0 };
    SCOPED(fallback_deinit) struct fallback renewed = { 0 };
    const int64_t year_s = 365 * 86400;

    assert_int_equal(fallback_open(&first, NULL, clock_wall_s()), 0);
    const struct image_view *served = serve(*state, &first);
    assert_int_equal(fallback_open(&kept, served, clock_wall_s() + year_s - 31 * 86400), 0);
    assert_true(is_same(&first, &kept));
    assert_int_equal(fallback_open(&renewed, served, clock_wall_s() + year_s - 29 * 86400), 0);
    assert_true(renewed.chain_pem.len > 0);
    assert_false(is_same(&first, &renewed));
}

static void test_image_without_one(void **state)
{
    SCOPED(fallback_deinit) struct fallback none = { 0 };
    SCOPED(fallback_deinit) struct fallback made = { 0 };

    assert_int_equal(fallback_open(&made, serve(*state, &none), clock_wall_s()), 0);
    assert_true(made.chain_pem.len > 0 && made.key_pem.len > 0);
}

static void test_certificate_of_a_secret_is_left_alone(void **state)
{
    SCOPED(fallback_deinit) struct fallback secret = { 0 };
    SCOPED(fallback_deinit) struct fallback made = { 0 };

    buf_append(&secret.chain_pem, span_from_str(pair_chain_pem));
    buf_append(&secret.key_pem, span_from_str(pair_key_pem));
    const struct image_view *served = serve(*state, &secret);
    assert_int_not_equal(image_settings_get(served)->default_certificate_id, 0);
    assert_int_equal(fallback_open(&made, served, clock_wall_s()), 0);
    assert_true(made.chain_pem.len > 0);
    assert_false(is_same(&secret, &made));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_is_kept),
        CASE(test_is_renewed_before_it_expires),
        CASE(test_image_without_one),
        CASE(test_certificate_of_a_secret_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
