#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/scope.h"
#include "fixture.h"
#include "image/match.h"

/* Hosts of the tables below: a rule's label names the host and path that it was made for. */
static struct route_model *model_new(void)
{
    static const struct {
        const char *host;
        enum route_path_kind kind;
        const char *path;
    } paths[] = {
        { "a.example.com", ROUTE_PATH_PREFIX, "/foo" },
        { "a.example.com", ROUTE_PATH_EXACT, "/bar" },
        { "a.example.com", ROUTE_PATH_EXACT, "/slash/" },
        { "a.example.com", ROUTE_PATH_PREFIX, "/foo/deep/er" },
        { "a.example.com", ROUTE_PATH_EXACT, "/foo/deep" },
        { "b.example.com", ROUTE_PATH_PREFIX, "" },
        { "b.example.com", ROUTE_PATH_EXACT, "/" },
        { "b.example.com", ROUTE_PATH_PREFIX, "/a/b" },
        { "b.example.com", ROUTE_PATH_PREFIX, "/b/a" },
        { "*.example.com", ROUTE_PATH_PREFIX, "/wild" },
        { "*.com", ROUTE_PATH_PREFIX, "" },
        { "exact.only", ROUTE_PATH_EXACT, "/x" },
        { "", ROUTE_PATH_PREFIX, "/any" },
    };
    struct route_model *model = route_model_new();

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        fixture_rule(model, paths[i].host, paths[i].kind, paths[i].path, "s");
    model->default_rule = route_rule_new(model);
    model->default_rule->path = SPAN("default");
    return model;
}

static const struct {
    const char *host, *path;
    int result;
    const char *rule; /* its label */
} requests[] = {
    { "a.example.com", "/foo", IMAGE_MATCH_OK, "a.example.com/foo" },
    { "a.example.com", "/foo/", IMAGE_MATCH_OK, "a.example.com/foo" },
    { "a.example.com", "/foo/x", IMAGE_MATCH_OK, "a.example.com/foo" },
    { "a.example.com", "/foobar", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "/FOO", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "/fo", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "/", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "*", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "/bar", IMAGE_MATCH_OK, "a.example.com/bar" },
    { "a.example.com", "/bar/", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "/slash", IMAGE_MATCH_DEFAULT, "default" },
    { "a.example.com", "/slash/", IMAGE_MATCH_OK, "a.example.com/slash/" },
    { "a.example.com", "/foo/deep", IMAGE_MATCH_OK, "a.example.com/foo/deep" },
    { "a.example.com", "/foo/deep/", IMAGE_MATCH_OK, "a.example.com/foo" },
    { "a.example.com", "/foo/deep/er", IMAGE_MATCH_OK, "a.example.com/foo/deep/er" },
    { "a.example.com", "/foo/deep/er/x/y/z", IMAGE_MATCH_OK, "a.example.com/foo/deep/er" },
    { "a.example.com", "/foo/deep/erx", IMAGE_MATCH_OK, "a.example.com/foo" },
    { "a.example.com", "/any", IMAGE_MATCH_DEFAULT, "default" },  /* never the hostless rules */
    { "a.example.com", "/wild", IMAGE_MATCH_DEFAULT, "default" }, /* nor the wildcard's */
    { "b.example.com", "/", IMAGE_MATCH_OK, "b.example.com/" },
    { "b.example.com", "/x", IMAGE_MATCH_OK, "b.example.com" },
    { "b.example.com", "/a/b/c", IMAGE_MATCH_OK, "b.example.com/a/b" },
    { "b.example.com", "/b/a", IMAGE_MATCH_OK, "b.example.com/b/a" },
    { "b.example.com", "/a/a", IMAGE_MATCH_OK, "b.example.com" },
    { "b.example.com", "//", IMAGE_MATCH_OK, "b.example.com" },
    { "b.example.com", "", IMAGE_MATCH_DEFAULT, "default" },
    { "c.example.com", "/wild", IMAGE_MATCH_OK, "*.example.com/wild" },
    { "c_-9.example.com", "/wild", IMAGE_MATCH_OK, "*.example.com/wild" },
    { "c.example.com", "/any", IMAGE_MATCH_DEFAULT, "default" },
    { "x.c.example.com", "/any", IMAGE_MATCH_OK, "/any" }, /* one label only */
    { ".example.com", "/any", IMAGE_MATCH_OK, "/any" },
    { "*.example.com", "/any", IMAGE_MATCH_OK, "/any" },
    { "c!.example.com", "/any", IMAGE_MATCH_OK, "/any" },
    { "example.com", "/any", IMAGE_MATCH_OK, "*.com" },
    { "example", "/any", IMAGE_MATCH_OK, "/any" },
    { "exact.only", "/x", IMAGE_MATCH_OK, "exact.only/x" },
    { "exact.only", "/x/", IMAGE_MATCH_DEFAULT, "default" },
    { "", "/any/x", IMAGE_MATCH_OK, "/any" },
    { "", "/other", IMAGE_MATCH_DEFAULT, "default" },
    { "10.0.0.1", "/any", IMAGE_MATCH_OK, "/any" },
};

