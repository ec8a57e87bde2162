#include "proxy/upstream/backend_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "image/match.h"
#include "image/writer.h"
#include "tls/certificate.h"

static struct buf chain, key;
static struct route_certificate pairs[2], damaged;
static struct route_authorities authorities[2];

/* Alike but for one fact each. */
static struct route_backend_tls records[12];
/* With a list of no cipher; with a certificate that is none. */
static struct route_backend_tls unusable[2];

static void records_make(void)
{
    const struct route_backend_tls plain = {
        .authorities = &authorities[0],
        .name = SPAN("b.test"),
        .ciphers = SPAN("DEFAULT"),
        .versions = ROUTE_TLS_1_2 | ROUTE_TLS_1_3,
        .depth = 1,
        .verifies = true,
    };

    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        records[i] = plain;
    records[1].authorities = &authorities[1];
    records[2].certificate = &pairs[0];
    records[3].certificate = &pairs[1];
    records[4].sends_name = true;
    records[5].depth = 2;
    records[6].versions = ROUTE_TLS_1_3;
    records[7].verifies = false;
    records[8].ciphers = SPAN("HIGH");
    records[9].name = SPAN("c.test");
    records[10].name = SPAN("b.testHIGH:"); /* where one text ends and the next begins counts */
    records[10].ciphers = SPAN("HIGH");
    records[11].ciphers = SPAN("HIGH:HIGH");
    unusable[0] = unusable[1] = plain;
    unusable[0].ciphers = SPAN("no-such-cipher");
    unusable[1].certificate = &damaged;
}

/* One for all images, whose generations go on so. */
static struct image_writer *writer;

/* An image with a host for each of the records, "0.test" and so on. */
static struct image_view *view_make(const struct route_backend_tls *tls, size_t len)
{
    struct route_model *model = route_model_new();
    struct image_view *view = NULL;
    struct image_bytes bytes;

    model->settings = route_settings_default();
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        vec_push(&model->certificates, &pairs[i]);
    vec_push(&model->certificates, &damaged);
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
        vec_push(&model->authorities, &authorities[i]);
    for (size_t i = 0; i < len; i++) {
        struct span name = arena_printf(&model->arena, "%zu.test", i);
        struct route_host *host = route_host_get(model, name);
        struct route_rule *rule = route_rule_new(model);
        struct route_policy *policy = arena_new(&model->arena, struct route_policy);

        *policy = route_policy_default();
        policy->protocol = ROUTE_PROTOCOL_HTTPS;
        policy->backend_tls = &tls[i];
        rule->policy = policy;
        vec_push(&route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN("/"))->rules, rule);
    }
    assert_int_equal(image_write(writer, model, &bytes), IMAGE_WRITE_OK);
    assert_int_equal(image_view_open_bytes(bytes.root, bytes.segments, bytes.segments_len, &view),
                     IMAGE_OPEN_OK);
    route_model_free(model);
    return view;
}

struct found {
    uint64_t number;
    struct tls_context *context;
};

/* As the rule of the host with that number asks for it. */
static bool find(struct backend_tls *tls, const struct image_view *view, size_t number, bool http2,
                 struct found *ret_found)
{
    char name[24];

    snprintf(name, sizeof(name), "%zu.test", number);
    const struct image_host *host = image_host_find(view, span_from_str(name), NULL);
    assert_non_null(host);
    const struct image_path *path = image_path_get(view, host->paths_first);
    const struct image_rule *rule = image_rule_get(view, path->rules_first);
    return backend_tls_find(tls, view, image_policy_get(view, rule->policy)->backend_tls, http2,
                            &ret_found->number, &ret_found->context);
}

