#include "proxy/body/pump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proxy/body/stream_body.h"

/* A pump between two socket pairs: far ends [0] source, [1] sink. */
struct fixture {
    struct loop *loop;
    struct iobuf_pool pool;
    struct stream from, to;
    struct stream_source source;
    struct stream_sink sink;
    int far[2];
    struct pump pump;
    struct buf got;
};

static void from_on_events(struct loop_watch *watch, uint32_t events)
{
    stream_note_events(container_of(watch, struct stream, watch), events);
}

static void stream_make(struct fixture *f, struct stream *stream, int *ret_far)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){ 16384 }, sizeof(int));
    *ret_far = fds[1];
    assert_int_equal(stream_init(stream, f->loop, &f->pool, fds[0], from_on_events), 0);
}

static void fixture_init(struct fixture *f, enum http_body_kind in, uint64_t length,
                         enum http_body_kind out)
{
    *f = (struct fixture){ 0 };
    assert_int_equal(loop_new(&f->loop), 0);
    stream_make(f, &f->from, &f->far[0]);
    stream_make(f, &f->to, &f->far[1]);
    stream_source_init(&f->source, &f->from, in, length);
    stream_sink_init(&f->sink, &f->to, out);
    pump_init(&f->pump, &f->source.base, &f->sink.base);
}

static void fixture_deinit(struct fixture *f)
{
    stream_close(&f->from);
    stream_close(&f->to);
    assert_int_equal(f->pool.lent, 0);
    for (unsigned i = 0; i < 2; i++) {
        if (f->far[i] >= 0)
            close(f->far[i]);
    }
    loop_free(f->loop);
    iobuf_pool_deinit(&f->pool);
    buf_deinit(&f->got);
}

static void far_close(struct fixture *f, unsigned end)
{
    close(f->far[end]);
    f->far[end] = -1;
}

static int run(struct fixture *f)
{
    assert_int_equal(loop_turn(f->loop, 0), 0);
    return pump_run(&f->pump);
}

static void far_read(struct fixture *f)
{
    ssize_t n = recv(f->far[1], buf_reserve(&f->got, 1 << 20), 1 << 20, MSG_DONTWAIT);

    if (n > 0)
        f->got.len += (size_t)n;
}

static const struct {
    const char *what;
    enum http_body_kind in;
    uint64_t length;
    enum http_body_kind out;
    const char *bytes, *expected;
    bool ends;
    int result;
} bodies[] = {
    { "length", HTTP_BODY_LENGTH, 5, HTTP_BODY_LENGTH, "helloGET", "hello", false, PUMP_DONE },
    { "chunks to length", HTTP_BODY_CHUNKED, 0, HTTP_BODY_TO_END, "2\r\nhi\r\n0\r\n\r\n", "hi",
      false, PUMP_DONE },
    { "end to chunks", HTTP_BODY_TO_END, 0, HTTP_BODY_CHUNKED, "hi", "2\r\nhi\r\n0\r\n\r\n", true,
      PUMP_DONE },
    { "none", HTTP_BODY_NONE, 0, HTTP_BODY_NONE, "", "", false, PUMP_DONE },
    { "part", HTTP_BODY_LENGTH, 9, HTTP_BODY_LENGTH, "hello", "hello", false, PUMP_WAIT_SOURCE },
    { "cut", HTTP_BODY_LENGTH, 9, HTTP_BODY_LENGTH, "hello", NULL, true, PUMP_SOURCE_ENDED },
    { "cut chunk", HTTP_BODY_CHUNKED, 0, HTTP_BODY_CHUNKED, "5\r\nhe", NULL, true,
      PUMP_SOURCE_ENDED },
    { "bad", HTTP_BODY_CHUNKED, 0, HTTP_BODY_CHUNKED, "zz\r\n", NULL, false, PUMP_SOURCE_BAD },
};

static void test_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct fixture f;
        size_t len = strlen(bodies[i].bytes);

        print_message("%s\n", bodies[i].what);
        fixture_init(&f, bodies[i].in, bodies[i].length, bodies[i].out);
        assert_int_equal(send(f.far[0], bodies[i].bytes, len, 0), len);
        if (bodies[i].ends)
            assert_int_equal(shutdown(f.far[0], SHUT_WR), 0);
        assert_int_equal(run(&f), bodies[i].result);
        far_read(&f);
        if (bodies[i].expected)
            assert_true(span_eq(buf_span(&f.got), span_from_str(bodies[i].expected)));
        fixture_deinit(&f);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f, HTTP_BODY_CHUNKED, 0, HTTP_BODY_CHUNKED);
    f.pump.bytes_max = 4;
    assert_int_equal(send(f.far[0], "3\r\nabc\r\n", 8, 0), 8);
    assert_int_equal(run(&f), PUMP_WAIT_SOURCE);
    assert_int_equal(send(f.far[0], "2\r\nde\r\n", 7, 0), 7);
    assert_int_equal(run(&f), PUMP_TOO_LARGE);
    fixture_deinit(&f);
}

static void test_sink_that_left(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f, HTTP_BODY_TO_END, 0, HTTP_BODY_TO_END);
    far_close(&f, 1);
    assert_int_equal(send(f.far[0], "x", 1, 0), 1);
    assert_int_equal(run(&f), PUMP_SINK_FAILED);
    fixture_deinit(&f);
}

/* A sink that takes nothing stops the source; all arrives once it goes on, in order. */
static void back_pressure(enum http_body_kind framing)
{
    static char block[8192];
    struct fixture f;
    size_t sent = 0, stalls = 0;
    int r = PUMP_WAIT_SOURCE;

    fixture_init(&f, HTTP_BODY_LENGTH, 1 << 20, framing);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)('a' + i % 26);
    while (r != PUMP_DONE) {
        ssize_t n = sent < 1 << 20 ? send(f.far[0], block, sizeof(block), MSG_DONTWAIT) : 0;

        if (n > 0)
            assert_int_equal(n, sizeof(block));
        sent += n > 0 ? (size_t)n : 0;
        r = run(&f);
        assert_true(f.pool.lent <= 2);
        if (r == PUMP_WAIT_SINK) {
            stalls++;
            far_read(&f);
        }
        assert_in_set(
            r, ((LargestIntegralType[]){ PUMP_DONE, PUMP_WAIT_SOURCE, PUMP_WAIT_SINK, PUMP_AGAIN }),
            4);
    }
    far_read(&f);
    assert_true(stalls > 10);
    assert_int_equal(f.pump.bytes, 1 << 20);
    if (framing == HTTP_BODY_LENGTH) {
        assert_int_equal(f.got.len, 1 << 20);
        for (size_t i = 0; i < f.got.len; i += sizeof(block))
            assert_memory_equal(f.got.ptr + i, block, sizeof(block));
    }
    fixture_deinit(&f);
}

static void test_back_pressure(void **state)
{
    (void)state;
    back_pressure(HTTP_BODY_LENGTH);
    back_pressure(HTTP_BODY_CHUNKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_sink_that_left),
        cmocka_unit_test(test_back_pressure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
