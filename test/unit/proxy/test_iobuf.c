#include "proxy/stream/iobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/limits.h"

static void test_lending(void **state)
{
    (void)state;
    struct iobuf_pool pool = { 0 };
    struct iobuf *one = iobuf_take(&pool), *two = iobuf_take_large(&pool);

    assert_int_equal(pool.lent, 2);
    assert_int_equal(iobuf_room(one), PROXY_BUFFER_BYTES);
    assert_int_equal(iobuf_room(two), PROXY_BUFFER_LARGE_BYTES);
    iobuf_append(one, SPAN("old"));
    assert_null(iobuf_put(&pool, one));
    assert_null(iobuf_put(&pool, two));
    assert_null(iobuf_put(&pool, NULL));
    assert_int_equal(pool.lent, 0);
    assert_int_equal(pool.free_len, 1); /* large ones are not kept */
    struct iobuf *again = iobuf_take(&pool);
    assert_ptr_equal(again, one);
    assert_int_equal(iobuf_len(again), 0);
    iobuf_put(&pool, again);
    iobuf_pool_deinit(&pool);
}

static void test_bounded_keeping(void **state)
{
    (void)state;
    static struct iobuf *lent[PROXY_BUFFERS_KEPT + 10];
    struct iobuf_pool pool = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(lent); i++)
        lent[i] = iobuf_take(&pool);
    for (size_t i = 0; i < ARRAY_LEN(lent); i++)
        iobuf_put(&pool, lent[i]);
    assert_int_equal(pool.free_len, PROXY_BUFFERS_KEPT);
    iobuf_pool_deinit(&pool);
}

static void test_consuming(void **state)
{
    (void)state;
    struct iobuf_pool pool = { 0 };
    struct iobuf *buf = iobuf_take(&pool);

    iobuf_append(buf, SPAN("abcdef"));
    iobuf_consume(buf, 2);
    assert_true(span_eq(iobuf_span(buf), SPAN("cdef")));
    assert_int_equal(iobuf_room(buf), PROXY_BUFFER_BYTES - 6);
    iobuf_compact(buf);
    assert_true(span_eq(iobuf_span(buf), SPAN("cdef")));
    assert_int_equal(iobuf_room(buf), PROXY_BUFFER_BYTES - 4);
    iobuf_consume(buf, 4);
    assert_int_equal(iobuf_room(buf), PROXY_BUFFER_BYTES); /* an empty one starts anew */
    iobuf_put(&pool, buf);
    iobuf_pool_deinit(&pool);
}

static void test_enlarging(void **state)
{
    (void)state;
    struct iobuf_pool pool = { 0 };
    struct iobuf *buf = iobuf_take(&pool);

    iobuf_append(buf, SPAN("abc"));
    iobuf_consume(buf, 1);
    buf = iobuf_enlarge(&pool, buf);
    assert_int_equal(buf->cap, PROXY_BUFFER_LARGE_BYTES);
    assert_true(span_eq(iobuf_span(buf), SPAN("bc")));
    iobuf_consume(buf, 1);
    assert_ptr_equal(iobuf_enlarge(&pool, buf), buf); /* is as large as they get */
    assert_int_equal(buf->start, 0);
    assert_int_equal(pool.lent, 1);
    iobuf_put(&pool, buf);
    iobuf_pool_deinit(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lending),
        cmocka_unit_test(test_bounded_keeping),
        cmocka_unit_test(test_consuming),
        cmocka_unit_test(test_enlarging),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
