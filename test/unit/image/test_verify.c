#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "fixture.h"
#include "image/verify.h"

#define FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define STR(type, field)   offsetof(struct type, field.len), 4, UINT32_MAX

enum { R = IMAGE_AT_ROUTES, S = IMAGE_AT_SECRETS, E = IMAGE_AT_ENDPOINTS };

/* A field of record `index` is overwritten, and all checksums made true again. */
static const struct {
    const char *what;
    uint32_t position;
    enum image_section section;
    uint32_t index;
    size_t at, bytes;
    uint64_t value;
} damages[] = {
    { "host name", R, IMAGE_SECTION_HOSTS, 0, STR(image_host, name) },
    { "host name offset", R, IMAGE_SECTION_HOSTS, 0, offsetof(struct image_host, name.offset), 4,
      UINT32_MAX },
    { "host without a name", R, IMAGE_SECTION_HOSTS, 0, offsetof(struct image_host, name.len), 4,
      0 },
    { "wildcard cut", R, IMAGE_SECTION_HOSTS, 1, offsetof(struct image_host, name.len), 4, 2 },
    { "paths_first", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, paths_first), 0 },
    { "paths_len", R, IMAGE_SECTION_HOSTS, 2, FIELD(image_host, paths_len), 2 },
    { "paths_len 0", R, IMAGE_SECTION_HOSTS, 2, FIELD(image_host, paths_len), 0 },
    { "prefix_depth_max low", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, prefix_depth_max), 2 },
    { "prefix_depth_max high", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, prefix_depth_max), 4 },
    { "HAS_EXACT unset", R, IMAGE_SECTION_HOSTS, 0, FIELD(image_host, flags), IMAGE_HOST_TLS },
    { "HAS_EXACT set", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, flags), 2 },
    { "host flags", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, flags), 64 },
    { "order of ciphers", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, flags), 12 },
    { "host ciphers", R, IMAGE_SECTION_HOSTS, 1, STR(image_host, tls_ciphers) },
    { "other certificate", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, other_certificate_id), 89 },
    { "client auth", R, IMAGE_SECTION_HOSTS, 1, FIELD(image_host, client_auth), 1 },
    { "passthrough", R, IMAGE_SECTION_HOSTS, 0, FIELD(image_host, passthrough), 99 },
    { "auth authorities", R, IMAGE_SECTION_CLIENT_AUTHS, 0,
      FIELD(image_client_auth, authorities_id), 23 },
    { "auth by nobody", R, IMAGE_SECTION_CLIENT_AUTHS, 0, FIELD(image_client_auth, authorities_id),
      0 },
    { "auth off", R, IMAGE_SECTION_CLIENT_AUTHS, 0, FIELD(image_client_auth, mode), 0 },
    { "auth mode", R, IMAGE_SECTION_CLIENT_AUTHS, 0, FIELD(image_client_auth, mode), 5 },
    { "auth flags", R, IMAGE_SECTION_CLIENT_AUTHS, 0, FIELD(image_client_auth, flags), 2 },
    { "auth page", R, IMAGE_SECTION_CLIENT_AUTHS, 0, STR(image_client_auth, error_page) },
    { "auth match", R, IMAGE_SECTION_CLIENT_AUTHS, 0, STR(image_client_auth, match_cn) },
    { "auth origin", R, IMAGE_SECTION_CLIENT_AUTHS, 0, FIELD(image_client_auth, origin), 999 },
    { "host certificate", R, IMAGE_SECTION_HOSTS, 0, FIELD(image_host, certificate_id), 78 },
    { "host origin", R, IMAGE_SECTION_HOSTS, 0, FIELD(image_host, origin), IMAGE_NONE },
    { "host slot out of bounds", R, IMAGE_SECTION_HOST_SLOTS, 0, 0, 4, 3 },
    { "path text", R, IMAGE_SECTION_PATHS, 1, STR(image_path, path) },
    { "path text shortened", R, IMAGE_SECTION_PATHS, 1, offsetof(struct image_path, path.len), 4,
      3 },
    { "path a slash", R, IMAGE_SECTION_PATHS, 1, offsetof(struct image_path, path.len), 4, 1 },
    { "path host", R, IMAGE_SECTION_PATHS, 1, FIELD(image_path, host), 1 },
    { "path kind", R, IMAGE_SECTION_PATHS, 1, FIELD(image_path, kind), 2 },
    { "path kind swapped", R, IMAGE_SECTION_PATHS, 1, FIELD(image_path, kind), ROUTE_PATH_EXACT },
    { "rules_first", R, IMAGE_SECTION_PATHS, 1, FIELD(image_path, rules_first), 99 },
    { "rules_len", R, IMAGE_SECTION_PATHS, 1, FIELD(image_path, rules_len), UINT32_MAX },
    { "path slot out of bounds", R, IMAGE_SECTION_PATH_SLOTS, 0, 0, 4, 5 },
    { "rule namespace", R, IMAGE_SECTION_RULES, 1, STR(image_rule, namespace) },
    { "rule ingress", R, IMAGE_SECTION_RULES, 1, STR(image_rule, ingress) },
    { "rule path", R, IMAGE_SECTION_RULES, 1, STR(image_rule, path) },
    { "predicates_first", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, predicates_first), 2 },
    { "predicates_len", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, predicates_len), 3 },
    { "filters_first", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, filters_first), 9 },
    { "filters_len", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, filters_len), UINT32_MAX },
    { "backends_first", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, backends_first), 99 },
    { "backends_len", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, backends_len), UINT32_MAX },
    { "policy", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, policy), 2 },
    { "rule origin", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, origin), 999 },
    { "weight_total", R, IMAGE_SECTION_RULES, 1, FIELD(image_rule, weight_total), 101 },
    { "predicate kind", R, IMAGE_SECTION_PREDICATES, 0, FIELD(image_predicate, kind), 2 },
    { "predicate name", R, IMAGE_SECTION_PREDICATES, 1, STR(image_predicate, name) },
    { "predicate value", R, IMAGE_SECTION_PREDICATES, 1, STR(image_predicate, value) },
    { "filter kind", R, IMAGE_SECTION_FILTERS, 0, FIELD(image_filter, kind), 2 },
    { "filter status", R, IMAGE_SECTION_FILTERS, 0, FIELD(image_filter, status), 100 },
    { "filter flags", R, IMAGE_SECTION_FILTERS, 0, FIELD(image_filter, flags), 2 },
    { "backend service", R, IMAGE_SECTION_BACKENDS, 0, FIELD(image_backend, service), 99 },
    { "backend weight", R, IMAGE_SECTION_BACKENDS, 0, FIELD(image_backend, weight), UINT32_MAX },
    { "service namespace", R, IMAGE_SECTION_SERVICES, 0, STR(image_service, namespace) },
    { "service name", R, IMAGE_SECTION_SERVICES, 0, STR(image_service, name) },
    { "service port", R, IMAGE_SECTION_SERVICES, 0, STR(image_service, port) },
    { "service upstream", R, IMAGE_SECTION_SERVICES, 0, STR(image_service, upstream_name) },
    { "protocol", R, IMAGE_SECTION_SERVICES, 0, FIELD(image_service, protocol), 9 },
    { "no protocol", R, IMAGE_SECTION_SERVICES, 0, FIELD(image_service, protocol), 0 },
    { "transport", R, IMAGE_SECTION_SERVICES, 0, FIELD(image_service, transport), 2 },
    { "balance", R, IMAGE_SECTION_SERVICES, 0, FIELD(image_service, balance), 9 },
    { "service origin", R, IMAGE_SECTION_SERVICES, 0, FIELD(image_service, origin), 999 },
    { "retry_on", R, IMAGE_SECTION_POLICIES, 0, FIELD(image_policy, retry_on), 8 },
    { "policy protocol", R, IMAGE_SECTION_POLICIES, 0, FIELD(image_policy, protocol), 9 },
    { "policy tls", R, IMAGE_SECTION_POLICIES, 1, FIELD(image_policy, backend_tls), 1 },
    { "tls certificate", R, IMAGE_SECTION_BACKEND_TLS, 0, FIELD(image_backend_tls, certificate_id),
      56 },
    { "tls authorities", R, IMAGE_SECTION_BACKEND_TLS, 0, FIELD(image_backend_tls, authorities_id),
      67 },
    { "tls by nobody", R, IMAGE_SECTION_BACKEND_TLS, 0, FIELD(image_backend_tls, authorities_id),
      0 },
    { "tls any name", R, IMAGE_SECTION_BACKEND_TLS, 0, offsetof(struct image_backend_tls, name.len),
      4, 0 },
    { "tls name", R, IMAGE_SECTION_BACKEND_TLS, 0, STR(image_backend_tls, name) },
    { "tls ciphers", R, IMAGE_SECTION_BACKEND_TLS, 0, STR(image_backend_tls, ciphers) },
    { "tls versions", R, IMAGE_SECTION_BACKEND_TLS, 0, FIELD(image_backend_tls, versions), 4 },
    { "tls flags", R, IMAGE_SECTION_BACKEND_TLS, 0, FIELD(image_backend_tls, flags), 8 },
    { "listener transport", R, IMAGE_SECTION_LISTENERS, 1, FIELD(image_listener, transport), 2 },
    { "listener port 0", R, IMAGE_SECTION_LISTENERS, 0, FIELD(image_listener, port), 0 },
    { "listener order", R, IMAGE_SECTION_LISTENERS, 0, FIELD(image_listener, transport), 1 },
    { "listener service", R, IMAGE_SECTION_LISTENERS, 0, FIELD(image_listener, service), 99 },
    { "listener kind", R, IMAGE_SECTION_LISTENERS, 1, FIELD(image_listener, service), 0 },
    { "listener flags", R, IMAGE_SECTION_LISTENERS, 0, FIELD(image_listener, flags), 8 },
    { "listener headers", R, IMAGE_SECTION_LISTENERS, 0, FIELD(image_listener, flags), 6 },
    { "listener origin", R, IMAGE_SECTION_LISTENERS, 0, FIELD(image_listener, origin), 999 },
    { "stream log", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, stream_log_format) },
    { "ciphers", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, tls_ciphers) },
    { "groups", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, tls_groups) },
    { "dh", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, tls_dh) },
    { "hsts", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, hsts) },
    { "gzip types", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, gzip_types) },
    { "brotli types", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, brotli_types) },
    { "gzip not for", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, gzip_not_for) },
    { "gzip level", R, IMAGE_SECTION_SETTINGS, 0, FIELD(image_settings, gzip_level), 10 },
    { "no gzip level", R, IMAGE_SECTION_SETTINGS, 0, FIELD(image_settings, gzip_level), 0 },
    { "brotli level", R, IMAGE_SECTION_SETTINGS, 0, FIELD(image_settings, brotli_level), 12 },
    { "versions", R, IMAGE_SECTION_SETTINGS, 0, FIELD(image_settings, tls_versions), 4 },
    { "forwarded_for", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, forwarded_for_header) },
    { "log_format", R, IMAGE_SECTION_SETTINGS, 0, STR(image_settings, log_format) },
    { "log_escape", R, IMAGE_SECTION_SETTINGS, 0, FIELD(image_settings, log_escape), 3 },
    { "default_rule", R, IMAGE_SECTION_SETTINGS, 0, FIELD(image_settings, default_rule), 99 },
    { "default certificate", R, IMAGE_SECTION_SETTINGS, 0,
      FIELD(image_settings, default_certificate_id), 12 },
    { "trusted bits", R, IMAGE_SECTION_TRUSTED, 0, FIELD(image_block, prefix_bits), 129 },
    { "origin kind", R, IMAGE_SECTION_ORIGINS, 0, STR(image_origin, kind) },
    { "origin namespace", R, IMAGE_SECTION_ORIGINS, 0, STR(image_origin, namespace) },
    { "origin name", R, IMAGE_SECTION_ORIGINS, 0, STR(image_origin, name) },
    { "origin field", R, IMAGE_SECTION_ORIGINS, 0, STR(image_origin, field) },
    { "origin file", R, IMAGE_SECTION_ORIGINS, 0, STR(image_origin, file) },
    { "set key", E, IMAGE_SECTION_ENDPOINT_SETS, 0, FIELD(image_endpoint_set, service_key),
      UINT64_MAX },
    { "set lost", E, IMAGE_SECTION_ENDPOINT_SETS, 0, FIELD(image_endpoint_set, service_key), 0 },
    { "set first", E, IMAGE_SECTION_ENDPOINT_SETS, 0, FIELD(image_endpoint_set, endpoints_first),
      1 },
    { "set len", E, IMAGE_SECTION_ENDPOINT_SETS, 0, FIELD(image_endpoint_set, endpoints_len),
      UINT32_MAX },
    { "set len 0", E, IMAGE_SECTION_ENDPOINT_SETS, 0, FIELD(image_endpoint_set, endpoints_len), 0 },
    { "endpoint slot", E, IMAGE_SECTION_ENDPOINT_SLOTS, 0, 0, 4, 99 },
    { "endpoint kind", E, IMAGE_SECTION_ENDPOINTS, 0, FIELD(image_endpoint, kind), 2 },
    { "DNS name", E, IMAGE_SECTION_ENDPOINTS, 0, STR(image_endpoint, dns_name) },
    { "certificate id", S, IMAGE_SECTION_CERTIFICATES, 0, FIELD(image_certificate, id), 78 },
    { "certificate id 0", S, IMAGE_SECTION_CERTIFICATES, 0, FIELD(image_certificate, id), 0 },
    { "chain", S, IMAGE_SECTION_CERTIFICATES, 0, STR(image_certificate, chain_pem) },
    { "key", S, IMAGE_SECTION_CERTIFICATES, 1, STR(image_certificate, key_pem) },
    { "authorities id", S, IMAGE_SECTION_AUTHORITIES, 0, FIELD(image_authorities, id), 67 },
    { "ca", S, IMAGE_SECTION_AUTHORITIES, 0, STR(image_authorities, ca_pem) },
    { "crl", S, IMAGE_SECTION_AUTHORITIES, 1, STR(image_authorities, crl_pem) },
    { "ticket key", S, IMAGE_SECTION_TICKET_KEYS, 0, FIELD(image_ticket_key, len), 64 },
};

