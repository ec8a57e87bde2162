#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_by_host_and_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
