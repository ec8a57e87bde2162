#include "proxy/body/compress_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/scope.h"

static struct iobuf_pool pool;
static struct compress_budget budget = { 0, 1 << 20 };

/* The next sink: takes a few bytes, then none, as often as a test likes. */
struct taker {
    struct body_sink base;
    size_t room;  /* left until it says SINK_WAIT */
    size_t grain; /* taken at a time */
    bool fails;
    struct buf got;
    unsigned ends, flushes;
    size_t trailers_len;
};

static int taker_write(struct body_sink *base, struct span piece, size_t *ret_taken)
{
    struct taker *taker = container_of(base, struct taker, base);

    *ret_taken = 0;
    if (taker->fails)
        return SINK_FAILED;
    piece = span_upto(span_upto(piece, taker->grain), taker->room);
    buf_append(&taker->got, piece);
    taker->room -= piece.len;
    *ret_taken = piece.len;
    return taker->room == 0 ? SINK_WAIT : SINK_OK;
}

static int taker_end(struct body_sink *base, const struct http_header *trailers,
                     size_t trailers_len)
{
    struct taker *taker = container_of(base, struct taker, base);

    (void)trailers;
    taker->ends++;
    taker->trailers_len = trailers_len;
    return SINK_OK;
}

static int taker_flush(struct body_sink *base)
{
    container_of(base, struct taker, base)->flushes++;
    return SINK_OK;
}

static const struct body_sink_ops taker_ops = { taker_write, taker_end, taker_flush };

static struct compress_sink *sink_before(struct taker *taker)
{
    struct compress_encoder *encoder =
        compress_encoder_new(&budget, COMPRESS_GZIP, 1, COMPRESS_LENGTH_UNKNOWN);

    assert_non_null(encoder);
    taker->base.ops = &taker_ops;
    return compress_sink_new(encoder, COMPRESS_GZIP, &pool, &taker->base);
}

static void sink_done(struct compress_sink *sink, struct taker *taker)
{
    compress_sink_free(sink);
    buf_deinit(&taker->got);
    assert_int_equal(pool.lent, 0);
    assert_int_equal(budget.used_bytes, 0);
}

/* What can be decoded of what came, and whether that is all. */
static void assert_got(const struct taker *taker, struct span plain, bool ended)
{
    static char decoded[1 << 20];
    z_stream stream = { .next_in = (z_const Bytef *)taker->got.ptr,
                        .avail_in = (uInt)taker->got.len,
                        .next_out = (Bytef *)decoded,
                        .avail_out = sizeof(decoded) };

    assert_int_equal(inflateInit2(&stream, 31), Z_OK);
    int r = inflate(&stream, Z_SYNC_FLUSH);
    assert_int_equal(r == Z_STREAM_END, ended);
    assert_true(span_eq(span_of(decoded, sizeof(decoded) - stream.avail_out), plain));
    inflateEnd(&stream);
}

/* Calls until it is not told to wait, giving room for a little more each time. */
static void until_ok(struct taker *taker, struct compress_sink *sink,
                     int (*call)(struct compress_sink *))
{
    int r;

    for (unsigned i = 0; (r = call(sink)) != SINK_OK; i++) {
        assert_int_equal(r, SINK_WAIT);
        assert_true(i < 1000000);
        taker->room += 7;
    }
}

static int call_flush(struct compress_sink *sink)
{
    return sink->base.ops->flush(&sink->base);
}

static int call_end(struct compress_sink *sink)
{
    /* The last two speak of the content as it was. */
    static const struct http_header trailers[] = {
        { "A", "b", 1, 1, HTTP_NAME_OTHER },
        { "ETag", "\"e\"", 3, 4, HTTP_ETAG },
        { "Accept-Ranges", "bytes", 5, 13, HTTP_ACCEPT_RANGES },
    };

    return sink->base.ops->end(&sink->base, trailers, ARRAY_LEN(trailers));
}

static void write_all(struct taker *taker, struct compress_sink *sink, struct span bytes)
{
    while (bytes.len > 0) {
        size_t taken;
        int r = sink->base.ops->write(&sink->base, bytes, &taken);

        assert_true(r == SINK_OK || r == SINK_WAIT);
        assert_true(r == SINK_OK || taken == 0);
        bytes = span_from(bytes, taken);
        if (r == SINK_WAIT)
            taker->room += 7;
    }
}

