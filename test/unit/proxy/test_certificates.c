#include "proxy/client/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tls/fixture.h"
#include "image/writer.h"

static struct buf texts[6];
static struct route_certificate fallback, rsa, ec, unusable;
static struct route_authorities authorities;

/* What an image of the tests has, beside its hosts. */
struct variant {
    uint32_t versions;
    bool rejects_unknown, resumes;
    char key_byte; /* of the one ticket key; 0: there is none */
    const char *ciphers_of_b;
    bool b_asks, is_without_b, has_other_default;
};

static struct route_host *host_add(struct route_model *model, const char *name,
                                   const struct route_certificate *certificate)
{
    struct route_host *host = route_host_get(model, span_from_str(name));

    host->has_tls = certificate != NULL;
    host->certificate = certificate;
    return host;
}

static struct route_model *model_make(const struct variant *variant)
{
    static struct route_client_auth auth = { .mode = ROUTE_CLIENT_AUTH_ON, .depth = 1 };
    struct route_model *model = route_model_new();
    struct route_certificate *const all[] = { &fallback, &rsa, &ec, &unusable };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        vec_push(&model->certificates, all[i]);
    model->default_certificate = variant->has_other_default ? &rsa : &fallback;
    model->settings = route_settings_default();
    model->settings.tls.versions = variant->versions;
    model->settings.tls.rejects_unknown = variant->rejects_unknown;
    model->settings.tls.resumption = variant->resumes;
    if (variant->key_byte) {
        memset(model->ticket_keys[0].bytes, variant->key_byte, 48);
        model->ticket_keys[0].len = 48;
        model->ticket_keys_len = 1;
    }
    host_add(model, "a.test", &rsa)->other_certificate = &ec;
    if (!variant->is_without_b) {
        struct route_host *b = host_add(model, "b.test", &rsa);

        auth.authorities = &authorities;
        vec_push(&model->authorities, &authorities);
        b->other_certificate = &ec;
        b->tls_ciphers = span_from_str(variant->ciphers_of_b);
        b->client_auth = variant->b_asks ? &auth : NULL;
    }
    host_add(model, "*.wild.test", &ec);
    host_add(model, "none.test", &unusable);
    host_add(model, "plain.test", NULL);
    return model;
}

static struct image_view *view_make(const struct variant *variant)
{
    struct route_model *model = model_make(variant);
    struct image_writer *writer = image_writer_new();
    struct image_view *view = NULL;
    struct image_bytes bytes;

    assert_int_equal(image_write(writer, model, &bytes), IMAGE_WRITE_OK);
    assert_int_equal(image_view_open_bytes(bytes.root, bytes.segments, bytes.segments_len, &view),
                     IMAGE_OPEN_OK);
    image_writer_free(writer);
    route_model_free(model);
    return view;
}

static struct tls_context *choose(struct certificates *certificates, const struct image_view *view,
                                  const char *name)
{
    return certificates_choose(certificates, view, span_from_str(name));
}

static void test_who_shares_a_context(void **state)
{
    struct image_view *view = view_make(&(struct variant){ .versions = 3 });
    struct certificates certificates;

    (void)state;
    certificates_init(&certificates);
    certificates_take_image(&certificates, view);
    struct tls_context *initial = certificates_initial(&certificates, view);
    assert_non_null(initial);
    const char *const defaults[] = { "", "unknown.test", "plain.test", "x.y.wild.test", "other" };
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        assert_ptr_equal(choose(&certificates, view, defaults[i]), initial);
    assert_int_equal(certificates.contexts.len, 1); /* names that clients make up cost nothing */

    struct tls_context *a = choose(&certificates, view, "a.test");
    assert_ptr_not_equal(a, initial);
    assert_ptr_equal(choose(&certificates, view, "b.test"), a); /* shows and asks for the same */
    struct tls_context *wild = choose(&certificates, view, "x.wild.test");
    assert_ptr_not_equal(wild, a);
    assert_ptr_equal(choose(&certificates, view, "y.wild.test"), wild);
    assert_int_equal(certificates.contexts.len, 3);
    assert_non_null(choose(&certificates, view, "none.test")); /* the default pair stands in */
    certificates_deinit(&certificates);
    image_view_unref(view);
}