static void test_match_by_host_and_path(void **state)
{
    (void)state;
    struct route_model *model = model_new();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct image_request request = {
            .host = span_from_str(requests[i].host),
            .path = span_from_str(requests[i].path),
            .method = SPAN("GET"),
        };
        struct image_match match;

        print_message("%s%s\n", requests[i].host, requests[i].path);
        assert_int_equal(image_match(view, &request, NULL, &match), requests[i].result);
        struct span label = image_str_get(view, match.rule->path);
        assert_true(span_eq(label, span_from_str(requests[i].rule)));
        assert_int_equal(match.path != NULL, requests[i].result == IMAGE_MATCH_OK);
    }
    route_model_free(model);
}

struct headers {
    const char *name, *value;
};

static bool header_find(const void *ctx, struct span name, struct span *ret_value)
{
    const struct headers *headers = ctx;

    if (!span_eq_nocase(name, span_from_str(headers->name)))
        return false;
    *ret_value = span_from_str(headers->value);
    return true;
}

/* /canary takes GET with x-canary: always by its first rule, all else by its second. */
static const struct {
    const char *method, *header, *value;
    bool is_first;
} conditions[] = {
    { "GET", "X-Canary", "always", true },  { "GET", "x-canary", "never", false },
    { "GET", "X-Other", "always", false },  { "POST", "x-canary", "always", false },
    { "get", "x-canary", "always", false }, { "GET", "x-canary", "Always", false },
    { "GET", "x-canary", "", false },       { "", "x-canary", "always", false },
};

static void test_first_rule_whose_predicates_hold(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);

    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        struct headers headers = { conditions[i].header, conditions[i].value };
        struct image_request request = {
            .host = SPAN("a.example.com"),
            .path = SPAN("/canary/x"),
            .method = span_from_str(conditions[i].method),
            .header_find = header_find,
            .header_ctx = &headers,
        };
        struct image_match match;
        assert_int_equal(image_match(view, &request, NULL, &match), IMAGE_MATCH_OK);
        assert_ptr_equal(match.rule, image_rule_get(view, match.path->rules_first +
                                                              (conditions[i].is_first ? 0 : 1)));
    }
    route_model_free(model);
}

