#include "http/h2_flood.h"

#include "http/h2_limits.h"

static const struct token_rate cancel_rate = { H2_CANCELS_BURST, H2_CANCEL_REFILL_MS };
static const struct token_rate chore_rate = { H2_CHORES_BURST, H2_CHORE_REFILL_MS };

bool h2_flood_cancel(struct h2_flood *flood, uint64_t now_ms)
{
    return token_bucket_take(&flood->cancels, cancel_rate, now_ms);
}

bool h2_flood_settle(struct h2_flood *flood, uint64_t now_ms)
{
    bool is_fine = true;

    for (; flood->frames > flood->useful && is_fine; flood->frames--)
        is_fine = token_bucket_take(&flood->chores, chore_rate, now_ms);
    flood->frames = flood->useful = 0;
    return is_fine;
}

void h2_flood_earn_head(struct h2_flood *flood)
{
    flood->useful++;
    token_bucket_give(&flood->chores, chore_rate, H2_CHORES_EARNED_A_HEAD);
}

void h2_flood_earn_received(struct h2_flood *flood)
{
    flood->useful++;
    token_bucket_give(&flood->chores, chore_rate, H2_CHORES_EARNED_A_PIECE);
}

void h2_flood_earn_sent(struct h2_flood *flood, size_t bytes, bool is_whole)
{
    flood->bytes_sent += (uint32_t)bytes;
    token_bucket_give(&flood->chores, chore_rate,
                      flood->bytes_sent / H2_BYTES_SENT_TO_EARN_A_CHORE +
                          (is_whole ? H2_CHORES_EARNED_A_PIECE : 0));
    flood->bytes_sent %= H2_BYTES_SENT_TO_EARN_A_CHORE;
}

void h2_flood_earn_end(struct h2_flood *flood)
{
    token_bucket_give(&flood->cancels, cancel_rate, 1);
}
