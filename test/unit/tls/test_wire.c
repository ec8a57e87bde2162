#include "tls/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_waits(const struct wire_queue *queue, struct span expected)
{
    assert_int_equal(wire_queue_len(queue), expected.len);
    assert_true(span_eq(span_of(queue->ptr + queue->at, expected.len), expected));
}

static void test_queue_keeps_the_order(void **state)
{
    (void)state;
    struct wire_queue queue = { 0 };
    unsigned char in = 0, out = 0;
    size_t waiting = 0;

    for (size_t round = 1; round < 3000; round++) {
        unsigned char bytes[97];
        size_t put = round % sizeof(bytes), take = round * 7 % 120;

        for (size_t i = 0; i < put; i++)
            bytes[i] = in++;
        wire_queue_push(&queue, span_of((const char *)bytes, put));
        waiting += put;
        take = MIN(take, waiting);
        for (size_t i = 0; i < take; i++)
            assert_int_equal((unsigned char)queue.ptr[queue.at + i], out++);
        wire_queue_shift(&queue, take);
        waiting -= take;
        assert_int_equal(wire_queue_len(&queue), waiting);
    }
    assert_true(queue.cap <= 1 << 14); /* what was taken makes room, or this would be larger */
    wire_queue_shift(&queue, waiting);
    wire_queue_trim(&queue);
}

static void test_queue_gives_memory_back_when_empty(void **state)
{
    (void)state;
    struct wire_queue queue = { 0 };

    wire_queue_push(&queue, SPAN_EMPTY);
    assert_null(queue.ptr);
    wire_queue_trim(&queue);
    wire_queue_push(&queue, SPAN("abc"));
    wire_queue_shift(&queue, 2);
    wire_queue_trim(&queue); /* not now */
    assert_waits(&queue, SPAN("c"));
    wire_queue_shift(&queue, 1);
    wire_queue_trim(&queue);
    assert_null(queue.ptr);
    assert_int_equal(queue.cap, 0);
}

static void test_bio_asks_again_and_never_ends(void **state)
{
    (void)state;
    struct tls_wire wire = { 0 };
    BIO *bio = tls_wire_bio_new(&wire);
    char at[8];

    assert_ptr_equal(tls_wire_of_bio(bio), &wire);
    assert_int_equal(BIO_read(bio, at, sizeof(at)), -1);
    assert_true(BIO_should_retry(bio) && BIO_should_read(bio));
    assert_int_equal(BIO_eof(bio), 0);
    wire_queue_push(&wire.in, SPAN("0123456789"));
    assert_int_equal(BIO_read(bio, at, sizeof(at)), 8);
    assert_memory_equal(at, "01234567", 8);
    assert_false(BIO_should_retry(bio));
    assert_int_equal(BIO_read(bio, at, sizeof(at)), 2);
    assert_int_equal(BIO_write(bio, "out", 3), 3);
    assert_int_equal(BIO_flush(bio), 1);
    assert_waits(&wire.out, SPAN("out"));
    BIO_free(bio);
    tls_wire_deinit(&wire);
}

static void test_bio_refuses_when_full(void **state)
{
    (void)state;
    struct tls_wire wire = { 0 };
    BIO *bio = tls_wire_bio_new(&wire);
    static const char bytes[4096];
    size_t written = 0;

    while (BIO_write(bio, bytes, sizeof(bytes)) == sizeof(bytes))
        written += sizeof(bytes);
    assert_int_equal(written, WIRE_OUT_MAX);
    assert_true(BIO_should_retry(bio) && BIO_should_write(bio));
    wire_queue_shift(&wire.out, 1);
    assert_int_equal(BIO_write(bio, bytes, sizeof(bytes)), sizeof(bytes));
    BIO_free(bio);
    tls_wire_deinit(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_keeps_the_order),
        cmocka_unit_test(test_queue_gives_memory_back_when_empty),
        cmocka_unit_test(test_bio_asks_again_and_never_ends),
        cmocka_unit_test(test_bio_refuses_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