static void test_each_fact_makes_another_identity(void **state)
{
    struct image_view *view = view_make(records, ARRAY_LEN(records));
    struct backend_tls tls = { 0 };
    struct found all[ARRAY_LEN(records)], again, http2, none;

    (void)state;
    assert_true(backend_tls_find(&tls, view, IMAGE_NONE, false, &none.number, &none.context));
    assert_int_not_equal(none.number, 0);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        print_message("record %zu\n", i);
        assert_true(find(&tls, view, i, false, &all[i]));
        assert_int_not_equal(all[i].number, none.number);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i].number, all[j].number);
            assert_ptr_not_equal(all[i].context, all[j].context);
        }
        assert_true(find(&tls, view, i, false, &again));
        assert_int_equal(again.number, all[i].number);
        assert_ptr_equal(again.context, all[i].context);
        assert_true(find(&tls, view, i, true, &http2)); /* the same one, which offers h2 */
        assert_int_equal(http2.number, all[i].number);
        assert_ptr_not_equal(http2.context, all[i].context);
    }
    assert_int_equal(tls.identities.len, ARRAY_LEN(records) + 1);
    backend_tls_deinit(&tls);
    image_view_unref(view);
}

static void test_identities_outlive_images(void **state)
{
    struct image_view *first = view_make(records, 2), *second = view_make(records + 1, 1);
    struct backend_tls tls = { 0 };
    struct found none, gone, kept, again;

    (void)state;
    backend_tls_sweep(&tls, first); /* of nothing */
    assert_true(backend_tls_find(&tls, first, IMAGE_NONE, false, &none.number, &none.context));
    assert_true(find(&tls, first, 0, false, &gone));
    assert_true(find(&tls, first, 1, false, &kept));
    struct tls_context *held = tls_context_ref(gone.context); /* by a connection */
    backend_tls_sweep(&tls, first);
    assert_int_equal(tls.identities.len, 3);

    backend_tls_sweep(&tls, second);
    assert_int_equal(tls.identities.len, 2);
    assert_true(find(&tls, second, 0, false, &again));
    assert_int_equal(again.number, kept.number);
    assert_ptr_equal(again.context, kept.context);
    assert_true(backend_tls_find(&tls, second, IMAGE_NONE, false, &again.number, &again.context));
    assert_int_equal(again.number, none.number);
    assert_ptr_equal(again.context, none.context);

    assert_true(find(&tls, first, 0, false, &again)); /* it comes back, as another one */
    assert_int_not_equal(again.number, gone.number);
    assert_ptr_not_equal(again.context, held);
    tls_context_unref(held);
    backend_tls_deinit(&tls);
    image_view_unref(first);
    image_view_unref(second);
}

/* What cannot be kept to is no reason to connect without it. */
static void test_unusable_ones(void **state)
{
    struct image_view *view = view_make(unusable, ARRAY_LEN(unusable));
    struct backend_tls tls = { 0 };
    struct found found = { .number = 77, .context = NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unusable); i++) {
        for (int again = 0; again < 2; again++) {
            assert_false(find(&tls, view, i, false, &found));
            assert_false(find(&tls, view, i, true, &found));
        }
    }
    assert_int_equal(found.number, 77);
    assert_null(found.context);
    backend_tls_deinit(&tls);
    image_view_unref(view);
}

static int pair_make(void **state)
{
    (void)state;
    assert_int_equal(tls_pair_generate(&chain, &key), 0);
    for (size_t i = 0; i < 2; i++) {
        pairs[i] = (struct route_certificate){ .id = 1 + i, buf_span(&chain), buf_span(&key) };
        authorities[i] = (struct route_authorities){ .id = 4 + i, .ca_pem = buf_span(&chain) };
    }
    damaged = (struct route_certificate){ .id = 3, SPAN("none"), SPAN("none") };
    records_make();
    writer = image_writer_new();
    return 0;
}

static int pair_free(void **state)
{
    (void)state;
    image_writer_free(writer);
    buf_deinit(&chain);
    buf_deinit(&key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fact_makes_another_identity),
        cmocka_unit_test(test_identities_outlive_images),
        cmocka_unit_test(test_unusable_ones),
    };

    return cmocka_run_group_tests_name("proxy/backend_tls", tests, pair_make, pair_free);
}
