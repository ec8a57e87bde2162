#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { KEYS = 400, STEPS = 200000 };

static uint32_t dice(uint32_t sides)
{
    static uint64_t seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % sides;
}

static int values[KEYS * 2];

/* Random insertions, replacements and removals, against an array that is right by its simplicity. */
static void test_map_against_a_model(void **state)
{
    (void)state;
    static char names[KEYS][12];
    struct span keys[KEYS];
    void *model[KEYS] = { NULL };
    struct map map = { 0 };
    size_t len = 0;

    for (size_t i = 0; i < KEYS; i++) { /* lengths 0 … 11, with NULs inside; all different */
        memset(names[i], (int)(i / 12), sizeof(names[i]));
        keys[i] = span_of(names[i], i % 12);
        if (i % 12 == 0) {
            memcpy(names[i], &i, 4);
            keys[i].len = i == 0 ? 0 : 12;
        }
    }
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = dice(KEYS);
        /* Waves of mostly putting and mostly removing, so that it fills and empties. */
        bool put = dice(100) < (step / 5000 % 2 ? 30 : 70);

        if (put) {
            void *value = &values[i + KEYS * dice(2)];
            assert_ptr_equal(map_put(&map, keys[i], value), model[i]);
            len += model[i] == NULL;
            model[i] = value;
        } else {
            assert_ptr_equal(map_remove(&map, keys[i]), model[i]);
            len -= model[i] != NULL;
            model[i] = NULL;
        }
        assert_int_equal(map.len, len);
        size_t other = dice(KEYS);
        assert_ptr_equal(map_find(&map, keys[other]), model[other]);
    }
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(map_find(&map, keys[i]), model[i]);
    map_deinit(&map);
}

static void test_idmap_against_a_model(void **state)
{
    (void)state;
    uint64_t ids[KEYS];
    void *model[KEYS] = { NULL };
    struct idmap map = { 0 };
    size_t len = 0;

    for (size_t i = 0; i < KEYS; i++)
        ids[i] = i % 3 == 0 ? i : i % 3 == 1 ? UINT64_MAX - i : i << 40;
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = dice(KEYS);
        bool put = dice(100) < (step / 5000 % 2 ? 30 : 70);

        if (put) {
            void *value = &values[i + KEYS * dice(2)];
            assert_ptr_equal(idmap_put(&map, ids[i], value), model[i]);
            len += model[i] == NULL;
            model[i] = value;
        } else {
            assert_ptr_equal(idmap_remove(&map, ids[i]), model[i]);
            len -= model[i] != NULL;
            model[i] = NULL;
        }
        assert_int_equal(map.len, len);
        size_t other = dice(KEYS);
        assert_ptr_equal(idmap_find(&map, ids[other]), model[other]);
    }
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(idmap_find(&map, ids[i]), model[i]);
    idmap_deinit(&map);
}

static void test_empty_maps(void **state)
{
    (void)state;
    struct map map = { 0 };
    struct idmap idmap = { 0 };
    size_t cursor = 0;

    assert_null(map_find(&map, SPAN("a")));
    assert_null(map_remove(&map, SPAN("a")));
    assert_null(map_next(&map, &cursor));
    assert_null(idmap_find(&idmap, 0));
    assert_null(idmap_remove(&idmap, 0));
    assert_null(idmap_next(&idmap, &cursor));
    map_deinit(&map);
    idmap_deinit(&idmap);
}

static void test_walks_see_each_value_once(void **state)
{
    (void)state;
    struct map map = { 0 };
    struct idmap idmap = { 0 };
    unsigned seen[KEYS] = { 0 };
    static uint32_t keys[KEYS];
    int *value;
    size_t cursor = 0;

    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i] = i;
        map_put(&map, span_of((const char *)&keys[i], sizeof(keys[i])), &values[i]);
        idmap_put(&idmap, i, &values[i]);
    }
    while ((value = map_next(&map, &cursor)) != NULL)
        seen[value - values]++;
    cursor = 0;
    while ((value = idmap_next(&idmap, &cursor)) != NULL)
        seen[value - values]++;
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(seen[i], 2);
    map_deinit(&map);
    idmap_deinit(&idmap);
    assert_int_equal(map.len + map.cap + idmap.len + idmap.cap, 0);
}

/* A replaced entry points to the newer key: the older one's bytes may be gone. */
static void test_replacing_takes_the_new_key(void **state)
{
    (void)state;
    struct map map = { 0 };
    char older[] = "key", newer[] = "key";

    assert_null(map_put(&map, span_of(older, 3), &values[0]));
    assert_ptr_equal(map_put(&map, span_of(newer, 3), &values[1]), &values[0]);
    memset(older, 'x', 3);
    assert_ptr_equal(map_find(&map, SPAN("key")), &values[1]);
    assert_int_equal(map.len, 1);
    map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_against_a_model),
        cmocka_unit_test(test_idmap_against_a_model),
        cmocka_unit_test(test_empty_maps),
        cmocka_unit_test(test_walks_see_each_value_once),
        cmocka_unit_test(test_replacing_takes_the_new_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
