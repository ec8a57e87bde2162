#include "http/h2_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "h2_by_hand.h"

static void test_frames_are_counted_however_they_are_cut(void **state)
{
    struct buf bytes = { 0 };

    (void)state;
    buf_append(&bytes, SPAN("PREFACE"));
    frame_put(&bytes, FRAME_HEADERS, 0, 1, SPAN("abcd"));
    frame_put(&bytes, FRAME_PING, 0, 0, SPAN_EMPTY);
    frame_put(&bytes, 200, 0, 3, span_of(bytes.ptr, 2));
    for (size_t step = 1; step <= bytes.len; step++) {
        struct h2_frames frames = { .payload_left = 7 };
        uint32_t count = 0;

        for (size_t at = 0; at < bytes.len; at += step)
            count += h2_frames_read(&frames, span_upto(span_from(buf_span(&bytes), at), step));
        assert_int_equal(count, 3);
        assert_int_equal(frames.payload_left, 0);
        assert_int_equal(frames.head_len, 0);
        assert_false(frames.is_unexpected);
    }
    buf_deinit(&bytes);
}

static const struct {
    const char *what;
    uint32_t streams[8]; /* that HEADERS frames name, up to 0 */
    bool is_unexpected;
} orders[] = {
    { "one after the other", { 1, 3, 5, 7 }, false },
    { "trailers", { 1, 3, 1, 3 }, false },
    { "some passed over", { 13, 15, 101 }, false },
    { "trailers beside a gap", { 5, 101, 5 }, false },
    { "the one before the first", { 5, 3 }, true },
    { "the first of all", { 3, 1 }, true },
    { "one of a gap", { 1, 101, 103, 51 }, true },
    { "one of an older gap", { 1, 11, 21, 31, 15 }, true },
    { "even ones passed over", { 1, 3, 2 }, false }, /* nghttp2 says what is wrong with that */
};

static void test_streams_begin_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct h2_frames frames = { 0 };
        struct buf bytes = { 0 };

        print_message("%s\n", orders[i].what);
        for (size_t n = 0; orders[i].streams[n] != 0; n++)
            frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, orders[i].streams[n], SPAN("x"));
        assert_true(h2_frames_read(&frames, buf_span(&bytes)) > 0);
        assert_int_equal(frames.is_unexpected, orders[i].is_unexpected);
        buf_deinit(&bytes);
    }
}

static void test_answers_come_in_any_order(void **state)
{
    (void)state;
    struct h2_frames frames = { .are_answers = true };
    struct buf bytes = { 0 };

    for (unsigned i = 0; i < 3; i++)
        frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, (const uint32_t[]){ 9, 1, 5 }[i],
                  SPAN("x"));
    assert_int_equal(h2_frames_read(&frames, buf_span(&bytes)), 3);
    assert_false(frames.is_unexpected);
    buf_deinit(&bytes);
}

static void test_priorities_are_of_streams(void **state)
{
    struct h2_frames frames = { 0 };
    struct buf bytes = { 0 };

    (void)state;
    frame_put(&bytes, FRAME_PRIORITY, 0, 7, SPAN("12345"));
    assert_int_equal(h2_frames_read(&frames, buf_span(&bytes)), 1);
    assert_false(frames.is_unexpected);
    bytes.len = 0;
    frame_put(&bytes, FRAME_PRIORITY, 0, 0, SPAN("12345"));
    assert_int_equal(h2_frames_read(&frames, buf_span(&bytes)), 1);
    assert_true(frames.is_unexpected);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_counted_however_they_are_cut),
        cmocka_unit_test(test_streams_begin_in_order),
        cmocka_unit_test(test_answers_come_in_any_order),
        cmocka_unit_test(test_priorities_are_of_streams),
    };

    return cmocka_run_group_tests_name("http/h2_frames", tests, NULL, NULL);
}