/* Where no rule of a path holds, the next shorter path has its turn. */
static void test_shorter_path_where_no_rule_holds(void **state)
{
    static struct route_predicate post = { ROUTE_PREDICATE_METHOD, { "", 0 }, { "POST", 4 } };
    struct route_model *model = route_model_new();

    (void)state;
    fixture_rule(model, "h", ROUTE_PATH_PREFIX, "", "s");
    struct route_rule *guarded[] = {
        fixture_rule(model, "h", ROUTE_PATH_PREFIX, "/a/b", "s"),
        fixture_rule(model, "h", ROUTE_PATH_EXACT, "/a/b", "s"),
    };
    for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
        guarded[i]->predicates = &post;
        guarded[i]->predicates_len = 1;
    }
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    struct image_request request = { SPAN("h"), SPAN("/a/b"), SPAN("GET"), NULL, NULL };
    struct image_match match;
    assert_int_equal(image_match(view, &request, NULL, &match), IMAGE_MATCH_OK);
    assert_int_equal(match.path->path.len, 0);
    request.method = SPAN("POST");
    assert_int_equal(image_match(view, &request, NULL, &match), IMAGE_MATCH_OK);
    assert_int_equal(match.path->kind, ROUTE_PATH_EXACT);
    route_model_free(model);
}

static const struct {
    enum image_step_kind kind;
    bool matched;
    const char *subject;
} steps[] = {
    { IMAGE_STEP_HOST_EXACT, false, "c.example.com" },
    { IMAGE_STEP_HOST_WILDCARD, true, "*.example.com" },
    { IMAGE_STEP_PATH_PREFIX, false, "/deep/er/path" },
    { IMAGE_STEP_DEFAULT, true, "" },
};

static void test_trace_tells_each_step(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    struct arena arena;
    struct image_trace trace = { .arena = &arena };
    struct image_request request = { SPAN("c.example.com"), SPAN("/a/b/c/d"), SPAN("GET"), NULL,
                                     NULL };
    struct image_match match;

    arena_init(&arena, 1024);
    assert_int_equal(image_match(view, &request, &trace, &match), IMAGE_MATCH_DEFAULT);
    assert_int_equal(trace.steps.len, ARRAY_LEN(steps));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(trace.steps.items[i].kind, steps[i].kind);
        assert_int_equal(trace.steps.items[i].matched, steps[i].matched);
        assert_true(span_eq(trace.steps.items[i].subject, span_from_str(steps[i].subject)));
    }
    assert_ptr_equal(vec_last(&trace.steps)->rule, match.rule);
    vec_deinit(&trace.steps);
    arena_deinit(&arena);
    route_model_free(model);
}

/* Certificate 1 is the default; 2 is a.x's, 3 is *.x's. t.x has TLS without a certificate of its
 * own, plain.x has none, *.y is a wildcard without TLS. */
static const struct {
    const char *server_name;
    uint64_t id;
} handshakes[] = {
    { "a.x", 2 }, { "b.x", 3 }, { "plain.x", 3 }, { "t.x", 1 }, { "a.b.x", 1 },
    { "x", 1 },   { "a.y", 1 }, { "", 1 },        { "*.x", 1 }, { "z", 1 },
};

static void test_certificate_by_server_name(void **state)
{
    (void)state;
    struct route_model *model = route_model_new();

    model->default_certificate = fixture_certificate(model, 1);
    route_host_get(model, SPAN("a.x"))->certificate = fixture_certificate(model, 2);
    route_host_get(model, SPAN("a.x"))->has_tls = true;
    route_host_get(model, SPAN("*.x"))->certificate = fixture_certificate(model, 3);
    route_host_get(model, SPAN("*.x"))->has_tls = true;
    route_host_get(model, SPAN("t.x"))->has_tls = true;
    route_host_get(model, SPAN("plain.x"));
    route_host_get(model, SPAN("*.y"));
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    for (size_t i = 0; i < ARRAY_LEN(handshakes); i++) {
        uint64_t ids[2];

        print_message("%s\n", handshakes[i].server_name);
        image_certificates_for(view, span_from_str(handshakes[i].server_name), ids);
        assert_int_equal(ids[0], handshakes[i].id);
    }
    route_model_free(model);
}

