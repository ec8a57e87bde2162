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
    if (left > 0) {
        char tail[8] = { 0 };
        memcpy(tail, at, left);
        h = fold(h ^ load_le64(tail), odd_a ^ left);
    }
    return fold(h ^ odd_a, odd_b);
}
