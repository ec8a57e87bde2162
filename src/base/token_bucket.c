#include "base/token_bucket.h"

#include "base/compiler.h"

/* What is missing from a full bucket is a time: one number says all, and nothing has to be refilled. */

uint64_t token_bucket_wait_ms(const struct token_bucket *bucket, struct token_rate rate,
                              uint64_t now_ms)
{
    uint64_t last_token_ms = now_ms + (uint64_t)(rate.burst - 1) * rate.token_ms;

    return bucket->full_at_ms > last_token_ms ? bucket->full_at_ms - last_token_ms : 0;
}

bool token_bucket_take(struct token_bucket *bucket, struct token_rate rate, uint64_t now_ms)
{
    if (token_bucket_wait_ms(bucket, rate, now_ms) > 0)
        return false;
    if (bucket->full_at_ms < now_ms)
        bucket->full_at_ms = now_ms;
    bucket->full_at_ms += rate.token_ms;
    return true;
}

void token_bucket_give(struct token_bucket *bucket, struct token_rate rate, uint32_t tokens)
{
    uint64_t sooner_ms = (uint64_t)tokens * rate.token_ms;

    bucket->full_at_ms -= MIN(sooner_ms, bucket->full_at_ms);
}
