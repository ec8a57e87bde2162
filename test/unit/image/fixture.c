#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "image/verify.h"

static const struct route_policy *policy_default(struct route_model *model)
{
    struct route_policy *policy = arena_new(&model->arena, struct route_policy);

    *policy = route_policy_default();
    return policy;
}

struct route_service *fixture_service(struct route_model *model, const char *name)
{
    size_t before = model->services.len;
    struct route_service *service =
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("ns"), span_from_str(name), SPAN("80"));

    if (model->services.len > before)
        fixture_endpoints_set(model, service, 0, 1);
    return service;
}

void fixture_endpoints_set(struct route_model *model, struct route_service *service, uint8_t tag,
                           size_t endpoints)
{
    service->endpoints = arena_new_array(&model->arena, struct route_endpoint, endpoints);
    service->endpoints_len = endpoints;
    for (size_t i = 0; i < endpoints; i++) {
        struct route_endpoint *endpoint = &service->endpoints[i];
        endpoint->kind = ROUTE_ENDPOINT_IP;
        endpoint->ip =
            (struct ip_addr){ { [10] = 0xFF, 0xFF, 10, tag, (uint8_t)(i >> 8), (uint8_t)i } };
        endpoint->port = 8080;
        endpoint->dns_name = SPAN_EMPTY;
        endpoint->id = route_endpoint_id(endpoint);
    }
}

struct route_rule *fixture_rule(struct route_model *model, const char *host,
                                enum route_path_kind kind, const char *path, const char *service)
{
    struct route_host *at = route_host_get(model, span_from_str(host));
    struct route_path *to = route_path_get(model, at, kind, span_from_str(path));
    struct route_rule *rule = route_rule_new(model);

    rule->namespace = SPAN("ns");
    rule->ingress = SPAN("ing");
    rule->path = arena_printf(&model->arena, "%s%s", host, path);
    rule->policy = policy_default(model);
    rule->backends = arena_new_array(&model->arena, struct route_backend, 1);
    rule->backends[0] = (struct route_backend){ fixture_service(model, service), 1 };
    rule->backends_len = 1;
    rule->origin = (struct route_origin){ .kind = SPAN("Ingress"),
                                          .namespace = SPAN("ns"),
                                          .name = SPAN("ing"),
                                          .file = SPAN("a.yaml"),
                                          .line = 3 };
    rule->metric_id = route_metric_id(rule, SPAN("example.com"), rule->backends[0].service);
    vec_push(&to->rules, rule);
    return rule;
}

const struct route_certificate *fixture_certificate(struct route_model *model, uint64_t id)
{
    struct route_certificate *certificate = arena_new(&model->arena, struct route_certificate);

    certificate->id = id;
    certificate->chain_pem = arena_printf(&model->arena, "chain-%u", (unsigned)id);
    certificate->key_pem = arena_printf(&model->arena, "key-%u", (unsigned)id);
    vec_push(&model->certificates, certificate);
    return certificate;
}

const struct route_authorities *fixture_authorities(struct route_model *model, uint64_t id)
{
    struct route_authorities *authorities = arena_new(&model->arena, struct route_authorities);

    authorities->id = id;
    authorities->ca_pem = arena_printf(&model->arena, "ca-%u", (unsigned)id);
    authorities->crl_pem = SPAN("crl");
    vec_push(&model->authorities, authorities);
    return authorities;
}