static void expect_refusal(struct fixture_image *image)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    const char *what = NULL;

    fixture_image_reseal(image);
    assert_int_equal(fixture_image_open(image, &view), IMAGE_OPEN_OK);
    assert_false(image_verify(view, &what));
    assert_non_null(what);
    print_message("    %s\n", what);
}

static void test_undamaged_image_verifies(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();

    image_view_unref(fixture_view(model)); /* verifies */
    route_model_free(model);
}

static void test_each_damage_is_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct fixture_image image;

        print_message("%s\n", damages[i].what);
        fixture_image_init(&image);
        char *record =
            fixture_image_record(&image, damages[i].position, damages[i].section, damages[i].index);
        memcpy(record + damages[i].at, &damages[i].value, damages[i].bytes);
        expect_refusal(&image);
        fixture_image_deinit(&image);
    }
}

/* A table that lost a record, or that has another size than its records ask for. */
static void test_each_broken_table_is_met(void **state)
{
    static const struct {
        uint32_t position;
        enum image_section section;
    } tables[] = { { R, IMAGE_SECTION_HOST_SLOTS },
                   { R, IMAGE_SECTION_PATH_SLOTS },
                   { E, IMAGE_SECTION_ENDPOINT_SLOTS } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct fixture_image image;
        fixture_image_init(&image);
        struct image_segment *segment = (void *)image.segments[tables[i].position].ptr;
        struct image_section_ref *table = &segment->sections[tables[i].section];
        uint32_t *slots = (uint32_t *)(image.segments[tables[i].position].ptr + table->offset);
        uint32_t at = 0;
        while (slots[at] == IMAGE_NONE)
            at++;
        uint32_t record = slots[at];

        slots[at] = IMAGE_NONE;
        expect_refusal(&image);
        slots[at] = record;
        slots[(at + 1) % table->count] = record; /* twice, and perhaps over another */
        expect_refusal(&image);
        table->count /= 2;
        expect_refusal(&image);
        fixture_image_deinit(&image);
    }
}

