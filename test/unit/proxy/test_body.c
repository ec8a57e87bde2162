#include "proxy/body/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"

static struct iobuf_pool pool;

/* Feeds `bytes` in two parts, cut at `cut`, consuming pieces `step` bytes at a time. Returns the last
 * result; content goes to *content. */
static int read_in_parts(struct body_reader *reader, struct span bytes, size_t cut, size_t step,
                         struct buf *content, size_t *ret_left)
{
    struct iobuf *in = iobuf_take(&pool);
    const struct span parts[] = { span_upto(bytes, cut), span_from(bytes, cut) };
    int r = BODY_MORE;

    for (size_t part = 0; part < 2 && r == BODY_MORE; part++) {
        struct span piece;

        iobuf_compact(in);
        iobuf_append(in, parts[part]);
        while ((r = body_read(reader, in, &piece)) == BODY_PIECE) {
            piece = span_upto(piece, step);
            buf_append(content, piece);
            body_consume(reader, in, piece.len);
        }
        if (r == BODY_END && part == 0)
            iobuf_append(in, parts[1]);
    }
    *ret_left = iobuf_len(in);
    iobuf_put(&pool, in);
    return r;
}

static const struct {
    const char *what;
    enum http_body_kind kind;
    uint64_t length;
    const char *bytes, *content;
    int result;
    size_t left; /* bytes behind the body, untouched */
} bodies[] = {
    { "none", HTTP_BODY_NONE, 0, "GET", "", BODY_END, 3 },
    { "empty", HTTP_BODY_LENGTH, 0, "GET", "", BODY_END, 3 },
    { "length", HTTP_BODY_LENGTH, 5, "helloGET", "hello", BODY_END, 3 },
    { "short", HTTP_BODY_LENGTH, 9, "hello", "hello", BODY_MORE, 0 },
    { "to the end", HTTP_BODY_TO_END, 0, "hello", "hello", BODY_MORE, 0 },
    { "chunks", HTTP_BODY_CHUNKED, 0, "3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\nGET", "hello", BODY_END,
      3 },
    { "trailers", HTTP_BODY_CHUNKED, 0, "1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\nGET", "x", BODY_END,
      3 },
    { "bad size", HTTP_BODY_CHUNKED, 0, "x\r\n", "", BODY_BAD, 3 },
    { "bad end of a chunk", HTTP_BODY_CHUNKED, 0, "1\r\nxyz", "x", BODY_BAD, 0 },
};

static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct span bytes = span_from_str(bodies[i].bytes);

        print_message("%s\n", bodies[i].what);
        for (size_t cut = 0; cut <= bytes.len; cut++) {
            for (size_t step = 1; step <= bytes.len; step++) {
                struct body_reader reader;
                struct buf content = { 0 };
                size_t left;

                body_reader_init(&reader, bodies[i].kind, bodies[i].length);
                int r = read_in_parts(&reader, bytes, cut, step, &content, &left);
                assert_int_equal(r, bodies[i].result);
                assert_true(span_eq(buf_span(&content), span_from_str(bodies[i].content)));
                if (r == BODY_END)
                    assert_int_equal(left, bodies[i].left);
                buf_deinit(&content);
            }
        }
    }
    assert_int_equal(pool.lent, 0);
}

static void test_begun_is_more_than_content(void **state)
{
    (void)state;
    struct body_reader reader;
    struct buf content = { 0 };
    size_t left;

    body_reader_init(&reader, HTTP_BODY_CHUNKED, 0);
    assert_false(reader.begun);
    assert_int_equal(read_in_parts(&reader, SPAN("5\r\n"), 0, 1, &content, &left), BODY_MORE);
    assert_true(reader.begun);
    assert_int_equal(content.len, 0);
}

static void test_writing(void **state)
{
    (void)state;
    struct iobuf *out = iobuf_take(&pool);
    struct http_header trailer = { "A", "b", 1, 1, HTTP_NAME_OTHER };

    body_write(HTTP_BODY_CHUNKED, out, SPAN("hello, hello, hello"));
    size_t before = iobuf_len(out);
    body_write_end(out, &trailer, 1);
    assert_int_equal(body_end_bytes(&trailer, 1), iobuf_len(out) - before);
    assert_true(span_eq(iobuf_span(out), SPAN("13\r\nhello, hello, hello\r\n0\r\nA: b\r\n\r\n")));
    iobuf_consume(out, iobuf_len(out));
    body_write(HTTP_BODY_LENGTH, out, SPAN("hello"));
    assert_true(span_eq(iobuf_span(out), SPAN("hello")));
    iobuf_put(&pool, out);
}

/* Whatever room a writer says that it has, a piece of that length fits. */
static void test_room_is_enough(void **state)
{
    (void)state;
    static char filler[4096];

    for (size_t used = 0; used <= 64; used++) {
        struct iobuf *out = iobuf_take(&pool);
        size_t fill = iobuf_room(out) - used;

        while (fill > 0) {
            size_t len = MIN(fill, sizeof(filler));
            iobuf_append(out, span_of(filler, len));
            fill -= len;
        }
        size_t room = body_writer_room(HTTP_BODY_CHUNKED, out);
        if (room > 0)
            body_write(HTTP_BODY_CHUNKED, out, span_of(filler, room));
        assert_true(iobuf_room(out) <= used);
        iobuf_put(&pool, out);
    }
}

static int pool_deinit(void **state)
{
    (void)state;
    iobuf_pool_deinit(&pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_begun_is_more_than_content),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_room_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, pool_deinit);
}
