#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "fixture.h"
#include "image/match.h"
#include "image/segment.h"

static struct image_bytes write_all(struct image_writer *writer, const struct route_model *model)
{
    struct image_bytes bytes;

    assert_int_equal(image_write(writer, model, &bytes), IMAGE_WRITE_OK);
    image_view_unref(fixture_view_of(&bytes));
    return bytes;
}

static uint64_t generation_of(const struct image_bytes *bytes, uint32_t position)
{
    struct image_root_block block;

    assert_int_equal(image_root_read(bytes->root, &block), IMAGE_OPEN_OK);
    return block.refs[position].generation;
}

static uint32_t news(const struct image_bytes *bytes)
{
    uint32_t len = 0;

    for (uint32_t i = 0; i < bytes->segments_len; i++)
        len += bytes->is_new[i];
    return len;
}

static void test_every_fact_survives(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    const struct image_host *host = image_host_find(view, SPAN("a.example.com"), NULL);
    const struct image_path *path = image_path_get(view, host->paths_first + 1);
    const struct image_rule *rule = image_rule_get(view, path->rules_first);
    const struct image_policy *policy = image_policy_get(view, rule->policy);
    const struct image_filter *filter = image_filter_get(view, rule->filters_first);
    const struct image_origin *origin = image_origin_get(view, rule->origin);
    const struct image_settings *settings = image_settings_get(view);

    assert_int_equal(host->certificate_id, 77);
    assert_int_equal(host->flags, IMAGE_HOST_TLS | IMAGE_HOST_HAS_EXACT);
    assert_int_equal(host->prefix_depth_max, 1);
    assert_int_equal(host->paths_len, 3);
    assert_int_equal(path->rules_len, 2);
    assert_int_equal(rule->predicates_len, 2);
    assert_int_equal(rule->filters_len, 2);
    assert_int_equal(rule->backends_len, 2);
    assert_int_equal(rule->weight_total, 100);
    assert_true(rule->metric_id != 0);
    assert_int_equal(filter->kind, ROUTE_FILTER_HTTPS_REDIRECT);
    assert_int_equal(filter->status, 308);
    assert_int_equal(filter->flags, IMAGE_FILTER_KEEP_TRAILING_SLASH);
    assert_int_equal(policy->read_timeout_ms, 60000);
    assert_int_equal(policy->body_bytes_max, 1 << 20);
    assert_int_equal(view->routes[0].count[IMAGE_SECTION_POLICIES], 2); /* equal ones lie once */
    assert_true(span_eq(image_str_get(view, origin->file), SPAN("a.yaml")));
    assert_int_equal(origin->line, 3);
    assert_int_equal(settings->default_certificate_id, 11);
    assert_int_equal(settings->keep_alive_requests, 1000);
    assert_true(settings->flags & IMAGE_GENERATE_REQUEST_ID);
    assert_false(settings->flags & IMAGE_USE_FORWARDED_HEADERS);
    assert_true(
        span_eq(image_str_get(view, settings->forwarded_for_header), SPAN("X-Forwarded-For")));
    assert_int_equal(image_trusted_get(view, 0)->prefix_bits, 96);
    route_model_free(model);
}

static void test_endpoints_survive(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);

    struct image_endpoints found = image_endpoints_find(view, fixture_service(model, "main")->key);
    assert_int_equal(found.len, 3);
    for (uint32_t i = 0; i < found.len; i++) {
        assert_int_equal(found.items[i].id, fixture_service(model, "main")->endpoints[i].id);
        assert_int_equal(found.items[i].ip[15], i);
        assert_int_equal(found.items[i].port, 8080);
    }
    found = image_endpoints_find(view, fixture_service(model, "wild")->key);
    assert_int_equal(found.len, 1);
    assert_int_equal(found.items[0].kind, ROUTE_ENDPOINT_DNS);
    assert_true(
        span_eq(image_text(found.segment, found.items[0].dns_name), SPAN("backend.example.net")));
    assert_int_equal(image_endpoints_find(view, fixture_service(model, "any")->key).len, 0);
    assert_int_equal(image_endpoints_find(view, 0xDEAD).len, 0);
    route_model_free(model);
}