/* TLS on both sides of the rule, as rich as it gets. */
static void tls_enrich(struct route_model *model, struct route_host *host, struct route_rule *rule)
{
    struct route_policy *policy = arena_new(&model->arena, struct route_policy);
    struct route_backend_tls *tls = arena_new(&model->arena, struct route_backend_tls);
    struct route_client_auth *auth = arena_new(&model->arena, struct route_client_auth);

    *tls = (struct route_backend_tls){ .certificate = fixture_certificate(model, 55),
                                       .authorities = fixture_authorities(model, 66),
                                       .name = SPAN("backend.internal"),
                                       .ciphers = SPAN("DEFAULT"),
                                       .versions = ROUTE_TLS_1_2,
                                       .depth = 2,
                                       .verifies = true,
                                       .sends_name = true };
    *policy = route_policy_default();
    policy->protocol = ROUTE_PROTOCOL_HTTPS;
    policy->backend_tls = tls;
    rule->policy = policy;
    *auth = (struct route_client_auth){ .mode = ROUTE_CLIENT_AUTH_ON,
                                        .depth = 3,
                                        .authorities = fixture_authorities(model, 22),
                                        .error_page = SPAN("https://error.example.com/"),
                                        .match_cn = SPAN("CN=ops"),
                                        .passes_certificate = true };
    host->client_auth = auth;
    host->other_certificate = fixture_certificate(model, 88);
    host->tls_ciphers = SPAN("HIGH");
    host->cipher_choice = ROUTE_CIPHERS_OF_CLIENT;
}

static void listeners_enrich(struct route_model *model)
{
    struct route_listener *tcp = route_listener_new(model), *udp = route_listener_new(model);

    *tcp = (struct route_listener){
        .transport = ROUTE_TRANSPORT_TCP, .port = 5432, .accepts_proxy = true, .proxy_version = 1
    };
    *udp = (struct route_listener){ .transport = ROUTE_TRANSPORT_UDP, .port = 53 };
    route_listener_set_service(tcp, route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("ns"),
                                                      SPAN("database"), SPAN("5432")));
    route_listener_set_service(
        udp, route_service_get(model, ROUTE_TRANSPORT_UDP, SPAN("ns"), SPAN("names"), SPAN("53")));
}

static void rule_enrich(struct route_model *model, struct route_rule *rule)
{
    static struct route_predicate predicates[] = {
        { ROUTE_PREDICATE_METHOD, { "", 0 }, { "GET", 3 } },
        { ROUTE_PREDICATE_HEADER, { "x-canary", 8 }, { "always", 6 } },
    };
    static struct route_filter filters[] = {
        { ROUTE_FILTER_HTTPS_REDIRECT, 308, true },
        { ROUTE_FILTER_RESPOND, 503, false },
    };
    struct route_backend *backends = arena_new_array(&model->arena, struct route_backend, 2);

    rule->predicates = predicates;
    rule->predicates_len = ARRAY_LEN(predicates);
    rule->filters = filters;
    rule->filters_len = ARRAY_LEN(filters);
    backends[0] = (struct route_backend){ fixture_service(model, "canary"), 30 };
    backends[1] = (struct route_backend){ fixture_service(model, "main"), 70 };
    rule->backends = backends;
    rule->backends_len = 2;
}

static void endpoints_dns(struct route_model *model, struct route_service *service)
{
    struct route_endpoint *endpoint = arena_new(&model->arena, struct route_endpoint);

    endpoint->kind = ROUTE_ENDPOINT_DNS;
    endpoint->dns_name = SPAN("backend.example.net");
    endpoint->port = 443;
    endpoint->id = route_endpoint_id(endpoint);
    service->endpoints = endpoint;
    service->endpoints_len = 1;
}

struct route_model *fixture_model_rich(void)
{
    struct route_model *model = route_model_new();

    rule_enrich(model, fixture_rule(model, "a.example.com", ROUTE_PATH_PREFIX, "/canary", "main"));
    fixture_rule(model, "a.example.com", ROUTE_PATH_PREFIX, "/canary", "main");
    fixture_rule(model, "a.example.com", ROUTE_PATH_EXACT, "/exact", "main");
    fixture_rule(model, "a.example.com", ROUTE_PATH_PREFIX, "", "main");
    fixture_rule(model, "*.example.com", ROUTE_PATH_PREFIX, "/deep/er/path", "wild");
    fixture_rule(model, "", ROUTE_PATH_PREFIX, "/any", "any");
    endpoints_dns(model, fixture_service(model, "wild"));
    fixture_endpoints_set(model, fixture_service(model, "main"), 1, 3);
    fixture_endpoints_set(model, fixture_service(model, "any"), 1, 0);
    route_host_get(model, SPAN("a.example.com"))->certificate = fixture_certificate(model, 77);
    route_host_get(model, SPAN("a.example.com"))->has_tls = true;
    struct route_host *host = route_host_get(model, SPAN("*.example.com"));
    tls_enrich(model, host, host->paths.items[0]->rules.items[0]);
    route_host_set_passthrough(model, route_host_get(model, SPAN("a.example.com")),
                               fixture_service(model, "main"));
    listeners_enrich(model);
    model->ticket_keys[0] = (struct route_ticket_key){ .bytes = "key-of-tickets", .len = 80 };
    model->ticket_keys_len = 1;
    model->default_certificate = fixture_certificate(model, 11);
    model->default_rule = route_rule_new(model);
    model->default_rule->policy = policy_default(model);
    return model;
}

