#include "proxy/log/access_log.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A pipe that nobody reads until the test does. */
struct fixture {
    struct loop *loop;
    struct access_log log;
    int fds[2];
    uint64_t dropped, now_ms;
};

static struct http_head request = { .method_text = { "GET", 3 }, .version_minor = 1 };

static void fixture_init(struct fixture *f)
{
    *f = (struct fixture){ .now_ms = 8000 };
    assert_int_equal(loop_new(&f->loop), 0);
    loop_clock_set_manual(f->loop, f->now_ms);
    assert_int_equal(pipe2(f->fds, O_NONBLOCK | O_CLOEXEC), 0);
    access_log_init(&f->log, f->loop, f->fds[1], &f->dropped);
    access_log_configure(&f->log, true, SPAN("$connection_requests $request_uri"),
                         ACCESS_ESCAPE_DEFAULT);
}

static void fixture_deinit(struct fixture *f)
{
    access_log_deinit(&f->log);
    loop_free(f->loop);
    close(f->fds[0]);
    close(f->fds[1]);
}

static void line_add(struct fixture *f, uint64_t number, size_t target_len)
{
    static char target[100000];

    memset(target, 'x', sizeof(target));
    request.target = span_of(target, target_len);
    access_log_add(&f->log,
                   &(struct access_record){ .request = &request, .connection_requests = number });
}

static size_t read_all(struct fixture *f, struct buf *into)
{
    ssize_t n = read(f->fds[0], buf_reserve(into, 1 << 21), 1 << 21);

    if (n > 0)
        into->len += (size_t)n;
    return n > 0 ? (size_t)n : 0;
}

static void pass_ms(struct fixture *f, uint64_t ms)
{
    f->now_ms += ms;
    loop_clock_set_manual(f->loop, f->now_ms);
    assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void test_a_line_waits_a_moment(void **state)
{
    (void)state;
    struct fixture f;
    struct buf got = { 0 };

    fixture_init(&f);
    line_add(&f, 1, 2);
    line_add(&f, 2, 0);
    pass_ms(&f, ACCESS_LOG_FLUSH_MS - 8);
    assert_int_equal(read_all(&f, &got), 0);
    pass_ms(&f, 8);
    read_all(&f, &got);
    assert_true(span_eq(buf_span(&got), SPAN("1 xx\n2 -\n")));
    buf_deinit(&got);
    fixture_deinit(&f);
}

/* Each write holds whole lines, so that those of several workers do not mix in one pipe. */
static void test_pieces_are_whole_lines(void **state)
{
    (void)state;
    struct fixture f;
    struct buf got = { 0 };

    fixture_init(&f);
    for (unsigned i = 0; i < 40; i++)
        line_add(&f, i, 300);
    while (read_all(&f, &got)) {
        assert_int_equal(got.ptr[got.len - 1], '\n');
        pass_ms(&f, ACCESS_LOG_FLUSH_MS);
    }
    unsigned lines = 0;
    for (size_t i = 0; i < got.len; i++)
        lines += got.ptr[i] == '\n';
    assert_int_equal(lines, 40);
    buf_deinit(&got);
    fixture_deinit(&f);
}

static void test_slow_reader_costs_lines_and_nothing_else(void **state)
{
    (void)state;
    enum { LINES = 3000, LINE = 1000 };
    struct fixture f;
    struct buf got = { 0 };
    struct span rest, line;
    uint64_t last = 0, lines = 0;

    fixture_init(&f);
    for (unsigned i = 1; i <= LINES; i++)
        line_add(&f, i, LINE);
    assert_true(f.dropped > 0);
    assert_true(f.log.pending.len - f.log.sent <= ACCESS_LOG_PENDING_MAX + 2 * LINE);
    while (read_all(&f, &got))
        pass_ms(&f, ACCESS_LOG_FLUSH_MS);
    rest = buf_span(&got);
    while (span_split(&rest, '\n', &line) && line.len > 0) {
        uint64_t number = strtoull(line.ptr, NULL, 10);
        assert_true(number > last);
        assert_int_equal(span_find(line, ' ') + 1 + LINE, line.len); /* whole */
        last = number;
        lines++;
    }
    assert_int_equal(lines + f.dropped, LINES);
    buf_deinit(&got);
    fixture_deinit(&f);
}

static void test_line_longer_than_a_piece(void **state)
{
    (void)state;
    struct fixture f;
    struct buf got = { 0 };

    fixture_init(&f);
    line_add(&f, 1, 3 * PIPE_BUF);
    line_add(&f, 2, 1);
    pass_ms(&f, ACCESS_LOG_FLUSH_MS);
    read_all(&f, &got);
    assert_int_equal(got.len, 2 + 3 * PIPE_BUF + 1 + 4);
    buf_deinit(&got);
    fixture_deinit(&f);
}

static void test_no_log(void **state)
{
    (void)state;
    struct fixture f;
    struct buf got = { 0 };

    fixture_init(&f);
    access_log_configure(&f.log, false, SPAN("x"), ACCESS_ESCAPE_DEFAULT);
    line_add(&f, 1, 1);
    pass_ms(&f, ACCESS_LOG_FLUSH_MS);
    assert_int_equal(read_all(&f, &got), 0);
    buf_deinit(&got);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_waits_a_moment),
        cmocka_unit_test(test_pieces_are_whole_lines),
        cmocka_unit_test(test_slow_reader_costs_lines_and_nothing_else),
        cmocka_unit_test(test_line_longer_than_a_piece),
        cmocka_unit_test(test_no_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
