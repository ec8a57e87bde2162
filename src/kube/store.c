#include "kube/store.h"

#include "base/bug.h"
#include "base/mem.h"
#include "base/vec.h"

/* Objects come and go all day in a cluster, so nothing here lives in an arena: each entry is one
 * heap block that holds its own key, and goes with it. */

enum { KEY_BYTES_MAX = 1024 }; /* longest namespace, "/" and name, with room to spare */

struct store_entry {
    const struct kube_object *object;
    size_t key_bytes;
    char key[];
};

/* The EndpointSlices of one Service, sorted by name. */
struct slice_set {
    VEC(const struct kube_object *) slices;
    size_t key_bytes;
    char key[];
};

struct key {
    struct span text;
    char bytes[KEY_BYTES_MAX];
};

/* False: no object can have that name. */
static bool key_make(struct span namespace, struct span name, struct key *key)
{
    if (namespace.len + 1 + name.len > sizeof(key->bytes))
        return false;
    if (namespace.len)
        memcpy(key->bytes, namespace.ptr, namespace.len);
    key->bytes[namespace.len] = '/';
    if (name.len)
        memcpy(key->bytes + namespace.len + 1, name.ptr, name.len);
    key->text = span_of(key->bytes, namespace.len + 1 + name.len);
    return true;
}

static struct slice_set *slice_set_free(struct slice_set *set)
{
    vec_deinit(&set->slices);
    return mem_free(set);
}

void kube_store_init(struct kube_store *store)
{
    *store = (struct kube_store){ 0 };
}

void kube_store_deinit(struct kube_store *store)
{
    void *value;

    for (size_t kind = 0; kind < KUBE_KINDS_LEN; kind++) {
        for (size_t at = 0; (value = map_next(&store->by_key[kind], &at)) != NULL;)
            mem_free(value);
        map_deinit(&store->by_key[kind]);
    }
    for (size_t at = 0; (value = map_next(&store->slices_by_service, &at)) != NULL;)
        slice_set_free(value);
    map_deinit(&store->slices_by_service);
}

/* --- slices --- */

/* Where a slice of that name stands, or would. */
static size_t slice_place(const struct slice_set *set, struct span name)
{
    size_t low = 0, high = set->slices.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_cmp(set->slices.items[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct slice_set *slice_set_get(struct kube_store *store, const struct key *key)
{
    struct slice_set *set = map_find(&store->slices_by_service, key->text);

    if (set)
        return set;
    set = mem_alloc_zero(sizeof(*set) + key->text.len);
    set->key_bytes = key->text.len;
    memcpy(set->key, key->text.ptr, key->text.len);
    map_put(&store->slices_by_service, span_of(set->key, set->key_bytes), set);
    return set;
}

/* False: it belongs to no Service. */
static bool slice_key_make(const struct kube_object *slice, struct key *key)
{
    const struct kube_text *service = &slice->endpoint_slice.service_name;

    return kube_text_is_set(service) && key_make(slice->namespace, service->text, key);
}

static void slice_add(struct kube_store *store, const struct kube_object *slice)
{
    struct key key;

    if (!slice_key_make(slice, &key))
        return;
    struct slice_set *set = slice_set_get(store, &key);
    size_t at = slice_place(set, slice->name);
    vec_push(&set->slices, slice);
    for (size_t i = set->slices.len - 1; i > at; i--)
        set->slices.items[i] = set->slices.items[i - 1];
    set->slices.items[at] = slice;
}

static void slice_remove(struct kube_store *store, const struct kube_object *slice)
{
    struct key key;

    if (!slice_key_make(slice, &key))
        return;
    struct slice_set *set = map_find(&store->slices_by_service, key.text);
    invariant(set);
    size_t at = slice_place(set, slice->name);
    invariant(at < set->slices.len && set->slices.items[at] == slice);
    set->slices.len--;
    for (size_t i = at; i < set->slices.len; i++)
        set->slices.items[i] = set->slices.items[i + 1];
    if (set->slices.len)
        return;
    map_remove(&store->slices_by_service, key.text);
    slice_set_free(set);
}

/* --- objects --- */

const struct kube_object *kube_store_put(struct kube_store *store, const struct kube_object *object)
{
    struct map *map = &store->by_key[object->kind];
    struct key key;

    invariant(key_make(object->namespace, object->name, &key)); /* the decoder bounds names */
    struct store_entry *entry = map_find(map, key.text);
    if (entry)
        return entry->object;

    entry = mem_alloc(sizeof(*entry) + key.text.len);
    entry->object = object;
    entry->key_bytes = key.text.len;
    memcpy(entry->key, key.text.ptr, key.text.len);
    map_put(map, span_of(entry->key, entry->key_bytes), entry);
    if (object->kind == KUBE_ENDPOINT_SLICE)
        slice_add(store, object);
    return NULL;
}

void kube_store_remove(struct kube_store *store, const struct kube_object *object)
{
    struct map *map = &store->by_key[object->kind];
    struct key key;

    invariant(key_make(object->namespace, object->name, &key));
    struct store_entry *entry = map_find(map, key.text);
    if (!entry || entry->object != object)
        return;
    map_remove(map, key.text);
    mem_free(entry);
    if (object->kind == KUBE_ENDPOINT_SLICE)
        slice_remove(store, object);
}

const struct kube_object *kube_store_find(const struct kube_store *store, enum kube_kind kind,
                                          struct span namespace, struct span name)
{
    struct key key;

    if (!key_make(namespace, name, &key))
        return NULL;
    const struct store_entry *entry = map_find(&store->by_key[kind], key.text);
    return entry ? entry->object : NULL;
}

size_t kube_store_len(const struct kube_store *store, enum kube_kind kind)
{
    return store->by_key[kind].len;
}

const struct kube_object *kube_store_next(const struct kube_store *store, enum kube_kind kind,
                                          size_t *cursor)
{
    const struct store_entry *entry = map_next(&store->by_key[kind], cursor);

    return entry ? entry->object : NULL;
}

struct kube_slice_list kube_store_slices(const struct kube_store *store, struct span namespace,
                                         struct span service)
{
    struct kube_slice_list list = { 0 };
    struct key key;

    if (!key_make(namespace, service, &key))
        return list;
    const struct slice_set *set = map_find(&store->slices_by_service, key.text);
    if (set) {
        list.items = set->slices.items;
        list.len = set->slices.len;
    }
    return list;
}
