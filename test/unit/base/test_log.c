#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

/* What the code between log_catch() and log_caught() writes to stderr. */
static struct {
    int read_end, stderr_before;
    char text[3 * LOG_LINE_MAX];
} caught;

static void log_catch(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    caught.read_end = ends[0];
    caught.stderr_before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static struct span log_caught(void)
{
    dup2(caught.stderr_before, STDERR_FILENO);
    close(caught.stderr_before);
    ssize_t len = read(caught.read_end, caught.text, sizeof(caught.text));
    close(caught.read_end);
    return span_of(caught.text, len > 0 ? (size_t)len : 0);
}

/* The line without its time, which must look like one. */
static void assert_line(struct span line, struct span before_time, const char *after_time)
{
    assert_true(span_starts_with(line, before_time));
    line = span_from(line, before_time.len);
    assert_true(line.len > CLOCK_RFC3339_LEN);
    assert_int_equal(line.ptr[10], 'T');
    assert_int_equal(line.ptr[CLOCK_RFC3339_LEN - 1], 'Z');
    line = span_from(line, CLOCK_RFC3339_LEN);
    if (!span_eq(line, span_from_str(after_time)))
        fail_msg("got: " SPAN_FMT, SPAN_ARG(line));
}

static void test_text(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_INFO, "worker 0");
    log_catch();
    log_warn("connect_failed", F_STR("endpoint", "10.0.0.1:80"), F_STR("why", "no one there"),
             F_STR("empty", ""), F_SPAN("quoted", SPAN("a\"b")), F_STR("pair", "k=v"),
             F_INT("minus", -5), F_UINT("most", UINT64_MAX), F_ERRNO(-ENOENT));
    assert_line(log_caught(), SPAN_EMPTY,
                " warn  [worker 0] connect_failed endpoint=10.0.0.1:80 why=\"no one there\" "
                "empty=\"\" quoted=\"a\\\"b\" pair=\"k=v\" minus=-5 most=18446744073709551615 "
                "error=\"No such file or directory\"\n");
}

static void test_json(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_JSON, LOG_INFO, "controller");
    log_set_generation(7);
    log_catch();
    log_error("refused", F_STR("object", "a/b"), F_STR("text", "x\n\"\xFF"), F_INT("n", -1),
              F_ERRNO(-EPERM));
    assert_line(log_caught(), SPAN("{\"time\":\""),
                "\",\"level\":\"error\",\"role\":\"controller\",\"event\":\"refused\","
                "\"generation\":7,\"object\":\"a/b\",\"text\":\"x\\n\\\"\\ufffd\",\"n\":-1,"
                "\"error\":\"Operation not permitted\"}\n");
    log_set_generation(0);
}

static void test_no_fields_and_generation(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_INFO, "supervisor");
    log_set_generation(12);
    log_catch();
    log_info("ready");
    assert_line(log_caught(), SPAN_EMPTY, " info  [supervisor] ready generation=12\n");
    log_set_generation(0);
}

static void test_a_value_cannot_forge_a_line(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_INFO, "w");
    log_catch();
    log_info("e", F_STR("a", "x\nfake\x1B[2J\r"));
    struct span line = log_caught();
    assert_int_equal(span_find(line, '\n'), line.len - 1);
    assert_true(span_find(line, '\x1B') == SPAN_NOT_FOUND);
    assert_true(span_find(line, '\r') == SPAN_NOT_FOUND);
}

static void test_levels(void **state)
{
    (void)state;
    for (int most = LOG_ERROR; most <= LOG_DEBUG; most++) {
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
            log_init(LOG_FORMAT_TEXT, (enum log_level)most, "w");
            log_catch();
            log_at((enum log_level)level, "event");
            assert_int_equal(log_caught().len > 0, level <= most);
        }
    }
}

