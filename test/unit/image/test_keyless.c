#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "fixture.h"
#include "image/describe.h"
#include "image/keyless.h"
#include "image/match.h"
#include "image/verify.h"

/* The rich image as it is after a cold start: mended, opened, verified. */
static struct image_view *mended_new(void)
{
    struct route_certificate standby = { .id = 5,
                                         .chain_pem = SPAN("standby"),
                                         .key_pem = SPAN("key") };
    char *segments[IMAGE_SEGMENTS_MAX];
    struct image_block_bytes secrets;
    struct fixture_image image;
    struct image_view *view = NULL;
    const char *what = "";

    fixture_image_init(&image);
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX; i++)
        segments[i] = image.segments[i].ptr;
    assert_int_equal(image_keyless_mend(&image.root, segments, &standby, &secrets), IMAGE_OPEN_OK);
    buf_deinit(&image.segments[IMAGE_AT_SECRETS]);
    buf_append(&image.segments[IMAGE_AT_SECRETS], span_of(secrets.ptr, secrets.len));
    mem_free(secrets.ptr);
    assert_int_equal(fixture_image_open(&image, &view), IMAGE_OPEN_OK);
    if (!image_verify(view, &what))
        fail_msg("the mended image does not verify: %s", what);
    fixture_image_deinit(&image);
    return view;
}

static void test_only_the_standby_certificate_is_left(void **state)
{
    (void)state;
    SCOPED(image_view_unrefp) struct image_view *view = mended_new();
    uint64_t ids[2];

    assert_int_equal(image_settings_get(view)->default_certificate_id, 5);
    image_certificates_for(view, SPAN("a.example.com"), ids);
    assert_int_equal(ids[0], 5);
    assert_int_equal(ids[1], 0);
    assert_null(image_certificate_find(view, 77));
    assert_int_equal(image_ticket_key_count(view), 0);
}

static void test_a_host_that_cannot_check_its_clients_is_shut(void **state)
{
    (void)state;
    SCOPED(image_view_unrefp) struct image_view *view = mended_new();
    const struct image_host *host = image_host_find(view, SPAN("b.example.com"), NULL);
    const struct image_client_auth *auth = image_client_auth_get(view, host->client_auth);

    assert_int_equal(auth->mode, ROUTE_CLIENT_AUTH_BROKEN);
    assert_int_equal(auth->authorities_id, 0);
}

static void test_a_backend_that_cannot_be_verified_is_not_asked(void **state)
{
    (void)state;
    SCOPED(image_view_unrefp) struct image_view *view = mended_new();
    const struct image_backend_tls *tls = image_backend_tls_get(view, 0);
    const struct image_policy policy = { .backend_tls = 0 };
    SCOPED(buf_deinit) struct buf words = { 0 };

    image_describe_backend_tls(view, &policy, &words);
    assert_true(span_eq(buf_span(&words), SPAN("not asked, for its secrets are not here")));
    assert_int_equal(tls->flags, IMAGE_BACKEND_TLS_BROKEN);
    assert_int_equal(tls->certificate_id, 0);
    assert_int_equal(tls->authorities_id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_standby_certificate_is_left),
        cmocka_unit_test(test_a_host_that_cannot_check_its_clients_is_shut),
        cmocka_unit_test(test_a_backend_that_cannot_be_verified_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
