/* A model that is brought up to date, change by change, gives the very bytes that a whole compile
 * gives: over random sequences of changes to a small, crowded world. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/scope.h"
#include "image/dump.h"
#include "image/verify.h"
#include "image/writer.h"
#include "ingress/cache.h"
#include "ingress/compile.h"
#include "ingress/diagnose.h"
#include "tls/certificate.h"

enum {
    INGRESSES = 160,
    SERVICES = 12,
    SECRETS = 4,
    PAIRS = 2,
    OTHERS = 3, /* an IngressClass, the ConfigMap, that of TCP Services */
    SLOTS = INGRESSES + SERVICES * 2 + SECRETS + OTHERS,
    CROWD = 6,   /* hosts that many share */
    HOSTS = 300, /* enough for several shards */
    STEPS = 400,
    SEEDS = 4,
};

static const char *const crowd[CROWD] = {
    "", "*.wild.test", "a.wild.test", "B.wild.test", "ingress.local", "not a host",
};

struct slot {
    struct arena arena;
    struct kube_object *object; /* NULL: not there */
};

struct world {
    uint64_t random;
    struct kube_store store;
    struct slot slots[SLOTS];
    struct buf chain[PAIRS], key[PAIRS];
    struct ingress_options options;
    struct ingress_change change;
};

static uint32_t draw(struct world *world, uint32_t below)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(world->random >> 33) % below;
}

static struct kube_text text_of(struct span span)
{
    return (struct kube_text){ .text = span };
}

static struct kube_text text(struct arena *arena, const char *format, unsigned number)
{
    char written[64];

    snprintf(written, sizeof(written), "%s%u", format, number);
    return text_of(arena_dup(arena, span_from_str(written)));
}

static struct kube_text host_text(struct world *world, struct arena *arena)
{
    if (draw(world, 3) > 0)
        return text(arena, "host.test.h", draw(world, HOSTS));
    return text_of(span_from_str(crowd[draw(world, CROWD)]));
}

static struct kube_backend backend_make(struct world *world, struct arena *arena)
{
    return (struct kube_backend){ .kind = KUBE_BACKEND_SERVICE,
                                  .service = text(arena, "s", draw(world, SERVICES + 2)),
                                  .port_number = draw(world, 4) ? 80 : 81 };
}

static struct kube_rule rule_make(struct world *world, struct arena *arena, uint32_t index)
{
    static const char *const paths[] = { "/", "/a", "/a/", "/b", "/b//c", "/(.*)", "x" };
    struct kube_rule rule = { .has_http = true, .index = index, .host = host_text(world, arena) };
    struct kube_path *items = arena_new_array(arena, struct kube_path, 3);

    rule.paths = items;
    rule.paths_len = draw(world, 4);
    for (uint32_t i = 0; i < rule.paths_len; i++)
        items[i] = (struct kube_path){
            .path = text_of(span_from_str(paths[draw(world, ARRAY_LEN(paths))])),
            .type = (enum kube_path_type)draw(world, 3),
            .backend = backend_make(world, arena),
            .index = i,
        };
    return rule;
}

#define ANNOTATION(name, value)                                \
    {                                                          \
        { { "nginx.ingress.kubernetes.io/" name,               \
            sizeof("nginx.ingress.kubernetes.io/" name) - 1 }, \
          { 0 } },                                             \
        {                                                      \
            { value, sizeof(value) - 1 },                      \
            {                                                  \
                0                                              \
            }                                                  \
        }                                                      \
    }

/* One of them, or several in a row. */
static void annotations_fill(struct world *world, struct kube_object *object)
{
    static const struct kube_pair pairs[] = {
        ANNOTATION("proxy-read-timeout", "7"),
        ANNOTATION("canary", "true"),
        ANNOTATION("auth-url", "http://x"),
        ANNOTATION("auth-tls-secret", "ns/t0"),
        ANNOTATION("auth-tls-verify-depth", "2"),
        ANNOTATION("auth-tls-secret", "ns/t1"),
        ANNOTATION("auth-tls-verify-client", "optional"),
        ANNOTATION("backend-protocol", "HTTPS"),
        ANNOTATION("proxy-ssl-secret", "ns/t2"),
        ANNOTATION("proxy-ssl-name", "b.test"),
        ANNOTATION("proxy-ssl-verify", "on"),
        ANNOTATION("ssl-ciphers", "HIGH"),
        ANNOTATION("ssl-passthrough", "true"),
        ANNOTATION("ssl-prefer-server-ciphers", "false"),
    };
    uint32_t first = draw(world, ARRAY_LEN(pairs));

    object->annotations =
        (struct kube_pairs){ &pairs[first], 1 + draw(world, ARRAY_LEN(pairs) - first) };
}

