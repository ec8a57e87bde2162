#include "control/ticket_keys.h"

#include <sys/random.h>

#include "base/bug.h"
#include "base/clock.h"

/* A made key begins so; when it was made follows, in seconds since 1970 and network order, then 64 random
 * bytes. It tells them from keys that somebody gave, and that may have been taken back for a reason. */
static const uint8_t mark[8] = { 'y', 'e', 't', 't', 'm', 'a', 'd', 'e' };

enum { MADE_AT = sizeof(mark), RANDOM_AT = MADE_AT + 8, ROTATE_S = TICKET_KEYS_ROTATE_MS / 1000 };

/* ---- one key ---- */

/* As many bytes at once always come whole: without them, no secret of this process would be one. */
static void key_make(struct route_ticket_key *key, int64_t now_s)
{
    size_t random_bytes = sizeof(key->bytes) - RANDOM_AT;

    memcpy(key->bytes, mark, sizeof(mark));
    for (int i = 0; i < 8; i++)
        key->bytes[MADE_AT + i] = (uint8_t)((uint64_t)now_s >> 8 * (7 - i));
    invariant(getrandom(key->bytes + RANDOM_AT, random_bytes, 0) == (ssize_t)random_bytes);
    key->len = sizeof(key->bytes);
}

static int64_t key_made_s(const struct route_ticket_key *key)
{
    uint64_t made_s = 0;

    for (int i = 0; i < 8; i++)
        made_s = made_s << 8 | key->bytes[MADE_AT + i];
    return (int64_t)made_s;
}

/* Seconds until a newer one is due; at once where it is of a day that has not come: the clock was wrong. */
static int64_t key_left_s(const struct route_ticket_key *key, int64_t now_s)
{
    int64_t made_s = key_made_s(key);

    return made_s <= now_s && now_s - made_s < ROTATE_S ? ROTATE_S - (now_s - made_s) : 0;
}

/* ---- all of them ---- */

static void keep(struct ticket_keys *keys, const struct image_view *served)
{
    for (uint32_t i = 0; i < image_ticket_key_count(served) && keys->len < TICKET_KEYS_MADE_MAX;
         i++) {
        const struct image_ticket_key *key = image_ticket_key_get(served, i);

        if (key->len != sizeof(key->bytes) || memcmp(key->bytes, mark, sizeof(mark)) != 0)
            continue;
        keys->keys[keys->len].len = key->len;
        memcpy(keys->keys[keys->len++].bytes, key->bytes, key->len);
    }
}

/* Those that there are move back, and the oldest out. */
static void add_newest(struct ticket_keys *keys, int64_t now_s)
{
    keys->len = MIN(keys->len + 1, (size_t)TICKET_KEYS_MADE_MAX);
    for (size_t i = keys->len - 1; i > 0; i--)
        keys->keys[i] = keys->keys[i - 1];
    key_make(&keys->keys[0], now_s);
}

static void on_rotate(struct loop_timer *timer)
{
    struct ticket_keys *keys = container_of(timer, struct ticket_keys, timer);

    loop_timer_set(keys->loop, timer, TICKET_KEYS_ROTATE_MS);
    add_newest(keys, clock_wall_s());
    keys->on_rotated(keys->ctx);
}

void ticket_keys_open(struct ticket_keys *keys, struct loop *loop, const struct image_view *served,
                      int64_t now_s, void (*on_rotated)(void *ctx), void *ctx)
{
    *keys = (struct ticket_keys){ .loop = loop, .on_rotated = on_rotated, .ctx = ctx };
    if (served)
        keep(keys, served);
    if (keys->len == 0 || key_left_s(&keys->keys[0], now_s) == 0)
        add_newest(keys, now_s);
    loop_timer_init(&keys->timer, on_rotate);
    loop_timer_set(loop, &keys->timer, (uint64_t)key_left_s(&keys->keys[0], now_s) * 1000);
}

void ticket_keys_close(struct ticket_keys *keys)
{
    if (keys->loop)
        loop_timer_cancel(&keys->timer);
    explicit_bzero(keys->keys, sizeof(keys->keys));
    keys->len = 0;
}
