#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/watch_frame.h"

struct seen {
    struct buf events; /* with a bar after each */
    unsigned oversized;
    struct watch_frame *stop_at_first;
};

static void on_event(void *ctx, struct span json)
{
    struct seen *seen = ctx;

    buf_append(&seen->events, json);
    buf_append_byte(&seen->events, '|');
    if (seen->stop_at_first)
        watch_frame_stop(seen->stop_at_first);
}

static void on_oversized(void *ctx)
{
    ((struct seen *)ctx)->oversized++;
}

static const struct watch_frame_events events = { on_event, on_oversized };

static void lines_are_events_however_they_come(void **state)
{
    struct span text = SPAN("{\"a\":1}\n\n  \n{\"b\":\"\\n\"}\n{\"c\":3}\n{\"cut o");

    (void)state;
    for (size_t first = 0; first <= text.len; first++) {
        for (size_t step = 1; step < 9; step++) {
            struct watch_frame frame;
            struct seen seen = { 0 };
            watch_frame_init(&frame, 100);
            watch_frame_feed(&frame, span_upto(text, first), &events, &seen);
            for (size_t at = first; at < text.len; at += step)
                watch_frame_feed(&frame, span_upto(span_from(text, at), step), &events, &seen);
            assert_true(
                span_eq(buf_span(&seen.events), SPAN("{\"a\":1}|{\"b\":\"\\n\"}|{\"c\":3}|")));
            watch_frame_reset(&frame);
            watch_frame_feed(&frame, SPAN("{\"d\":4}\n"), &events, &seen);
            assert_true(span_ends_with(buf_span(&seen.events), SPAN("|{\"d\":4}|")));
            buf_deinit(&seen.events);
            watch_frame_deinit(&frame);
        }
    }
}

static void an_oversized_line_costs_itself_only(void **state)
{
    struct span text = SPAN("1234\n123456789\n12345678\n1234567890123456789012345678\n5678\n");

    (void)state;
    for (size_t step = 1; step <= text.len; step++) {
        struct watch_frame frame;
        struct seen seen = { 0 };
        watch_frame_init(&frame, 8);
        for (size_t at = 0; at < text.len; at += step)
            watch_frame_feed(&frame, span_upto(span_from(text, at), step), &events, &seen);
        assert_true(span_eq(buf_span(&seen.events), SPAN("1234|12345678|5678|")));
        assert_int_equal(seen.oversized, 2);
        assert_null(frame.partial.ptr);
        buf_deinit(&seen.events);
        watch_frame_deinit(&frame);
    }
}

static void a_stopped_watch_tells_no_more(void **state)
{
    struct watch_frame frame;
    struct seen seen = { .stop_at_first = &frame };

    (void)state;
    watch_frame_init(&frame, 100);
    watch_frame_feed(&frame, SPAN("1\n2\n3\n"), &events, &seen);
    watch_frame_feed(&frame, SPAN("4\n"), &events, &seen);
    assert_true(span_eq(buf_span(&seen.events), SPAN("1|")));
    buf_deinit(&seen.events);
    watch_frame_deinit(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_events_however_they_come),
        cmocka_unit_test(an_oversized_line_costs_itself_only),
        cmocka_unit_test(a_stopped_watch_tells_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