static const struct {
    const char *what;
    struct variant before, after;
    bool a_stays, b_stays;
    size_t contexts; /* that are left in the end */
} changes[] = {
    { "nothing", { .versions = 3 }, { .versions = 3 }, true, true, 1 },
    { "versions", { .versions = 3 }, { .versions = 2 }, false, false, 1 },
    { "a key to resume by",
      { .versions = 3, .resumes = true },
      { .versions = 3, .resumes = true, .key_byte = 1 },
      false,
      false,
      1 },
    { "another key",
      { .versions = 3, .resumes = true, .key_byte = 1 },
      { .versions = 3, .resumes = true, .key_byte = 2 },
      true,
      true,
      1 },
    { "ciphers of one host",
      { .versions = 3 },
      { .versions = 3, .ciphers_of_b = "ECDHE-RSA-AES256-GCM-SHA384" },
      true,
      false,
      2 },
    { "one host asks", { .versions = 3 }, { .versions = 3, .b_asks = true }, true, false, 2 },
    { "one host asks no more",
      { .versions = 3, .b_asks = true },
      { .versions = 3 },
      true,
      false,
      1 },
};

static void test_what_a_change_concerns(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct image_view *before = view_make(&changes[i].before);
        struct image_view *after = view_make(&changes[i].after);
        struct certificates certificates;

        print_message("%s\n", changes[i].what);
        certificates_init(&certificates);
        certificates_take_image(&certificates, before);
        struct tls_context *a = tls_context_ref(choose(&certificates, before, "a.test"));
        struct tls_context *b = tls_context_ref(choose(&certificates, before, "b.test"));
        certificates_take_image(&certificates, after);
        assert_int_equal(choose(&certificates, after, "a.test") == a, changes[i].a_stays);
        assert_int_equal(choose(&certificates, after, "b.test") == b, changes[i].b_stays);
        certificates_sweep(&certificates, after);
        assert_int_equal(choose(&certificates, after, "a.test") == a, changes[i].a_stays);
        assert_int_equal(choose(&certificates, after, "b.test") == b, changes[i].b_stays);
        assert_int_equal(certificates.contexts.len, changes[i].contexts);
        tls_context_unref(a);
        tls_context_unref(b);
        certificates_deinit(&certificates);
        image_view_unref(before);
        image_view_unref(after);
    }
}

/* Past the bound, the one that was used longest ago gives way. */
static void test_contexts_are_bounded(void **state)
{
    struct image_view *view = view_make(&(struct variant){ .versions = 3, .b_asks = true });
    struct certificates certificates;

    (void)state;
    certificates_init(&certificates);
    certificates.contexts_max = 3;
    certificates_take_image(&certificates, view);
    struct tls_context *a = choose(&certificates, view, "a.test");
    struct tls_context *initial = tls_context_ref(certificates_initial(&certificates, view));
    struct tls_context *wild = choose(&certificates, view, "x.wild.test");
    assert_ptr_equal(choose(&certificates, view, "a.test"), a);
    struct tls_context *b = choose(&certificates, view, "b.test");
    assert_int_equal(certificates.contexts.len, 3);
    assert_ptr_equal(choose(&certificates, view, "x.wild.test"), wild);
    assert_ptr_equal(choose(&certificates, view, "a.test"), a);
    assert_ptr_equal(choose(&certificates, view, "b.test"), b);
    assert_ptr_not_equal(certificates_initial(&certificates, view), initial);
    assert_int_equal(certificates.contexts.len, 3);
    assert_ptr_equal(choose(&certificates, view, "a.test"), a); /* wild went */
    tls_context_unref(initial);
    certificates_deinit(&certificates);
    image_view_unref(view);
}

