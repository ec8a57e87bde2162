#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/scope.h"
#include "http/target.h"

static const struct {
    const char *text;
    enum http_method method;
    int result;
    enum target_form form;
    const char *authority, *origin, *path, *query; /* query NULL: none */
} targets[] = {
    { "/", HTTP_GET, TARGET_OK, TARGET_ORIGIN, "", "/", "/", NULL },
    { "/a/b?c=d?e", HTTP_GET, TARGET_OK, TARGET_ORIGIN, "", "/a/b?c=d?e", "/a/b", "c=d?e" },
    { "/a?", HTTP_GET, TARGET_OK, TARGET_ORIGIN, "", "/a?", "/a", "" },
    { "//foo", HTTP_GET, TARGET_OK, TARGET_ORIGIN, "", "//foo", "//foo", NULL },
    { "/a#b?c", HTTP_GET, TARGET_OK, TARGET_ORIGIN, "", "/a#b?c", "/a", NULL },
    { "/a?b#c", HTTP_GET, TARGET_OK, TARGET_ORIGIN, "", "/a?b#c", "/a", "b" },
    { "http://h/a?b", HTTP_GET, TARGET_OK, TARGET_ABSOLUTE, "h", "/a?b", "/a", "b" },
    { "HTTPS://h:1/", HTTP_GET, TARGET_OK, TARGET_ABSOLUTE, "h:1", "/", "/", NULL },
    { "http://[::1]:2", HTTP_GET, TARGET_OK, TARGET_ABSOLUTE, "[::1]:2", "/", "/", NULL },
    { "http://h", HTTP_OPTIONS, TARGET_OK, TARGET_ABSOLUTE, "h", "*", "*", NULL },
    { "http://h//x", HTTP_GET, TARGET_OK, TARGET_ABSOLUTE, "h", "//x", "//x", NULL },
    { "*", HTTP_OPTIONS, TARGET_OK, TARGET_ASTERISK, "", "*", "*", NULL },
    { "*", HTTP_GET, TARGET_BAD },
    { "*/", HTTP_OPTIONS, TARGET_BAD },
    { "", HTTP_GET, TARGET_BAD },
    { "a", HTTP_GET, TARGET_BAD },
    { "h:443", HTTP_CONNECT, TARGET_BAD },
    { "/", HTTP_CONNECT, TARGET_BAD },
    { "http://", HTTP_GET, TARGET_BAD },
    { "http:///a", HTTP_GET, TARGET_BAD },
    { "http://h?q", HTTP_GET, TARGET_BAD },
    { "http://h#f", HTTP_GET, TARGET_BAD },
    { "http://u:p@h/", HTTP_GET, TARGET_BAD },
    { "http://a\\b/", HTTP_GET, TARGET_BAD },
    { "ws://h/", HTTP_GET, TARGET_BAD },
    { "http:/h/", HTTP_GET, TARGET_BAD },
};

static void test_parses_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct target t;

        print_message("%s\n", targets[i].text);
        int r = target_parse(span_from_str(targets[i].text), targets[i].method, &t);
        assert_int_equal(r, targets[i].result);
        if (r != TARGET_OK)
            continue;
        assert_int_equal(t.form, targets[i].form);
        assert_true(span_eq(t.authority, span_from_str(targets[i].authority)));
        assert_true(span_eq(t.origin, span_from_str(targets[i].origin)));
        assert_true(span_eq(t.path, span_from_str(targets[i].path)));
        assert_int_equal(t.query.ptr == NULL, targets[i].query == NULL);
        assert_true(span_eq(t.query, span_from_str(targets[i].query)));
    }
}

static const struct {
    const char *path;
    const char *normal; /* NULL: refused */
} paths[] = {
    { "/", "/" },
    { "*", "*" },
    { "/a/b", "/a/b" },
    { "/a/b/", "/a/b/" },
    { "/A+b;c=d", "/A+b;c=d" },
    { "/a.b/c..d/...", "/a.b/c..d/..." },
    { "/.hidden", "/.hidden" },
    { "/..a/.b./", "/..a/.b./" },
    { "//", "/" },
    { "///a////b//", "/a/b/" },
    { "/.", "/" },
    { "/./", "/" },
    { "/a/.", "/a/" },
    { "/a/./b", "/a/b" },
    { "/a/..", "/" },
    { "/a/../", "/" },
    { "/a/b/../c", "/a/c" },
    { "/a/b/..", "/a/" },
    { "/a/b/../../c", "/c" },
    { "/a//../b", "/b" },
    { "/a/.//../b", "/b" },
    { "/x/../foo", "/foo" },
    { "/%41%7a", "/Az" },
    { "/foo%2Fx", "/foo/x" },
    { "/foo%2f/x", "/foo/x" },
    { "/a%2f..%2fb", "/b" },
    { "/a/%2e%2E/b", "/b" },
    { "/a/.%2e/b", "/b" },
    { "/%2e", "/" },
    { "/%2525", "/%25" },
    { "/%3F%23", "/?#" },
    { "/%0a", "/\n" },
    { "/%ff", "/\xff" },
    { "/%20", "/ " },
    { "/..", NULL },
    { "/../", NULL },
    { "/a/../..", NULL },
    { "/a/../../b", NULL },
    { "/./..", NULL },
    { "//..", NULL },
    { "/%2e%2e", NULL },
    { "/%2F..", NULL },
    { "/%00", NULL },
    { "/a%", NULL },
    { "/a%2", NULL },
    { "/a%2g", NULL },
    { "/a%g2", NULL },
    { "/%%41", NULL },
    { "/%u0041", NULL },
    { "", NULL },
    { "a", NULL },
    { "%2fa", NULL },
};

static void test_normalises_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct span path = span_from_str(paths[i].path);
        SCOPED(mem_freep) char *at = mem_alloc(path.len + 1);
        struct span normal;

        print_message("%s\n", paths[i].path);
        int r = target_normalise(path, at, &normal);
        assert_int_equal(r, paths[i].normal == NULL ? TARGET_BAD : TARGET_OK);
        if (r != TARGET_OK)
            continue;
        assert_true(span_eq(normal, span_from_str(paths[i].normal)));
        assert_true(normal.ptr == at || normal.ptr == path.ptr);
    }
}

static void test_borrows_what_stays(void **state)
{
    (void)state;
    struct span path = SPAN("/some/long-ish/path.html");
    struct span normal;
    assert_int_equal(target_normalise(path, NULL, &normal), TARGET_OK);
    assert_ptr_equal(normal.ptr, path.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses_targets),
        cmocka_unit_test(test_normalises_paths),
        cmocka_unit_test(test_borrows_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