static void tls_make(struct world *world, struct arena *arena, uint32_t index,
                     struct kube_tls *ret_tls)
{
    struct kube_text *host = arena_new(arena, struct kube_text);

    *host = text_of(SPAN("ingress.local"));
    *ret_tls = (struct kube_tls){ .secret_name = text(arena, "t", draw(world, SECRETS + 1)),
                                  .hosts = host,
                                  .hosts_len = draw(world, 2),
                                  .index = index };
}

static void ingress_fill(struct world *world, struct arena *arena, struct kube_object *object)
{
    struct kube_ingress *ingress = &object->ingress;
    struct kube_rule *rules = arena_new_array(arena, struct kube_rule, 3);
    struct kube_tls *tls = arena_new_array(arena, struct kube_tls, 2);

    object->created_s = draw(world, 3);
    ingress->class_name = text_of(draw(world, 8) ? SPAN("yett") : SPAN("other"));
    if (draw(world, 4) == 0)
        annotations_fill(world, object);
    ingress->rules = rules;
    ingress->rules_len = draw(world, 4);
    for (uint32_t i = 0; i < ingress->rules_len; i++)
        rules[i] = rule_make(world, arena, i);
    if (draw(world, 5) == 0)
        ingress->default_backend = backend_make(world, arena);
    if (draw(world, 3) == 0) {
        ingress->tls = tls;
        ingress->tls_len = 1 + draw(world, 2);
        for (uint32_t i = 0; i < ingress->tls_len; i++)
            tls_make(world, arena, i, &tls[i]);
    }
}

static void service_fill(struct world *world, struct arena *arena, struct kube_object *object)
{
    struct kube_service_port *port = arena_new(arena, struct kube_service_port);

    *port = (struct kube_service_port){ .port = draw(world, 5) ? 80 : 81 };
    if (draw(world, 4) == 0)
        port->app_protocol = text_of(draw(world, 2) ? SPAN("kubernetes.io/h2c") : SPAN("https"));
    object->service.ports = port;
    object->service.ports_len = 1;
    object->pos.line = draw(world, 3);
    if (draw(world, 6) == 0) {
        object->service.type = KUBE_SERVICE_EXTERNAL_NAME;
        object->service.external_name = text_of(SPAN("outside.test"));
    }
}

static void slice_fill(struct world *world, struct arena *arena, struct kube_object *object,
                       uint32_t number)
{
    struct kube_endpoint_slice *slice = &object->endpoint_slice;
    struct kube_slice_port *port = arena_new(arena, struct kube_slice_port);
    struct kube_endpoint *endpoints = arena_new_array(arena, struct kube_endpoint, 3);
    struct kube_text *addresses = arena_new_array(arena, struct kube_text, 3);

    slice->service_name = text(arena, "s", number);
    port->port = 8080;
    slice->ports = port;
    slice->ports_len = 1;
    slice->endpoints = endpoints;
    slice->endpoints_len = draw(world, 4);
    for (uint32_t i = 0; i < slice->endpoints_len; i++) {
        addresses[i] = text(arena, "10.0.0.", draw(world, 200));
        endpoints[i] = (struct kube_endpoint){ .addresses = &addresses[i],
                                               .addresses_len = 1,
                                               .ready = draw(world, 4) > 0 };
    }
}

