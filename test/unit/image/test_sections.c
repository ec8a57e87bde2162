#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/scope.h"
#include "image/lookup.h"
#include "image/sections.h"
#include "image/segment.h"

static void test_texts_are_interned(void **state)
{
    (void)state;
    SCOPED(image_sections_deinit) struct image_sections sections;

    image_sections_init(&sections, IMAGE_ROUTES, 0);
    struct image_str first = image_sections_str(&sections, SPAN("namespace"));
    struct image_str other = image_sections_str(&sections, SPAN("name"));
    struct image_str again = image_sections_str(&sections, SPAN("namespace"));
    struct image_str empty = image_sections_str(&sections, SPAN_EMPTY);

    assert_memory_equal(&first, &again, sizeof(first));
    assert_int_equal(other.offset, 9);
    assert_int_equal(other.len, 4);
    assert_int_equal(empty.len, 0);
    assert_int_equal(image_sections_count(&sections, IMAGE_SECTION_STRINGS), 13);
}

static void test_assembled_sections_resolve(void **state)
{
    (void)state;
    SCOPED(image_sections_deinit) struct image_sections sections;
    struct image_block_bytes block;
    struct image_segment_view view = { 0 };
    struct image_filter filter = { .kind = 1, .status = 503 };

    image_sections_init(&sections, IMAGE_ROUTES, 0);
    image_sections_str(&sections, SPAN("odd")); /* what follows must be aligned all the same */
    assert_int_equal(image_sections_add(&sections, IMAGE_SECTION_FILTERS, &filter, sizeof(filter)),
                     0);
    assert_int_equal(image_sections_add(&sections, IMAGE_SECTION_FILTERS, &filter, sizeof(filter)),
                     1);
    assert_true(image_sections_assemble(&sections, IMAGE_SEGMENT_BYTES_MAX, &block));
    assert_int_equal(image_segment_resolve(span_of(block.ptr, block.len), IMAGE_ROUTES, &view),
                     IMAGE_OPEN_OK);
    assert_int_equal(view.count[IMAGE_SECTION_FILTERS], 2);
    assert_memory_equal(image_record(&view, IMAGE_SECTION_FILTERS, 1, sizeof(filter)), &filter,
                        sizeof(filter));
    assert_memory_equal(view.at[IMAGE_SECTION_STRINGS], "odd", 3);
    mem_free(block.ptr);
}

static void test_too_large_is_refused(void **state)
{
    (void)state;
    SCOPED(image_sections_deinit) struct image_sections sections;
    struct image_block_bytes block = { 0 };

    image_sections_init(&sections, IMAGE_ROUTES, 0);
    image_sections_str(&sections, SPAN("12345678"));
    assert_false(image_sections_assemble(&sections, sizeof(struct image_segment) + 7, &block));
    assert_null(block.ptr);
    assert_true(image_sections_assemble(&sections, sizeof(struct image_segment) + 8, &block));
    assert_int_equal(block.len, sizeof(struct image_segment) + 8);
    mem_free(block.ptr);
    sections.is_full = true; /* a section that hit the limit */
    assert_false(image_sections_assemble(&sections, IMAGE_SEGMENT_BYTES_MAX, &block));
}

static const struct {
    uint32_t records, slots;
} tables[] = { { 0, 0 }, { 1, 2 }, { 2, 4 }, { 3, 8 }, { 4, 8 }, { 5, 16 }, { 1000, 2048 } };

static void test_tables_are_at_most_half_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        assert_int_equal(image_slots_for(tables[i].records), tables[i].slots);
}

/* All in one run, across the end of the table. */
static void test_colliding_records_are_all_found(void **state)
{
    (void)state;
    SCOPED(image_sections_deinit) struct image_sections sections;
    uint64_t hashes[] = { 7, 7, 15, 7 };
    struct image_segment_view view = { 0 };

    image_sections_init(&sections, IMAGE_ROUTES, 0);
    image_sections_index(&sections, IMAGE_SECTION_HOST_SLOTS, hashes, 4);
    view.at[IMAGE_SECTION_HOST_SLOTS] = sections.content[IMAGE_SECTION_HOST_SLOTS].ptr;
    view.count[IMAGE_SECTION_HOST_SLOTS] =
        image_sections_count(&sections, IMAGE_SECTION_HOST_SLOTS);
    struct image_probe probe = image_probe_start(&view, IMAGE_SECTION_HOST_SLOTS, 7);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(image_probe_next(&probe), i);
    assert_int_equal(image_probe_next(&probe), IMAGE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_interned),
        cmocka_unit_test(test_assembled_sections_resolve),
        cmocka_unit_test(test_too_large_is_refused),
        cmocka_unit_test(test_tables_are_at_most_half_full),
        cmocka_unit_test(test_colliding_records_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
