#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/target.h"

static void paths_ask_for_what_is_meant(void **state)
{
    struct reflector_target all = { SPAN("/apis/networking.k8s.io/v1"), SPAN("ingresses") };
    struct reflector_target one = { SPAN("/api/v1"), SPAN("secrets"), SPAN("a b"), SPAN("tls/x") };
    struct reflector_target some = { SPAN("/api/v1"), SPAN("namespaces"),
                                     .label_selector = SPAN("team in (a,b),!x") };
    struct buf out = { 0 };

    (void)state;
    target_list_path(&all, 500, SPAN_EMPTY, &out);
    assert_true(span_eq(buf_span(&out), SPAN("/apis/networking.k8s.io/v1/ingresses?limit=500")));
    out.len = 0;
    target_list_path(&one, 0, SPAN("a=&b"), &out);
    assert_true(
        span_eq(buf_span(&out), SPAN("/api/v1/namespaces/a%20b/secrets?limit=0"
                                     "&fieldSelector=metadata.name%3Dtls%2Fx&continue=a%3D%26b")));
    out.len = 0;
    target_watch_path(&some, SPAN("1&2"), 300, &out);
    assert_true(span_eq(buf_span(&out),
                        SPAN("/api/v1/namespaces?watch=1&allowWatchBookmarks=true&timeoutSeconds="
                             "300&labelSelector=team%20in%20%28a%2Cb%29%2C%21x"
                             "&resourceVersion=1%262")));
    out.len = 0;
    target_watch_path(&all, SPAN_EMPTY, 600, &out);
    assert_true(span_eq(buf_span(&out),
                        SPAN("/apis/networking.k8s.io/v1/ingresses?watch=1&allowWatchBookmarks=true"
                             "&timeoutSeconds=600&sendInitialEvents=true"
                             "&resourceVersionMatch=NotOlderThan")));
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(paths_ask_for_what_is_meant) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