static void secret_fill(struct world *world, struct arena *arena, struct kube_object *object)
{
    struct kube_pair *pairs = arena_new_array(arena, struct kube_pair, 3);
    uint32_t pair = draw(world, PAIRS);
    struct span ca = buf_span(&world->chain[draw(world, PAIRS)]);

    pairs[0] =
        (struct kube_pair){ text_of(SPAN("tls.crt")), text_of(buf_span(&world->chain[pair])) };
    pairs[1] = (struct kube_pair){ text_of(SPAN("tls.key")), text_of(buf_span(&world->key[pair])) };
    pairs[2] = (struct kube_pair){ text_of(SPAN("ca.crt")), text_of(ca) };
    object->secret.entries = (struct kube_pairs){ pairs, 3 - draw(world, 3) };
}

static void other_fill(struct world *world, struct arena *arena, struct kube_object *object,
                       uint32_t number)
{
    struct kube_pair *pair = arena_new(arena, struct kube_pair);

    if (number == 0) {
        object->kind = KUBE_INGRESS_CLASS;
        object->namespace = SPAN_EMPTY;
        object->name = SPAN("yett");
        object->ingress_class.controller = text_of(SPAN("yett.dev/ingress-controller"));
        return;
    }
    if (number == 1)
        *pair = (struct kube_pair){ text_of(SPAN("proxy-body-size")),
                                    text(arena, "", 1 + draw(world, 3)) };
    else
        *pair = (struct kube_pair){ text(arena, "90", draw(world, 10)), text_of(SPAN("ns/s1:80")) };
    object->kind = KUBE_CONFIG_MAP;
    object->name = number == 1 ? SPAN("config") : SPAN("tcp");
    object->config_map.entries = (struct kube_pairs){ pair, 1 };
}

static struct kube_object *object_make(struct world *world, struct arena *arena, uint32_t number)
{
    struct kube_object *object = arena_new(arena, struct kube_object);

    object->file = SPAN("test.yaml");
    object->namespace = SPAN("ns");
    object->pos.line = number;
    if (number < INGRESSES) {
        object->kind = KUBE_INGRESS;
        object->name = text(arena, "i", number).text;
        ingress_fill(world, arena, object);
        return object;
    }
    number -= INGRESSES;
    if (number < SERVICES * 2) {
        object->kind = number < SERVICES ? KUBE_SERVICE : KUBE_ENDPOINT_SLICE;
        object->name = text(arena, "s", number % SERVICES).text;
        if (number < SERVICES)
            service_fill(world, arena, object);
        else
            slice_fill(world, arena, object, number % SERVICES);
        return object;
    }
    number -= SERVICES * 2;
    if (number < SECRETS) {
        object->kind = KUBE_SECRET;
        object->name = text(arena, "t", number).text;
        secret_fill(world, arena, object);
        return object;
    }
    other_fill(world, arena, object, number - SECRETS);
    return object;
}

static void slot_clear(struct world *world, struct slot *slot)
{
    if (slot->object) {
        ingress_change_add(&world->change, slot->object);
        kube_store_remove(&world->store, slot->object);
    }
    slot->object = NULL;
    arena_deinit(&slot->arena);
}

static void slot_fill(struct world *world, uint32_t number)
{
    struct slot *slot = &world->slots[number];

    slot_clear(world, slot);
    slot->object = object_make(world, &slot->arena, number);
    assert_null(kube_store_put(&world->store, slot->object));
    ingress_change_add(&world->change, slot->object);
}

static void world_init(struct world *world, uint64_t seed)
{
    *world = (struct world){ .random = seed, .options = ingress_options_default() };
    kube_store_init(&world->store);
    ingress_change_init(&world->change);
    for (size_t i = 0; i < PAIRS; i++)
        assert_int_equal(tls_pair_generate(&world->chain[i], &world->key[i]), 0);
    world->options.cache = ingress_cache_new();
    world->options.config_map = (struct ingress_object_name){ SPAN("ns"), SPAN("config") };
    world->options.tcp_services = (struct ingress_object_name){ SPAN("ns"), SPAN("tcp") };
    world->options.allows_passthrough = true;
    world->options.default_backend = (struct ingress_object_name){ SPAN("ns"), SPAN("s0") };
    for (uint32_t i = 0; i < SLOTS; i++) {
        arena_init(&world->slots[i].arena, 1024);
        slot_fill(world, i);
    }
}