static void test_settings_are_there_once(void **state)
{
    (void)state;
    struct fixture_image image;

    fixture_image_init(&image);
    struct image_segment *segment = (void *)image.segments[R].ptr;
    segment->sections[IMAGE_SECTION_SETTINGS].count = 0;
    expect_refusal(&image);
    fixture_image_deinit(&image);
}

/* Two paths change places, in the lookup table too: each is found, but a look through them would try
 * the shorter one first. */
static void test_paths_out_of_order_are_met(void **state)
{
    (void)state;
    struct fixture_image image;
    struct image_path second;

    fixture_image_init(&image);
    struct image_segment *segment = (void *)image.segments[R].ptr;
    struct image_path *paths = fixture_image_record(&image, R, IMAGE_SECTION_PATHS, 0);
    uint32_t *slots = fixture_image_record(&image, R, IMAGE_SECTION_PATH_SLOTS, 0);
    second = paths[1];
    paths[1] = paths[2];
    paths[2] = second;
    for (uint32_t i = 0; i < segment->sections[IMAGE_SECTION_PATH_SLOTS].count; i++)
        slots[i] = slots[i] == 1 ? 2 : slots[i] == 2 ? 1 : slots[i];
    expect_refusal(&image);
    fixture_image_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged_image_verifies),
        cmocka_unit_test(test_each_damage_is_met),
        cmocka_unit_test(test_each_broken_table_is_met),
        cmocka_unit_test(test_paths_out_of_order_are_met),
        cmocka_unit_test(test_settings_are_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