static void test_backends_are_drawn_by_weight(void **state)
{
    (void)state;
    enum { DRAWS = 10000 };
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    const struct image_rule *rule = image_rule_get(view, 1); /* /canary: 30 to 70 */
    uint32_t first = 0;

    for (uint32_t i = 0; i < DRAWS; i++) {
        uint32_t draw = (uint32_t)((uint64_t)i * UINT32_MAX / (DRAWS - 1));
        const struct image_backend *backend = image_backend_choose(view, rule, draw);
        first += backend == image_backend_get(view, rule->backends_first);
    }
    assert_in_range(first, DRAWS * 30 / 100 - 1, DRAWS * 30 / 100 + 1);
    const struct image_rule *none = image_rule_get(view, image_settings_get(view)->default_rule);
    assert_null(image_backend_choose(view, none, 0));
    route_model_free(model);
}

/* Deeper than any array that a look-up might keep on its stack. */
static void test_very_deep_prefixes(void **state)
{
    enum { DEPTH = 5000 };
    struct route_model *model = route_model_new();
    struct buf path = { 0 };

    (void)state;
    fixture_rule(model, "h", ROUTE_PATH_PREFIX, "/a", "s");
    for (uint32_t i = 0; i < DEPTH; i++)
        buf_append(&path, SPAN("/a"));
    buf_append_byte(&path, '\0');
    fixture_rule(model, "h", ROUTE_PATH_PREFIX, path.ptr, "s");
    for (uint32_t i = 0; i < 10; i++) /* too many to be looked through */
        fixture_rule(model, "h", ROUTE_PATH_EXACT, arena_printf(&model->arena, "/%u", i).ptr, "s");
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    struct image_request request = { .host = SPAN("h") };
    struct image_match match;
    request.path = span_of(path.ptr, path.len - 1);
    assert_int_equal(image_match(view, &request, NULL, &match), IMAGE_MATCH_OK);
    assert_int_equal(match.path->path.len, 2 * DEPTH);
    request.path = span_of(path.ptr, path.len - 3);
    assert_int_equal(image_match(view, &request, NULL, &match), IMAGE_MATCH_OK);
    assert_int_equal(match.path->path.len, 2);
    buf_deinit(&path);
    route_model_free(model);
}

/* The same question answered by looking at everything. */
static bool host_takes(struct span rule, struct span host)
{
    size_t dot = span_find(host, '.');

    return dot != SPAN_NOT_FOUND && dot > 0 && rule.len > 0 && rule.ptr[0] == '*' &&
           span_eq(span_from(rule, 1), span_from(host, dot));
}

static const struct route_host *naive_host(const struct route_model *model, struct span name)
{
    const struct route_host *exact = NULL, *wildcard = NULL, *any = NULL;

    vec_for_each (host, &model->hosts) {
        if ((*host)->name.len == 0)
            any = *host;
        else if (span_eq((*host)->name, name))
            exact = *host;
        else if (host_takes((*host)->name, name))
            wildcard = *host;
    }
    if (exact)
        return exact;
    return wildcard ? wildcard : any;
}

static bool path_takes(const struct route_path *path, struct span asked)
{
    if (path->kind == ROUTE_PATH_EXACT)
        return span_eq(path->path, asked);
    return span_starts_with(asked, path->path) &&
           (asked.len == path->path.len || asked.ptr[path->path.len] == '/');
}

/* An Exact path is longer than any prefix. */
static size_t path_rank(const struct route_path *path)
{
    return path->kind == ROUTE_PATH_EXACT ? SIZE_MAX : path->path.len;
}

static const struct route_rule *naive_match(const struct route_model *model, struct span name,
                                            struct span asked)
{
    const struct route_host *host = naive_host(model, name);
    const struct route_path *best = NULL;

    if (!host)
        return NULL;
    vec_for_each (path, &host->paths) {
        if (path_takes(*path, asked) && (!best || path_rank(*path) > path_rank(best)))
            best = *path;
    }
    return best ? best->rules.items[0] : NULL;
}