static void world_deinit(struct world *world)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        slot_clear(world, &world->slots[i]);
    ingress_change_deinit(&world->change);
    kube_store_deinit(&world->store);
    for (size_t i = 0; i < PAIRS; i++) {
        buf_deinit(&world->chain[i]);
        buf_deinit(&world->key[i]);
    }
    world->options.cache = ingress_cache_free(world->options.cache);
}

static void step(struct world *world)
{
    uint32_t changes = 1 + draw(world, 4);

    ingress_change_deinit(&world->change);
    ingress_change_init(&world->change);
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t number = draw(world, draw(world, 8) ? SLOTS - OTHERS : SLOTS);
        if (draw(world, 3))
            slot_fill(world, number);
        else
            slot_clear(world, &world->slots[number]);
    }
}

static struct route_model *compile(struct world *world)
{
    SCOPED(diag_list_deinit) struct diag_list diags;

    diag_list_init(&diags);
    return ingress_compile(&world->store, &world->options, &diags);
}

/* The way of the controller: short where it can be. Returns whether it was. */
static bool follow(struct world *world, struct image_writer *writer, struct route_model **model,
                   struct image_bytes *ret_bytes)
{
    struct route_changes changes;

    route_changes_init(&changes);
    bool is_short =
        ingress_recompile(&world->store, &world->options, &world->change, *model, &changes);
    if (is_short) {
        assert_int_equal(image_write_changes(writer, *model, &changes, ret_bytes), 0);
    } else {
        route_model_free(*model);
        *model = compile(world);
        assert_int_equal(image_write(writer, *model, ret_bytes), 0);
    }
    route_changes_deinit(&changes);
    return is_short;
}

/* Who is told what is told once may be another where not all are compiled at once. */
static bool is_told_once(enum diag_code code)
{
    return code == DIAG_SERVICE_NO_ENDPOINTS || code == DIAG_TLS_SECRET_INVALID ||
           code == DIAG_TLS_CERTIFICATE_EXPIRED || code == DIAG_TLS_CERTIFICATE_EXPIRES ||
           code == DIAG_SERVICE_PORT_MISSING;
}

