#include "control/ticket_keys.h"

#include <errno.h>
#include <sys/random.h>

#include "base/log.h"

/* A made key begins so; 64 random bytes follow. It tells them from keys that somebody gave, and that may have
 * been taken back for a reason. */
static const char mark[16] = { 'm', 'a', 'd', 'e', ' ', 'b', 'y', ' ',
                               't', 'h', 'e', ' ', 'g', 'a', 't', 'e' };

static int key_make(struct route_ticket_key *key)
{
    size_t random_bytes = sizeof(key->bytes) - sizeof(mark);

    memcpy(key->bytes, mark, sizeof(mark));
    key->len = sizeof(key->bytes);
    return getrandom(key->bytes + sizeof(mark), random_bytes, 0) == (ssize_t)random_bytes ? 0
                                                                                          : -EIO;
}

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

static void on_rotate(struct loop_timer *timer)
{
    struct ticket_keys *keys = container_of(timer, struct ticket_keys, timer);
    struct route_ticket_key newest;

    loop_timer_set(keys->loop, timer, TICKET_KEYS_ROTATE_MS);
    int r = key_make(&newest);
    if (r < 0) {
        log_error("ticket_key_not_made", F_ERRNO(r));
        return;
    }
    keys->keys[1] = keys->keys[0];
    keys->keys[0] = newest;
    keys->len = TICKET_KEYS_MADE_MAX;
    explicit_bzero(&newest, sizeof(newest));
    keys->on_rotated(keys->ctx);
}

int ticket_keys_open(struct ticket_keys *keys, struct loop *loop, const struct image_view *served,
                     void (*on_rotated)(void *ctx), void *ctx)
{
    *keys = (struct ticket_keys){ .loop = loop, .on_rotated = on_rotated, .ctx = ctx };
    loop_timer_init(&keys->timer, on_rotate);
    loop_timer_set(loop, &keys->timer, TICKET_KEYS_ROTATE_MS);
    if (served)
        keep(keys, served);
    if (keys->len > 0)
        return 0;
    int r = key_make(&keys->keys[0]);
    keys->len = r == 0 ? 1 : 0;
    return r;
}

void ticket_keys_close(struct ticket_keys *keys)
{
    if (keys->loop)
        loop_timer_cancel(&keys->timer);
    explicit_bzero(keys->keys, sizeof(keys->keys));
    keys->len = 0;
}