/* A small generator, so that a failure comes again. */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

/* Few names and segments, so that they meet often. */
static struct span random_host(uint64_t *seed, struct arena *arena, bool is_rule)
{
    static const char *const labels[] = { "a", "b", "c-1" };
    static const char *const tails[] = { ".x", ".y.x", "", ".a.b" };
    const char *label = labels[draw(seed, 3)];

    if (draw(seed, 8) == 0)
        return SPAN_EMPTY;
    if (is_rule && draw(seed, 3) == 0)
        return arena_printf(arena, "*%s", tails[draw(seed, 2)]);
    return arena_printf(arena, "%s%s", label, tails[draw(seed, 4)]);
}

static struct span random_path(uint64_t *seed, struct arena *arena)
{
    static const char *const segments[] = { "a", "b", "ab", "c" };
    struct span path = SPAN_EMPTY;

    for (uint32_t depth = draw(seed, 5); depth > 0; depth--)
        path = arena_printf(arena, SPAN_FMT "/%s", SPAN_ARG(path), segments[draw(seed, 4)]);
    return path;
}

/* Of every second model all paths belong to one host, which then has many. */
static struct route_model *random_model(uint64_t *seed, bool is_one_host)
{
    struct route_model *model = route_model_new();

    for (uint32_t i = draw(seed, 60); i > 0; i--) {
        struct span host = is_one_host ? SPAN_EMPTY : random_host(seed, &model->arena, true);
        struct span path = random_path(seed, &model->arena);
        enum route_path_kind kind = draw(seed, 2) ? ROUTE_PATH_PREFIX : ROUTE_PATH_EXACT;
        if (kind == ROUTE_PATH_EXACT)
            path = arena_printf(&model->arena, SPAN_FMT "%s", SPAN_ARG(path),
                                path.len == 0 || draw(seed, 3) == 0 ? "/" : "");
        struct route_path *at = route_path_get(model, route_host_get(model, host), kind, path);
        struct route_rule *rule = route_rule_new(model);
        rule->metric_id = model->arena.total_bytes + i; /* told apart by it */
        vec_push(&at->rules, rule);
    }
    return model;
}

static void check_request(const struct route_model *model, const struct image_view *view,
                          struct span host, struct span path)
{
    struct image_request request = { .host = host, .path = path };
    const struct route_rule *expected = naive_match(model, host, path);
    struct image_match match;

    int r = image_match(view, &request, NULL, &match);
    if ((r == IMAGE_MATCH_OK) != (expected != NULL) ||
        (expected && match.rule->metric_id != expected->metric_id))
        fail_msg("host \"" SPAN_FMT "\" path \"" SPAN_FMT "\": another rule than the naive one",
                 SPAN_ARG(host), SPAN_ARG(path));
}

static void test_match_as_a_naive_matcher_does(void **state)
{
    uint64_t seed = 20240229;

    (void)state;
    for (uint32_t models = 0; models < 200; models++) {
        struct route_model *model = random_model(&seed, models % 2 == 0);
        SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
        for (uint32_t i = 0; i < 200; i++) {
            struct span host = random_host(&seed, &model->arena, false);
            struct span path = random_path(&seed, &model->arena);
            if (path.len == 0 || draw(&seed, 4) == 0)
                path = arena_printf(&model->arena, SPAN_FMT "/", SPAN_ARG(path));
            check_request(model, view, host, path);
        }
        route_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_by_host_and_path),
        cmocka_unit_test(test_first_rule_whose_predicates_hold),
        cmocka_unit_test(test_shorter_path_where_no_rule_holds),
        cmocka_unit_test(test_trace_tells_each_step),
        cmocka_unit_test(test_certificate_by_server_name),
        cmocka_unit_test(test_backends_are_drawn_by_weight),
        cmocka_unit_test(test_very_deep_prefixes),
        cmocka_unit_test(test_match_as_a_naive_matcher_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