static void test_errors_without_a_name(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_INFO, "w");
    log_catch();
    log_info("e", F_ERRNO(-99999));
    assert_line(log_caught(), SPAN_EMPTY, " info  [w] e error=\"\"\n");
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    char value[LOG_VALUE_MAX + 1], expected[LOG_VALUE_MAX + 64];

    memset(value, 'v', sizeof(value));
    for (size_t more = 0; more <= 1; more++) {
        log_init(LOG_FORMAT_TEXT, LOG_INFO, "w");
        log_catch();
        log_info("e", F_SPAN("a", span_of(value, LOG_VALUE_MAX + more)));
        snprintf(expected, sizeof(expected), " info  [w] e a=%.*s%s\n", LOG_VALUE_MAX, value,
                 more ? "..." : "");
        assert_line(log_caught(), SPAN_EMPTY, expected);
    }
}

/* However long the values are: one line, within the limit, and JSON stays JSON. */
static void test_long_lines_are_cut_between_fields(void **state)
{
    (void)state;
    static char value[2 * LOG_LINE_MAX];

    memset(value, 'v', sizeof(value) - 1);
    for (size_t len = 0; len < sizeof(value); len += 61) {
        struct span text = span_of(value, len);

        log_init(LOG_FORMAT_JSON, LOG_INFO, "w");
        log_catch();
        log_info("e", F_SPAN("a", text), F_SPAN("b", text), F_SPAN("c", text), F_SPAN("d", text),
                 F_SPAN("e", text), F_INT("last", 1));
        struct span line = log_caught();
        assert_true(line.len <= LOG_LINE_MAX);
        assert_int_equal(span_find(line, '\n'), line.len - 1);
        bool whole = span_ends_with(line, SPAN(",\"last\":1}\n"));
        assert_true(whole || span_ends_with(line, SPAN(",\"cut\":true}\n")));
        assert_true(whole ? len < 900 : len > 700);

        log_init(LOG_FORMAT_TEXT, LOG_INFO, "w");
        log_catch();
        log_info("e", F_SPAN("a", text), F_SPAN("b", text), F_SPAN("c", text), F_SPAN("d", text),
                 F_SPAN("e", text));
        line = log_caught();
        assert_true(line.len <= LOG_LINE_MAX);
        assert_int_equal(span_find(line, '\n'), line.len - 1);
    }
}

static void test_limit(void **state)
{
    (void)state;
    struct log_limit limit = { 0 };
    uint32_t hidden = 99;

    for (int i = 0; i < LOG_BURST; i++) {
        assert_true(log_limit_pass(&limit, &hidden));
        assert_int_equal(hidden, 0);
    }
    for (int i = 0; i < 10; i++)
        assert_false(log_limit_pass(&limit, &hidden));

    limit.window_start_ns -= 1000000001u; /* a second goes by */
    assert_true(log_limit_pass(&limit, &hidden));
    assert_int_equal(hidden, 10);
    assert_false(log_limit_pass(&limit, &hidden)); /* one a second from now on */
    assert_false(log_limit_pass(&limit, &hidden));

    limit.window_start_ns -= 1000000001u;
    assert_true(log_limit_pass(&limit, &hidden));
    assert_int_equal(hidden, 2);

    limit.window_start_ns -= 1000000001u; /* a second without pressure earns the burst again */
    for (int i = 0; i < LOG_BURST; i++)
        assert_true(log_limit_pass(&limit, &hidden));
    assert_false(log_limit_pass(&limit, &hidden));
}

static void test_limited_lines(void **state)
{
    (void)state;
    log_init(LOG_FORMAT_TEXT, LOG_INFO, "w");
    log_catch();
    for (int i = 0; i < 100; i++)
        log_limited(LOG_WARN, "noise", F_INT("i", i));
    struct span rest = log_caught(), line;
    int lines = 0;
    while (span_split(&rest, '\n', &line))
        lines++;
    assert_int_equal(lines, LOG_BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_no_fields_and_generation),
        cmocka_unit_test(test_a_value_cannot_forge_a_line),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_errors_without_a_name),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_long_lines_are_cut_between_fields),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limited_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