static void test_empty_model(void **state)
{
    (void)state;
    struct route_model *model = route_model_new();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    struct image_request request = { .host = SPAN("a.com"), .path = SPAN("/") };
    struct image_match match;
    uint64_t ids[2];

    assert_int_equal(image_match(view, &request, NULL, &match), IMAGE_MATCH_NONE);
    assert_null(match.host);
    assert_null(match.path);
    assert_null(match.rule);
    image_certificates_for(view, SPAN("a.com"), ids);
    assert_int_equal(ids[0], 0);
    assert_int_equal(image_endpoints_find(view, 1).len, 0);
    route_model_free(model);
}

static void test_equal_models_give_equal_bytes(void **state)
{
    (void)state;
    struct route_model *models[2] = { fixture_model_rich(), fixture_model_rich() };
    struct image_writer *writers[2] = { image_writer_new(), image_writer_new() };
    struct image_bytes bytes[2];

    for (size_t i = 0; i < 2; i++)
        bytes[i] = write_all(writers[i], models[i]);
    assert_true(span_eq(bytes[0].root, bytes[1].root));
    for (uint32_t i = 0; i < bytes[0].segments_len; i++)
        assert_true(span_eq(bytes[0].segments[i], bytes[1].segments[i]));
    for (size_t i = 0; i < 2; i++) {
        image_writer_free(writers[i]);
        route_model_free(models[i]);
    }
}

/* A second model that differs in one respect: only the segment that it concerns is new. */
static void change_nothing(struct route_model *model)
{
    (void)model;
}

static void change_route(struct route_model *model)
{
    model->settings.keep_alive_ms = 1;
}

static void change_endpoints(struct route_model *model)
{
    fixture_endpoints_set(model, fixture_service(model, "main"), 7, 1);
}

static void change_secret(struct route_model *model)
{
    fixture_certificate(model, 5);
}

static const struct {
    const char *what;
    void (*change)(struct route_model *model);
    uint32_t new_position; /* IMAGE_NONE: none */
} changes[] = {
    { "nothing", change_nothing, IMAGE_NONE },
    { "a setting", change_route, IMAGE_AT_ROUTES },
    { "endpoints", change_endpoints, IMAGE_AT_ENDPOINTS },
    { "a certificate", change_secret, IMAGE_AT_SECRETS },
};

static void test_equal_segments_keep_their_generation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct route_model *before = fixture_model_rich(), *after = fixture_model_rich();
        struct image_writer *writer = image_writer_new();

        print_message("%s\n", changes[i].what);
        struct image_bytes bytes = write_all(writer, before);
        assert_int_equal(news(&bytes), bytes.segments_len);
        changes[i].change(after);
        bytes = write_all(writer, after);
        assert_int_equal(bytes.generation, 2);
        for (uint32_t at = 0; at < bytes.segments_len; at++) {
            assert_int_equal(bytes.is_new[at], at == changes[i].new_position);
            assert_int_equal(generation_of(&bytes, at), at == changes[i].new_position ? 2 : 1);
        }
        image_writer_free(writer);
        route_model_free(before);
        route_model_free(after);
    }
}

static void test_generation_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    struct image_writer *writer = image_writer_new();

    image_writer_set_generation(writer, 41);
    struct image_bytes bytes = write_all(writer, model);
    assert_int_equal(bytes.generation, 42);
    assert_int_equal(generation_of(&bytes, 0), 42);
    image_writer_set_generation(writer, 7); /* never back */
    bytes = write_all(writer, model);
    assert_int_equal(bytes.generation, 43);
    image_writer_free(writer);
    route_model_free(model);
}

static const struct {
    uint32_t services, shards;
} steps[] = {
    { 0, 1 },   { 128, 1 }, { 129, 2 }, { 257, 4 },    { 129, 4 },   { 128, 1 },
    { 625, 8 }, { 257, 8 }, { 256, 2 }, { 20000, 64 }, { 2049, 64 }, { 10, 1 },
};

