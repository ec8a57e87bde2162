/* base/token_bucket.h
 *
 * Purpose    How often a thing may be done: a burst, then one each so many milliseconds.
 * Lifetime   A zeroed bucket is full.
 * Units      Milliseconds of any clock that does not go back. */
#ifndef YETT_BASE_TOKEN_BUCKET_H
#define YETT_BASE_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct token_rate {
    uint32_t burst;    /* at least 1 */
    uint32_t token_ms; /* until one token is back */
};

struct token_bucket {
    uint64_t full_at_ms; /* all tokens are back then */
};

/* Milliseconds until a token is there; 0: one is. */
uint64_t token_bucket_wait_ms(const struct token_bucket *bucket, struct token_rate rate,
                              uint64_t now_ms);
/* Takes a token; false: none is there. */
bool token_bucket_take(struct token_bucket *bucket, struct token_rate rate, uint64_t now_ms);
/* Puts tokens back before their time; what is more than full is lost. */
void token_bucket_give(struct token_bucket *bucket, struct token_rate rate, uint32_t tokens);

#endif
