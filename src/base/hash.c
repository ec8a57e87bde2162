#include "base/hash.h"

#include <endian.h>

/* Eight bytes at a time, each folded in by a 64x64 -> 128 bit multiplication whose halves are
 * xored: the product spreads every input bit over all output bits. */

static const uint64_t odd_a = 0x9FB21C651E98DF25u;
static const uint64_t odd_b = 0xD6E8FEB86659FD93u;

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load_le64(const char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return le64toh(v);
}

static inline uint64_t load_le32(const char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return le32toh(v);
}

/* The last 1 to 7 bytes as the low bytes of a word: by loads that overlap, for most of what is hashed
 * is short, and a copy of unknown length costs more than all the rest. */
static inline uint64_t load_tail(const char *at, size_t left)
{
    const unsigned char *byte = (const unsigned char *)at;

    if (left >= 4)
        return load_le32(at) | load_le32(at + left - 4) << (left - 4) * 8;
    return byte[0] | (uint64_t)byte[left / 2] << left / 2 * 8 |
           (uint64_t)byte[left - 1] << (left - 1) * 8;
}

uint64_t hash_u64(uint64_t value)
{
    return fold(value ^ odd_a, odd_b);
}

uint64_t hash_bytes(struct span bytes, uint64_t seed)
{
    uint64_t h = seed ^ odd_b ^ bytes.len;
    const char *at = bytes.ptr;
    size_t left = bytes.len;

    for (; left >= 8; at += 8, left -= 8)
        h = fold(h ^ load_le64(at), odd_a);
    if (left > 0)
        h = fold(h ^ load_tail(at, left), odd_a ^ left);
    return fold(h ^ odd_a, odd_b);
}

/* Four chains side by side: each waits for its own multiplications only. */
uint64_t hash_block(struct span bytes)
{
    uint64_t lanes[4] = { odd_a, odd_b, odd_a ^ bytes.len, odd_b ^ bytes.len };
    const char *at = bytes.ptr;
    size_t left = bytes.len;

    for (; left >= 32; at += 32, left -= 32) {
        for (size_t i = 0; i < 4; i++)
            lanes[i] = fold(lanes[i] ^ load_le64(at + 8 * i), odd_a);
    }
    uint64_t h = hash_bytes(span_of(at, left), lanes[0]);
    for (size_t i = 1; i < 4; i++)
        h = fold(h ^ lanes[i], odd_b);
    return h;
}
