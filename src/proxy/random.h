/* proxy/random.h
 *
 * Purpose    Fast pseudo-random numbers for balancing and request ids: unique, not secret. */
#ifndef YETT_PROXY_RANDOM_H
#define YETT_PROXY_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[2];
};

/* Seeds from the kernel. */
void random_init(struct random *random);

/* xorshift128+ (Vigna 2014). */
static inline uint64_t random_next(struct random *random)
{
    uint64_t a = random->state[0], b = random->state[1];

    random->state[0] = b;
    a ^= a << 23;
    random->state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return random->state[1] + b;
}

#endif