static void services_add(struct route_model *model, uint32_t services)
{
    for (uint32_t i = 0; i < services; i++)
        fixture_service(model, arena_printf(&model->arena, "s%u", i).ptr);
}

static void test_shards_grow_soon_and_shrink_late(void **state)
{
    (void)state;
    struct image_writer *writer = image_writer_new();

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct route_model *model = route_model_new();
        struct image_bytes bytes;
        print_message("%u services\n", steps[i].services);
        services_add(model, steps[i].services);
        assert_int_equal(image_write(writer, model, &bytes), IMAGE_WRITE_OK);
        assert_int_equal(bytes.segments_len, image_segments_for(steps[i].shards));
        if (i % 4 == 0)
            image_view_unref(fixture_view_of(&bytes));
        route_model_free(model);
    }
    image_writer_free(writer);
}

static void test_endpoints_rewrite_their_shards_only(void **state)
{
    (void)state;
    struct route_model *model = route_model_new();
    struct image_writer *writer = image_writer_new();
    struct image_bytes bytes;

    services_add(model, 5000);
    write_all(writer, model);
    struct route_service *changed[] = { model->services.items[17], model->services.items[4711] };
    for (size_t i = 0; i < ARRAY_LEN(changed); i++)
        fixture_endpoints_set(model, changed[i], 3, 300);
    assert_int_equal(image_write_endpoints(writer, model, changed, 2, &bytes), IMAGE_WRITE_OK);
    assert_int_equal(bytes.generation, 2);
    assert_int_equal(news(&bytes), 1 + ((changed[0]->key ^ changed[1]->key) >> 32 & 63 ? 1 : 0));

    SCOPED(image_view_unrefp) struct image_view *view = fixture_view_of(&bytes);
    vec_for_each (service, &model->services) {
        struct image_endpoints found = image_endpoints_find(view, (*service)->key);
        assert_int_equal(found.len, (*service)->endpoints_len);
        assert_int_equal(found.items[0].id, (*service)->endpoints[0].id);
    }

    /* Written whole, the same model gives the same bytes. */
    struct image_bytes whole;
    assert_int_equal(image_write(writer, model, &whole), IMAGE_WRITE_OK);
    assert_int_equal(news(&whole), 0);

    /* No service, or one whose endpoints are as they were: a root, and nothing new. */
    assert_int_equal(image_write_endpoints(writer, model, changed, 0, &bytes), IMAGE_WRITE_OK);
    assert_int_equal(news(&bytes), 0);
    assert_int_equal(image_write_endpoints(writer, model, changed, 1, &bytes), IMAGE_WRITE_OK);
    assert_int_equal(news(&bytes), 0);
    assert_int_equal(bytes.generation, 5);
    image_writer_free(writer);
    route_model_free(model);
}

static bool holds(struct span bytes, struct span needle)
{
    return memmem(bytes.ptr, bytes.len, needle.ptr, needle.len) != NULL;
}

static void test_keys_lie_in_the_secrets_only(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    struct image_writer *writer = image_writer_new();
    struct image_bytes bytes = write_all(writer, model);
    static const struct span keys[] = { SPAN("key-77"), SPAN("key-88"), SPAN("key-55"),
                                        SPAN("key-11"), SPAN("key-of-tickets") };

    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        assert_false(holds(bytes.root, keys[k]));
        for (uint32_t i = 0; i < bytes.segments_len; i++)
            assert_int_equal(holds(bytes.segments[i], keys[k]), i == IMAGE_AT_SECRETS);
    }
    image_writer_free(writer);
    route_model_free(model);
}