static int line_cmp(const void *a, const void *b)
{
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static void diags_text(const struct diag_list *diags, struct arena *arena, struct buf *text)
{
    VEC(struct span) lines = { 0 };

    vec_for_each (diag, &diags->diags) {
        bool is_once = is_told_once(diag->code);
        struct span line =
            arena_printf(arena, "%s " SPAN_FMT " " SPAN_FMT ": " SPAN_FMT "\n",
                         diag_code_name(diag->code), SPAN_ARG(is_once ? SPAN("-") : diag->name),
                         SPAN_ARG(is_once ? SPAN("-") : diag->field), SPAN_ARG(diag->message));
        vec_push(&lines, line);
    }
    if (lines.len)
        qsort(lines.items, lines.len, sizeof(lines.items[0]), line_cmp);
    vec_for_each (line, &lines)
        buf_append(text, *line);
    vec_deinit(&lines);
}

/* Few Ingresses at a time are told what all of them are told. */
static void assert_diagnosed(struct world *world, const struct route_model *model)
{
    SCOPED(diag_list_deinit) struct diag_list at_once, by_steps;
    struct buf texts[2] = { 0 };
    struct arena arena;

    arena_init(&arena, 64 << 10);
    diag_list_init(&at_once);
    diag_list_init(&by_steps);
    route_model_free(ingress_compile(&world->store, &world->options, &at_once));
    struct ingress_diagnosis *diagnosis =
        ingress_diagnosis_new(&world->store, &world->options, &by_steps);
    while (ingress_diagnosis_step(diagnosis, &world->store, &world->options, model, &by_steps))
        ;
    ingress_diagnosis_free(diagnosis);
    diags_text(&by_steps, &arena, &texts[0]);
    diags_text(&at_once, &arena, &texts[1]);
    struct span said = buf_span(&texts[0]), wanted = buf_span(&texts[1]);
    if (!span_eq(said, wanted)) {
        size_t at = 0;
        while (at < said.len && at < wanted.len && said.ptr[at] == wanted.ptr[at])
            at++;
        fail_msg("by steps: " SPAN_FMT "\nat once: " SPAN_FMT,
                 SPAN_ARG(span_upto(span_from(said, at), 300)),
                 SPAN_ARG(span_upto(span_from(wanted, at), 300)));
    }
    buf_deinit(&texts[0]);
    buf_deinit(&texts[1]);
    arena_deinit(&arena);
}

static struct image_view *view_of(const struct image_bytes *bytes)
{
    struct image_view *view = NULL;

    assert_int_equal(
        image_view_open_bytes(bytes->root, bytes->segments, bytes->segments_len, &view), 0);
    return view;
}

static void difference_show(const struct image_bytes *a, const struct image_bytes *b,
                            uint32_t segment)
{
    const struct image_bytes *both[] = { a, b };
    struct buf dumps[2] = { 0 };
    size_t at = 0;

    for (size_t i = 0; i < 2; i++) {
        struct image_view *view = view_of(both[i]);
        image_dump(view, &dumps[i]);
        image_view_unref(view);
    }
    while (at < dumps[0].len && at < dumps[1].len && dumps[0].ptr[at] == dumps[1].ptr[at])
        at++;
    at = at > 200 ? at - 200 : 0;
    fail_msg("segment %u differs, the short way: " SPAN_FMT "\nthe long way: " SPAN_FMT, segment,
             SPAN_ARG(span_upto(span_from(buf_span(&dumps[0]), at), 500)),
             SPAN_ARG(span_upto(span_from(buf_span(&dumps[1]), at), 500)));
}

static void assert_same(const struct image_bytes *a, const struct image_bytes *b)
{
    const char *what = "";

    assert_int_equal(a->segments_len, b->segments_len);
    for (uint32_t i = 0; i < a->segments_len; i++) {
        if (!span_eq(a->segments[i], b->segments[i]))
            difference_show(a, b, i);
    }
    assert_true(span_eq(a->root, b->root));
    struct image_view *view = view_of(a);
    if (!image_verify(view, &what))
        fail_msg("the image does not verify: %s", what);
    image_view_unref(view);
}

static void test_short_way_gives_the_bytes_of_the_long_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct image_writer *followed = image_writer_new(), *whole = image_writer_new();
        struct image_bytes short_bytes, long_bytes;
        size_t shorts = 0;
        struct world world;

        world_init(&world, seed);
        struct route_model *model = compile(&world);
        assert_int_equal(image_write(followed, model, &short_bytes), 0);
        struct route_model *fresh = compile(&world);
        assert_int_equal(image_write(whole, fresh, &long_bytes), 0);
        route_model_free(fresh);
        for (uint32_t i = 0; i < STEPS; i++) {
            step(&world);
            shorts += follow(&world, followed, &model, &short_bytes);
            fresh = compile(&world);
            assert_int_equal(image_write(whole, fresh, &long_bytes), 0);
            route_model_free(fresh);
            print_message("seed %u step %u\n", (unsigned)seed, i);
            assert_same(&short_bytes, &long_bytes);
            if (i % 16 == 0)
                assert_diagnosed(&world, model);
        }
        assert_in_range(shorts, STEPS / 2, STEPS - 1);
        route_model_free(model);
        image_writer_free(followed);
        image_writer_free(whole);
        world_deinit(&world);
    }
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2(); /* zeros, where a sanitizer has the heap */

    return info.uordblks + info.hblkhd;
}

static void ingresses_change(struct world *world, struct route_model *model, int times)
{
    for (int i = 0; i < times; i++) {
        struct route_changes changes;

        ingress_change_deinit(&world->change);
        ingress_change_init(&world->change);
        slot_fill(world, (uint32_t)i % 8);
        route_changes_init(&changes);
        assert_true(
            ingress_recompile(&world->store, &world->options, &world->change, model, &changes));
        route_changes_deinit(&changes);
    }
}

static void test_a_model_does_not_grow_with_changes(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 1);
    struct route_model *model = compile(&world);
    ingresses_change(&world, model, 200);
    size_t before = heap_bytes();
    ingresses_change(&world, model, 1500);
    assert_true(heap_bytes() < before + (1 << 20)); /* a change makes some kilobytes */
    route_model_free(model);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_way_gives_the_bytes_of_the_long_one),
        cmocka_unit_test(test_a_model_does_not_grow_with_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
