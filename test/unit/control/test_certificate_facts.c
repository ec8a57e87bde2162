#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"
#include "control/certificate_facts.h"
#include "pair.h"

static struct route_certificate certificate_of(uint64_t id, const char *chain_pem)
{
    return (struct route_certificate){
        .id = id,
        .chain_pem = span_from_str(chain_pem),
        .key_pem = span_from_str(pair_key_pem),
    };
}

static void test_examined_once(void **state)
{
    struct certificate_facts all = { 0 };
    struct route_certificate good = certificate_of(7, pair_chain_pem);
    struct route_certificate same_id = certificate_of(7, "not looked at");

    (void)state;
    const struct tls_pair_facts *facts = certificate_facts_get(&all, &good);
    assert_non_null(facts);
    assert_true(span_eq(facts->issuer_cn, SPAN("web.example")));
    assert_ptr_equal(certificate_facts_get(&all, &same_id), facts);
    certificate_facts_deinit(&all);
}

static void test_no_pair(void **state)
{
    struct certificate_facts all = { 0 };
    struct route_certificate bad = certificate_of(7, "none");

    (void)state;
    assert_null(certificate_facts_get(&all, &bad));
    assert_null(certificate_facts_get(&all, &bad));
    certificate_facts_deinit(&all);
}

static void test_sweep_forgets_what_nobody_asked_for(void **state)
{
    struct certificate_facts all = { 0 };
    struct route_certificate stays = certificate_of(1, pair_chain_pem);
    struct route_certificate goes = certificate_of(2, pair_chain_pem);

    (void)state;
    assert_non_null(certificate_facts_get(&all, &stays));
    assert_non_null(certificate_facts_get(&all, &goes));
    certificate_facts_sweep(&all);
    assert_int_equal(all.by_id.len, 2);
    const struct tls_pair_facts *facts = certificate_facts_get(&all, &stays);
    certificate_facts_sweep(&all);
    assert_int_equal(all.by_id.len, 1);
    assert_ptr_equal(certificate_facts_get(&all, &stays), facts);
    certificate_facts_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examined_once),
        cmocka_unit_test(test_no_pair),
        cmocka_unit_test(test_sweep_forgets_what_nobody_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