static void test_what_tls_says_survives(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    const struct image_host *host = image_host_find(view, SPAN("b.example.com"), NULL);
    const struct image_client_auth *auth = image_client_auth_get(view, host->client_auth);
    const struct image_path *path = image_path_get(view, host->paths_first);
    const struct image_rule *rule = image_rule_get(view, path->rules_first);
    const struct image_policy *policy = image_policy_get(view, rule->policy);
    const struct image_backend_tls *tls = image_backend_tls_get(view, policy->backend_tls);
    const struct image_authorities *authorities =
        image_authorities_find(view, auth->authorities_id);

    assert_int_equal(host->other_certificate_id, 88);
    assert_int_equal(host->passthrough, IMAGE_NONE);
    assert_int_equal(auth->mode, ROUTE_CLIENT_AUTH_ON);
    assert_true(span_eq(image_secret_text(view, authorities->ca_pem), SPAN("ca-22")));
    assert_true(span_eq(image_secret_text(view, authorities->crl_pem), SPAN("crl")));
    assert_int_equal(policy->protocol, ROUTE_PROTOCOL_HTTPS);
    assert_int_equal(tls->certificate_id, 55);
    assert_int_equal(tls->authorities_id, 66);
    assert_non_null(image_authorities_find(view, 66));
    assert_null(image_authorities_find(view, 67));
    assert_int_equal(image_ticket_key_get(view, 0)->len, 80);
    route_model_free(model);
}

static void test_listeners_are_found_by_port(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    const struct image_listener *tcp = image_listener_find(view, ROUTE_TRANSPORT_TCP, 5432);
    const struct image_listener *udp = image_listener_find(view, ROUTE_TRANSPORT_UDP, 53);

    assert_int_equal(tcp->flags, IMAGE_LISTENER_ACCEPT_PROXY | IMAGE_LISTENER_SEND_PROXY_V1);
    assert_int_equal(image_service_get(view, udp->service)->transport, ROUTE_TRANSPORT_UDP);
    assert_null(image_listener_find(view, ROUTE_TRANSPORT_TCP, 53));
    assert_null(image_listener_find(view, ROUTE_TRANSPORT_UDP, 5432));
    route_model_free(model);
}

/* Workers look at each ClientHello only where a host asks for it. */
static void test_the_settings_follow_the_last_passthrough(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    struct image_writer *writer = image_writer_new();
    struct route_changes news;
    struct image_bytes bytes = write_all(writer, model);

    route_changes_init(&news);
    SCOPED(image_view_unrefp) struct image_view *before = fixture_view_of(&bytes);
    assert_true(image_settings_get(before)->flags & IMAGE_TLS_PASSTHROUGH);
    route_host_remove(model, route_host_get(model, SPAN("a.example.com")));
    vec_push(&news.hosts, SPAN("a.example.com"));
    news.settings = true;
    assert_int_equal(image_write_changes(writer, model, &news, &bytes), IMAGE_WRITE_OK);
    SCOPED(image_view_unrefp) struct image_view *after = fixture_view_of(&bytes);
    assert_false(image_settings_get(after)->flags & IMAGE_TLS_PASSTHROUGH);
    route_changes_deinit(&news);
    image_writer_free(writer);
    route_model_free(model);
}

/* One content under several names, as two Secrets may have it. */
static void test_equal_certificates_lie_once(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();

    fixture_certificate(model, 77);
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    assert_int_equal(view->secrets.count[IMAGE_SECTION_CERTIFICATES], 4);
    route_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fact_survives),
        cmocka_unit_test(test_endpoints_survive),
        cmocka_unit_test(test_empty_model),
        cmocka_unit_test(test_equal_models_give_equal_bytes),
        cmocka_unit_test(test_equal_segments_keep_their_generation),
        cmocka_unit_test(test_generation_goes_on_after_a_restart),
        cmocka_unit_test(test_shards_grow_soon_and_shrink_late),
        cmocka_unit_test(test_endpoints_rewrite_their_shards_only),
        cmocka_unit_test(test_keys_lie_in_the_secrets_only),
        cmocka_unit_test(test_what_tls_says_survives),
        cmocka_unit_test(test_listeners_are_found_by_port),
        cmocka_unit_test(test_the_settings_follow_the_last_passthrough),
        cmocka_unit_test(test_equal_certificates_lie_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