struct route_model *fixture_model_large(uint32_t hosts)
{
    struct route_model *model = route_model_new();
    static const char *const paths[] = { "", "/api", "/api/v1", "/static" };

    for (uint32_t i = 0; i < hosts; i++) {
        const char *host = arena_printf(&model->arena, "host-%u.example.com", i).ptr;
        const char *service = arena_printf(&model->arena, "service-%u", i).ptr;
        for (size_t at = 0; at < ARRAY_LEN(paths); at++)
            fixture_rule(model, host, ROUTE_PATH_PREFIX, paths[at], service);
    }
    return model;
}

struct image_view *fixture_view_of(const struct image_bytes *bytes)
{
    struct image_view *view = NULL;
    const char *what = "";

    int r = image_view_open_bytes(bytes->root, bytes->segments, bytes->segments_len, &view);
    assert_int_equal(r, IMAGE_OPEN_OK);
    if (!image_verify(view, &what))
        fail_msg("the image does not verify: %s", what);
    return view;
}

struct image_view *fixture_view(const struct route_model *model)
{
    struct image_writer *writer = image_writer_new();
    struct image_bytes bytes;

    assert_int_equal(image_write(writer, model, &bytes), IMAGE_WRITE_OK);
    struct image_view *view = fixture_view_of(&bytes);
    image_writer_free(writer);
    return view;
}

void fixture_image_init(struct fixture_image *image)
{
    struct route_model *model = fixture_model_rich();
    struct image_writer *writer = image_writer_new();
    struct image_bytes bytes;

    *image = (struct fixture_image){ 0 };
    assert_int_equal(image_write(writer, model, &bytes), IMAGE_WRITE_OK);
    memcpy(&image->root, bytes.root.ptr, bytes.root.len);
    for (uint32_t i = 0; i < bytes.segments_len; i++)
        buf_append(&image->segments[i], bytes.segments[i]);
    image_writer_free(writer);
    route_model_free(model);
}

void fixture_image_deinit(struct fixture_image *image)
{
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX; i++)
        buf_deinit(&image->segments[i]);
}

void fixture_image_reseal(struct fixture_image *image)
{
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX && image->segments[i].ptr; i++)
        image->root.refs[i].checksum = hash_block(buf_span(&image->segments[i]));
    if (image->root.root.segments_len <= IMAGE_SEGMENTS_MAX)
        image->root.root.checksum = image_root_checksum(&image->root);
}

int fixture_image_open(const struct fixture_image *image, struct image_view **ret_view)
{
    enum { SEGMENTS = 3 };
    struct span root = span_of((const char *)&image->root, image_root_bytes(SEGMENTS));
    struct span segments[SEGMENTS];

    for (uint32_t i = 0; i < SEGMENTS; i++)
        segments[i] = buf_span(&image->segments[i]);
    return image_view_open_bytes(root, segments, SEGMENTS, ret_view);
}

void *fixture_image_record(struct fixture_image *image, uint32_t position,
                           enum image_section section, uint32_t index)
{
    char *bytes = image->segments[position].ptr;
    const struct image_segment *segment = (const void *)bytes;

    assert_true(index < segment->sections[section].count);
    return bytes + segment->sections[section].offset + index * image_section_record_bytes(section);
}
