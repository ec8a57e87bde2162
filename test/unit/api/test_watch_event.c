#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/watch_event.h"
#include "base/compiler.h"

static void events_say_what_they_are(void **state)
{
    static const struct {
        const char *json;
        enum watch_event_kind kind;
        const char *namespace, *name, *version;
        uint32_t code;
    } cases[] = {
        { "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\","
          "\"resourceVersion\":\"5\"}}}",
          WATCH_OBJECT, "n", "a", "5", 0 },
        { "{\"object\":{\"metadata\":{\"name\":\"a\"}},\"type\":\"MODIFIED\"}", WATCH_OBJECT, "",
          "a", "", 0 },
        { "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}", WATCH_DELETED, "",
          "a", "", 0 },
        { "{\"type\":\"ADDED\",\"object\":{\"metadata\":[]}}", WATCH_OBJECT, "", "", "", 0 },
        { "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":3}}}", WATCH_OBJECT, "", "", "",
          0 },
        { "{\"type\":\"ADDED\",\"object\":7}", WATCH_OBJECT, "", "", "", 0 },
        { "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}",
          WATCH_BOOKMARK, "", "", "9", 0 },
        { "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\","
          "\"annotations\":"
          "{\"k8s.io/initial-events-end\":\"true\"}}}}",
          WATCH_INITIAL_END, "", "", "9", 0 },
        { "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}", WATCH_ERROR, "", "",
          "", 410 },
        { "{\"type\":\"ERROR\",\"object\":{\"code\":\"x\"}}", WATCH_ERROR, "", "", "", 500 },
        { "{\"type\":\"ERROR\"}", WATCH_UNKNOWN, "", "", "", 0 },
        { "{\"type\":\"ADDED\"}", WATCH_UNKNOWN, "", "", "", 0 },
        { "{\"type\":\"LATER\",\"object\":{}}", WATCH_UNKNOWN, "", "", "", 0 },
        { "{\"type\":7,\"object\":{}}", WATCH_UNKNOWN, "", "", "", 0 },
        { "<html>", WATCH_UNKNOWN, "", "", "", 0 },
        { "", WATCH_UNKNOWN, "", "", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct watch_event event = watch_event_read(span_from_str(cases[i].json));
        assert_int_equal(event.kind, cases[i].kind);
        assert_true(span_eq(event.object.namespace, span_from_str(cases[i].namespace)));
        assert_true(span_eq(event.object.name, span_from_str(cases[i].name)));
        assert_true(span_eq(event.object.resource_version, span_from_str(cases[i].version)));
        assert_int_equal(event.error_code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(events_say_what_they_are) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
