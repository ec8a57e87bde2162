#include "control/event_limits.h"

#include "base/hash.h"
#include "base/vec.h"

static const struct token_rate all_rate = { EVENT_BURST, EVENT_TOKEN_MS };
static const struct token_rate sync_rate = { EVENT_SYNC_BURST, EVENT_SYNC_TOKEN_MS };
static const struct token_rate object_rate = { EVENT_OBJECT_BURST, EVENT_OBJECT_TOKEN_MS };

struct object {
    uint64_t id;
    struct token_bucket bucket;
};

void event_limits_deinit(struct event_limits *limits)
{
    struct object *object;

    for (size_t cursor = 0; (object = idmap_next(&limits->objects, &cursor));)
        mem_free(object);
    idmap_deinit(&limits->objects);
    *limits = (struct event_limits){ 0 };
}

uint64_t event_limits_wait_ms(struct event_limits *limits, bool is_sync, uint64_t now_ms)
{
    struct token_bucket *bucket = is_sync ? &limits->syncs : &limits->all;
    struct token_rate rate = is_sync ? sync_rate : all_rate;

    if (token_bucket_take(bucket, rate, now_ms))
        return 0;
    return token_bucket_wait_ms(bucket, rate, now_ms);
}

static void full_forget(struct event_limits *limits, uint64_t now_ms)
{
    VEC(struct object *) full = { 0 };
    struct object *object;

    for (size_t cursor = 0; (object = idmap_next(&limits->objects, &cursor));) {
        if (object->bucket.full_at_ms <= now_ms)
            vec_push(&full, object);
    }
    vec_for_each (each, &full) {
        idmap_remove(&limits->objects, (*each)->id);
        mem_free(*each);
    }
    vec_deinit(&full);
}

static uint64_t object_id(const struct event *event)
{
    const struct span texts[] = { event->subject.kind, event->subject.namespace,
                                  event->subject.name };
    uint64_t id = event->is_warning;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        id = hash_combine(id, hash_bytes(texts[i], i));
    return id;
}

bool event_limits_take(struct event_limits *limits, const struct event *event, uint64_t now_ms)
{
    uint64_t id = object_id(event);
    struct object *object = idmap_find(&limits->objects, id);

    if (!object) {
        if (limits->objects.len >= EVENT_LIMITS_OBJECTS)
            full_forget(limits, now_ms);
        if (limits->objects.len >= EVENT_LIMITS_OBJECTS)
            return false;
        object = mem_alloc_zero(sizeof(*object));
        object->id = id;
        idmap_put(&limits->objects, id, object);
    }
    return token_bucket_take(&object->bucket, object_rate, now_ms);
}