/* A host whose own certificate cannot be used shows the default one: whichever that is. */
static void test_the_default_that_stands_in_changes(void **state)
{
    (void)state;
    for (unsigned sweeps = 0; sweeps < 2; sweeps++) {
        struct image_view *before = view_make(&(struct variant){ .versions = 3 });
        struct image_view *after =
            view_make(&(struct variant){ .versions = 3, .has_other_default = true });
        struct certificates certificates;

        certificates_init(&certificates);
        certificates_take_image(&certificates, before);
        struct tls_context *first = tls_context_ref(choose(&certificates, before, "none.test"));
        assert_ptr_equal(choose(&certificates, before, "none.test"), first);
        certificates_take_image(&certificates, after);
        if (sweeps) {
            certificates_sweep(&certificates, after);
            assert_int_equal(certificates.contexts.len, 0);
        }
        struct tls_context *second = choose(&certificates, after, "none.test");
        assert_non_null(second);
        assert_ptr_not_equal(second, first);
        assert_ptr_equal(choose(&certificates, after, "none.test"), second);
        assert_int_equal(certificates.contexts.len, 1);
        tls_context_unref(first);
        certificates_deinit(&certificates);
        image_view_unref(before);
        image_view_unref(after);
    }
}

static void test_a_host_is_gone(void **state)
{
    struct image_view *before = view_make(&(struct variant){ .versions = 3, .b_asks = true });
    struct image_view *after = view_make(&(struct variant){ .versions = 3, .is_without_b = true });
    struct certificates certificates;

    (void)state;
    certificates_init(&certificates);
    certificates_take_image(&certificates, before);
    assert_non_null(choose(&certificates, before, "a.test"));
    assert_non_null(choose(&certificates, before, "b.test"));
    assert_int_equal(certificates.contexts.len, 2);
    certificates_take_image(&certificates, after);
    certificates_sweep(&certificates, after);
    assert_int_equal(certificates.contexts.len, 1);
    certificates_deinit(&certificates);
    image_view_unref(before);
    image_view_unref(after);
}

static void test_unknown_names_may_be_rejected(void **state)
{
    struct image_view *view =
        view_make(&(struct variant){ .versions = 3, .rejects_unknown = true });
    struct certificates certificates;

    (void)state;
    certificates_init(&certificates);
    certificates_take_image(&certificates, view);
    assert_non_null(certificates_initial(&certificates, view)); /* the name is not known yet */
    assert_null(choose(&certificates, view, ""));
    assert_null(choose(&certificates, view, "unknown.test"));
    assert_non_null(choose(&certificates, view, "a.test"));
    assert_non_null(choose(&certificates, view, "plain.test"));
    assert_non_null(choose(&certificates, view, "x.wild.test"));
    certificates_deinit(&certificates);
    image_view_unref(view);
}

static int pairs_make(void **state)
{
    const struct fixture_recipe by_rsa = { FIXTURE_RSA, "rsa", NULL, -1, 9, 0 };
    const struct fixture_recipe by_ec = { FIXTURE_EC, "ec", NULL, -1, 9, 0 };
    const struct fixture_recipe other = { FIXTURE_EC, "default", NULL, -1, 9, 0 };

    (void)state;
    fixture_pair(&by_rsa, &texts[0], &texts[1]);
    fixture_pair(&by_ec, &texts[2], &texts[3]);
    fixture_pair(&other, &texts[4], &texts[5]);
    rsa = (struct route_certificate){ .id = 1, buf_span(&texts[0]), buf_span(&texts[1]) };
    ec = (struct route_certificate){ .id = 2, buf_span(&texts[2]), buf_span(&texts[3]) };
    fallback = (struct route_certificate){ .id = 3, buf_span(&texts[4]), buf_span(&texts[5]) };
    unusable = (struct route_certificate){ .id = 4, SPAN("none"), SPAN("none") };
    authorities =
        (struct route_authorities){ .id = 5, .ca_pem = buf_span(&texts[2]), .crl_pem = SPAN_EMPTY };
    return 0;
}

static int pairs_free(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        buf_deinit(&texts[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_shares_a_context),
        cmocka_unit_test(test_what_a_change_concerns),
        cmocka_unit_test(test_contexts_are_bounded),
        cmocka_unit_test(test_the_default_that_stands_in_changes),
        cmocka_unit_test(test_a_host_is_gone),
        cmocka_unit_test(test_unknown_names_may_be_rejected),
    };
    return cmocka_run_group_tests(tests, pairs_make, pairs_free);
}
