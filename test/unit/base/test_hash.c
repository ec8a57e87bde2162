#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Hashes are stored in images and in counter pages: these values must never change. */
static const struct {
    const char *text;
    uint64_t seed_0, seed_42;
} vectors[] = {
    { "", 0x2F2627B3741F6232, 0x029C006DD932A50E },
    { "a", 0xA01CDA50AFA4F2C5, 0xDEB2947932CC2647 },
    { "ab", 0xFB26D13227B011B2, 0x1FA9A4A02A56FFB3 },
    { "abc", 0xCF20165593EA9B2E, 0x7D5C5E215DE18F08 },
    { "abcd", 0x9D7C350A465BBC4C, 0x40DA6F075B8D487E },
    { "abcde", 0x1DEBDA59F1E4357C, 0x15E4D6D24FD96FF5 },
    { "abcdef", 0x1325DF0D9E95EFCA, 0x72A133CF5D792519 },
    { "abcdefg", 0x7AA9C43246D29CD8, 0xE0C9E83716E977E8 },
    { "abcdefgh", 0x3A247DD5F97DD26A, 0xB09B0965BD71860F },
    { "abcdefghi", 0x17927D3285AD2742, 0xF9C184DABAE5FC87 },
    { "default/hello", 0x70116BFB9A7548A3, 0xCD18458A2E428364 },
    { "The quick brown fox jumps over the lazy dog", 0x668D0B22E714C845, 0x672F76E1DFBC3F84 },
};

static void test_stable_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct span text = span_from_str(vectors[i].text);

        assert_true(hash_bytes(text, 0) == vectors[i].seed_0);
        assert_true(hash_bytes(text, 42) == vectors[i].seed_42);
    }
}

static void test_stable_numbers(void **state)
{
    (void)state;
    assert_true(hash_u64(0) == 0x336DDDFFFB6DEFB8);
    assert_true(hash_u64(1) == 0x5884DF379293E92A);
    assert_true(hash_u64(UINT64_MAX) == 0x2341DDFFC261EE24);
    assert_true(hash_combine(1, 2) == 0x7CE32BB6017BC87A);
    assert_true(hash_combine(2, 1) == 0x8B559B693B4EA104); /* the order counts */
}

static void test_does_not_depend_on_place(void **state)
{
    (void)state;
    char room[64];

    for (size_t shift = 0; shift < 9; shift++) {
        memset(room, (int)shift, sizeof(room));
        memcpy(room + shift, "default/hello", 13);
        assert_true(hash_bytes(span_of(room + shift, 13), 0) == 0x70116BFB9A7548A3);
    }
    assert_true(hash_bytes(span_of(NULL, 0), 0) == vectors[0].seed_0);
}

static void test_length_counts(void **state)
{
    (void)state;
    static const char zeroes[24];

    for (size_t a = 0; a <= sizeof(zeroes); a++) {
        for (size_t b = 0; b < a; b++)
            assert_true(hash_bytes(span_of(zeroes, a), 0) != hash_bytes(span_of(zeroes, b), 0));
    }
}

/* Maps use the low bits: neighbours must not crowd there. */
static void test_low_bits_spread(void **state)
{
    (void)state;
    unsigned numbers[256] = { 0 }, texts[256] = { 0 };

    for (uint64_t i = 0; i < 25600; i++) {
        numbers[hash_u64(i) & 255]++;
        texts[hash_bytes(span_of((const char *)&i, sizeof(i)), 0) & 255]++;
    }
    for (size_t i = 0; i < 256; i++) {
        assert_in_range(numbers[i], 50, 150);
        assert_in_range(texts[i], 50, 150);
    }
}

/* Any byte, and the length, make a difference, wherever the four chains end. */
static void test_blocks_differ_by_every_byte(void **state)
{
    char bytes[100] = { 0 };

    (void)state;
    for (size_t len = 1; len <= sizeof(bytes); len++) {
        uint64_t before = hash_block(span_of(bytes, len));
        assert_int_not_equal(before, hash_block(span_of(bytes, len - 1)));
        for (size_t i = 0; i < len; i++) {
            bytes[i] = 1;
            assert_int_not_equal(hash_block(span_of(bytes, len)), before);
            bytes[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stable_bytes),
        cmocka_unit_test(test_stable_numbers),
        cmocka_unit_test(test_does_not_depend_on_place),
        cmocka_unit_test(test_length_counts),
        cmocka_unit_test(test_low_bits_spread),
        cmocka_unit_test(test_blocks_differ_by_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
