/* base/hash.h
 *
 * Purpose    64-bit hashes: stable across processes, builds and machines of either endianness, so
 *            they may be stored in an image and used as identities of objects.
 * Limits     Not cryptographic. Identities made of untrusted text must tolerate a forged collision. */
#ifndef YETT_BASE_HASH_H
#define YETT_BASE_HASH_H

#include <stdint.h>

#include "base/span.h"

uint64_t hash_bytes(struct span bytes, uint64_t seed);
uint64_t hash_u64(uint64_t value);

/* For checksums of large blocks: another value than hash_bytes() has, at several times its speed. */
uint64_t hash_block(struct span bytes);

/* Mixes `more` into `hash`; for identities made of several parts, in order. */
static inline uint64_t hash_combine(uint64_t hash, uint64_t more)
{
    return hash_u64(hash ^ (more + 0x9E3779B97F4A7C15u + (hash << 6) + (hash >> 2)));
}

#endif