static char content[100000]; /* noise, so that coded bytes come all along */

static void content_fill(void)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < sizeof(content); i++) {
        seed = seed * 1664525 + 1013904223;
        content[i] = (char)(seed >> 24);
    }
}

static const struct {
    size_t room, grain;
} takers[] = { { SIZE_MAX, SIZE_MAX }, { SIZE_MAX, 100 }, { 0, SIZE_MAX }, { 1000, 1 } };

static void test_all_arrives_however_slowly_it_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        struct taker taker = { .room = takers[i].room, .grain = takers[i].grain };
        struct compress_sink *sink = sink_before(&taker);

        write_all(&taker, sink, span_of(content, sizeof(content)));
        until_ok(&taker, sink, call_end);
        until_ok(&taker, sink, call_flush);
        assert_int_equal(taker.ends, 1);
        assert_int_equal(taker.trailers_len, 1);
        assert_true(taker.flushes > 0);
        assert_int_equal(sink->sent_bytes, taker.got.len);
        assert_got(&taker, span_of(content, sizeof(content)), true);
        sink_done(sink, &taker);
    }
}

/* A flush gives out all that there is; one that was interrupted is ended before more is coded. */
static void test_a_flush_holds_nothing_back(void **state)
{
    (void)state;
    struct taker taker = { .room = SIZE_MAX, .grain = SIZE_MAX };
    struct compress_sink *sink = sink_before(&taker);

    write_all(&taker, sink, SPAN("data: 1\n\n"));
    assert_int_equal(taker.got.len, 0); /* gathered */
    until_ok(&taker, sink, call_flush);
    assert_got(&taker, SPAN("data: 1\n\n"), false);
    size_t before = taker.got.len;
    until_ok(&taker, sink, call_flush); /* of nothing */
    assert_int_equal(taker.got.len, before);
    assert_int_equal(taker.flushes, 2);

    write_all(&taker, sink, span_of(content, 40000));
    taker.room = 10;
    assert_int_equal(call_flush(sink), SINK_WAIT);
    write_all(&taker, sink, SPAN("data: 2\n\n"));
    taker.room = SIZE_MAX;
    until_ok(&taker, sink, call_end);
    SCOPED(buf_deinit) struct buf all = { 0 };
    buf_append(&all, SPAN("data: 1\n\n"));
    buf_append(&all, span_of(content, 40000));
    buf_append(&all, SPAN("data: 2\n\n"));
    assert_got(&taker, buf_span(&all), true);
    sink_done(sink, &taker);
}

/* A client that takes nothing holds what is coded, and no encoder. */
static void test_the_end_frees_the_encoder(void **state)
{
    (void)state;
    struct taker taker = { .room = 0, .grain = SIZE_MAX };
    struct compress_sink *sink = sink_before(&taker);

    write_all(&taker, sink, SPAN("hello"));
    assert_true(budget.used_bytes > 0);
    assert_int_equal(call_end(sink), SINK_WAIT);
    assert_int_equal(budget.used_bytes, 0);
    assert_int_equal(pool.lent, 1);
    assert_int_equal(taker.ends, 0);
    taker.room = SIZE_MAX;
    assert_int_equal(call_end(sink), SINK_OK);
    assert_got(&taker, SPAN("hello"), true);
    sink_done(sink, &taker);
}

static void test_failure_is_passed_on(void **state)
{
    (void)state;
    struct taker taker = { .room = SIZE_MAX, .grain = SIZE_MAX, .fails = true };
    struct compress_sink *sink = sink_before(&taker);

    write_all(&taker, sink, SPAN("hello"));
    assert_int_equal(call_flush(sink), SINK_FAILED);
    assert_int_equal(call_end(sink), SINK_FAILED);
    sink_done(sink, &taker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_arrives_however_slowly_it_is_taken),
        cmocka_unit_test(test_a_flush_holds_nothing_back),
        cmocka_unit_test(test_the_end_frees_the_encoder),
        cmocka_unit_test(test_failure_is_passed_on),
    };

    content_fill();
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    iobuf_pool_deinit(&pool);
    return r;
}
