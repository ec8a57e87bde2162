#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingress/names.h"

static const struct {
    const char *text;
    int result;
    const char *host;
} hosts[] = {
    { "Shop.Example.COM", HOST_OK, "shop.example.com" },
    { "*.Example.com", HOST_OK, "*.example.com" },
    { "localhost", HOST_OK, "localhost" },
    { "1.2.3.example", HOST_OK, "1.2.3.example" },
    { "xn--bcher-kva.test", HOST_OK, "xn--bcher-kva.test" },
    { "10.0.0.1", HOST_IS_ADDRESS, NULL },
    { "fd00::1", HOST_IS_ADDRESS, NULL },
    { "[fd00::1]", HOST_IS_ADDRESS, NULL },
    { "*", HOST_BAD_WILDCARD, NULL },
    { "*.*.test", HOST_BAD_WILDCARD, NULL },
    { "a.*.test", HOST_BAD_WILDCARD, NULL },
    { "*a.test", HOST_BAD_WILDCARD, NULL },
    { "*.", HOST_BAD_LABEL, NULL },
    { "", HOST_BAD_LABEL, NULL },
    { "a..b", HOST_BAD_LABEL, NULL },
    { ".a", HOST_BAD_LABEL, NULL },
    { "a.", HOST_BAD_LABEL, NULL },
    { "-a.test", HOST_BAD_LABEL, NULL },
    { "a-.test", HOST_BAD_LABEL, NULL },
    { "a_b.test", HOST_BAD_LABEL, NULL },
    { "a b", HOST_BAD_LABEL, NULL },
    { "a/b", HOST_BAD_LABEL, NULL },
    { "a:80", HOST_BAD_LABEL, NULL },
    { "caf\xc3\xa9.test", HOST_BAD_LABEL, NULL },
};

static void test_hosts(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct span host = SPAN("untouched");

        print_message("%s\n", hosts[i].text);
        assert_int_equal(ingress_host_parse(span_from_str(hosts[i].text), &arena, &host),
                         hosts[i].result);
        assert_true(span_eq(host, span_from_str(hosts[i].host ? hosts[i].host : "untouched")));
    }
    arena_deinit(&arena);
}

static void test_host_lengths(void **state)
{
    char text[256];
    struct span host;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 50 == 49 ? '.' : 'a';
    assert_int_equal(ingress_host_parse(span_of(text, 253), &arena, &host), HOST_OK);
    assert_int_equal(ingress_host_parse(span_of(text, 254), &arena, &host), HOST_TOO_LONG);
    memset(text, 'a', sizeof(text));
    assert_int_equal(ingress_host_parse(span_of(text, 63), &arena, &host), HOST_OK);
    assert_int_equal(ingress_host_parse(span_of(text, 64), &arena, &host), HOST_TOO_LONG);
    arena_deinit(&arena);
}

static const struct {
    const char *text;
    int result;
    const char *path;
} paths[] = {
    { "/", PATH_OK, "/" },
    { "/a/b", PATH_OK, "/a/b" },
    { "/a/", PATH_OK, "/a/" },
    { "/a.b/..c/...", PATH_OK, "/a.b/..c/..." },
    { "//a///b//", PATH_OK, "/a/b/" },
    { "/a/./b/.", PATH_OK, "/a/b/" },
    { "/a/../b", PATH_OK, "/b" },
    { "/a/b/..", PATH_OK, "/a/" },
    { "/a/..", PATH_OK, "/" },
    { "/%61/%2e%2E/b", PATH_OK, "/b" },
    { "/a%2Fb", PATH_OK, "/a/b" },
    { "/a%20b", PATH_OK, "/a b" },
    { "/a%253f", PATH_OK, "/a%3f" },
    { "", PATH_NOT_ABSOLUTE, NULL },
    { "a", PATH_NOT_ABSOLUTE, NULL },
    { "*", PATH_NOT_ABSOLUTE, NULL },
    { "/%", PATH_BAD_ESCAPE, NULL },
    { "/%4", PATH_BAD_ESCAPE, NULL },
    { "/%4g", PATH_BAD_ESCAPE, NULL },
    { "/%00", PATH_BAD_ESCAPE, NULL },
    { "/..", PATH_ABOVE_ROOT, NULL },
    { "/a/../../b", PATH_ABOVE_ROOT, NULL },
    { "/a/%2e%2e/../b", PATH_ABOVE_ROOT, NULL },
    { "/a?b", PATH_HAS_QUERY, NULL },
    { "/a#b", PATH_HAS_QUERY, NULL },
    { "/a\nb", PATH_HAS_CONTROL, NULL },
    { "/a\x7f", PATH_HAS_CONTROL, NULL },
};

static void test_paths(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct span path = SPAN("untouched");

        print_message("%s\n", paths[i].text);
        assert_int_equal(ingress_path_parse(span_from_str(paths[i].text), &arena, &path),
                         paths[i].result);
        assert_true(span_eq(path, span_from_str(paths[i].path ? paths[i].path : "untouched")));
    }
    arena_deinit(&arena);
}

static const struct {
    const char *path;
    bool is_regex;
    const char *head;
} patterns[] = {
    { "/plain/path.html", false, "/plain/path.html" },
    { "/a-b_c~d@e", false, "/a-b_c~d@e" },
    { "/api(/|$)(.*)", true, "/api" },
    { "/api/(.*)", true, "/api/" },
    { "/foo.*", true, "/foo" },
    { "/foo/.*", true, "/foo/" },
    { "/(.*)", true, "/" },
    { "/.*", true, "/" },
    { "/colou?r[s]", true, "/colo" },
    { "^/x", true, "/" },
    { "/a/b$", true, "/a/b" },
};

static void test_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct span path = span_from_str(patterns[i].path);

        print_message("%s\n", patterns[i].path);
        assert_int_equal(ingress_path_looks_like_regex(path), patterns[i].is_regex);
        assert_true(span_eq(ingress_path_literal_head(path), span_from_str(patterns[i].head)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_host_lengths),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
