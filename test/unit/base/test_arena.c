#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const size_t sizes[] = { 0, 1, 15, 16, 17, 63, 64, 65, 100, 1000, 5000, 1, 0, 33 };

static void test_pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    unsigned char *pieces[ARRAY_LEN(sizes)];

    arena_init(&arena, 64);
    assert_int_equal(arena_bytes(&arena), 0); /* costs nothing yet */
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        pieces[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(pieces[i][at], i);
    }
    assert_true(arena_bytes(&arena) >= 6355);
    arena_deinit(&arena);
    assert_int_equal(arena_bytes(&arena), 0);
}

static void test_zeroed_after_reset(void **state)
{
    (void)state;
    struct arena arena;

    arena_init(&arena, 128);
    memset(arena_alloc(&arena, 128), 0xFF, 128);
    arena_reset(&arena);
    unsigned char *piece = arena_alloc_zero(&arena, 128);
    for (size_t i = 0; i < 128; i++)
        assert_int_equal(piece[i], 0);
    arena_deinit(&arena);
}

static void test_reset_keeps_one_block(void **state)
{
    (void)state;
    struct arena arena;

    arena_init(&arena, 256);
    arena_reset(&arena); /* of nothing */
    assert_int_equal(arena_bytes(&arena), 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&arena, 200));
    assert_true(arena_bytes(&arena) >= 20000);
    arena_reset(&arena);
    assert_int_equal(arena_bytes(&arena), 256);
    assert_non_null(arena_alloc(&arena, 200)); /* fits what was kept */
    assert_int_equal(arena_bytes(&arena), 256);
    arena_deinit(&arena);
    arena_deinit(&arena); /* twice is fine, and it can be used again */
    assert_non_null(arena_alloc(&arena, 1));
    arena_deinit(&arena);
}

static void test_copies_end_in_nul(void **state)
{
    (void)state;
    struct arena arena;

    arena_init(&arena, 32);
    struct span copy = arena_dup(&arena, span_of("a\0bcd", 4));
    assert_int_equal(copy.len, 4);
    assert_memory_equal(copy.ptr, "a\0bc", 5);
    struct span empty = arena_dup(&arena, span_of(NULL, 0));
    assert_int_equal(empty.len, 0);
    assert_int_equal(empty.ptr[0], '\0');
    arena_deinit(&arena);
}

static void test_printf(void **state)
{
    (void)state;
    struct arena arena;

    arena_init(&arena, 32);
    struct span text = arena_printf(&arena, "%s/%d", "default", 42);
    assert_true(span_eq(text, SPAN("default/42")));
    assert_int_equal(text.ptr[text.len], '\0');
    text = arena_printf(&arena, "%200d", 1); /* longer than a block */
    assert_int_equal(text.len, 200);
    assert_int_equal(arena_printf(&arena, "%s", "").len, 0);
    arena_deinit(&arena);
}

struct record {
    uint64_t a, b;
};

static void test_typed(void **state)
{
    (void)state;
    struct arena arena;

    arena_init(&arena, 64);
    struct record *one = arena_new(&arena, struct record);
    struct record *many = arena_new_array(&arena, struct record, 100);
    assert_int_equal(one->a + one->b, 0);
    assert_int_equal(many[99].b, 0);
    many[99].b = 1;
    arena_deinit(&arena);
}

static void test_texts_lie_without_gaps(void **state)
{
    (void)state;
    struct arena arena;

    arena_init(&arena, 256);
    struct span first = arena_dup(&arena, SPAN("abc")), second = arena_printf(&arena, "%d", 12);
    assert_ptr_equal(second.ptr, first.ptr + 4);
    assert_int_equal((uintptr_t)arena_alloc(&arena, 1) % _Alignof(max_align_t), 0);
    assert_true(span_eq(first, SPAN("abc")) && span_eq(second, SPAN("12")));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_lie_without_gaps),
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_zeroed_after_reset),
        cmocka_unit_test(test_reset_keeps_one_block),
        cmocka_unit_test(test_copies_end_in_nul),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
