#include "control/api_store.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/scope.h"
#include "kube/pack.h"

/* An object is in the source's store or in `hidden`, never in both. Namespace objects are there only where
 * they are selected, by a label selector that the API server evaluates: so that a namespace is selected
 * where its object is. */

struct object_diags {
    struct diag_list diags;
    size_t key_bytes;
    char key[];
};

void api_store_init(struct api_store *store, struct source *source)
{
    *store = (struct api_store){ .source = source };
    kube_store_init(&store->hidden);
    source_change_init(&store->change);
}

static struct object_diags *object_diags_free(struct object_diags *entry)
{
    diag_list_deinit(&entry->diags);
    return mem_free(entry);
}

static void objects_free(struct kube_store *store)
{
    for (int kind = 0; kind < KUBE_KINDS_LEN; kind++) {
        const struct kube_object *object;
        for (size_t at = 0; (object = kube_store_next(store, (enum kube_kind)kind, &at));)
            kube_object_free((struct kube_object *)object);
    }
}

void api_store_deinit(struct api_store *store)
{
    struct object_diags *entry;

    api_store_settle(store);
    source_change_deinit(&store->change);
    objects_free(&store->hidden);
    objects_free(&store->source->store);
    kube_store_deinit(&store->hidden);
    kube_store_deinit(&store->source->store);
    kube_store_init(&store->source->store);
    for (size_t at = 0; (entry = map_next(&store->diags, &at));)
        object_diags_free(entry);
    map_deinit(&store->diags);
    vec_deinit(&store->former);
}

void api_store_settle(struct api_store *store)
{
    vec_for_each (object, &store->former)
        kube_object_free(*object);
    store->former.len = 0;
    source_change_deinit(&store->change);
    source_change_init(&store->change);
}

/* ---- what is shown -----------------------------------------------------------------------------
 */

static bool is_selected(const struct api_store *store, struct span namespace)
{
    return kube_store_find(&store->source->store, KUBE_NAMESPACE, SPAN_EMPTY, namespace) != NULL;
}

/* Secrets and ConfigMaps are asked for by name only: who is here is wanted. */
bool api_store_shows(const struct api_store *store, const struct kube_object *object)
{
    switch (object->kind) {
    case KUBE_INGRESS:
        return !store->selects_namespaces || is_selected(store, object->namespace);
    case KUBE_SERVICE:
    case KUBE_ENDPOINT_SLICE:
        return !store->selects_namespaces ||
               (store->shown_namespace.len && span_eq(object->namespace, store->shown_namespace)) ||
               is_selected(store, object->namespace);
    case KUBE_INGRESS_CLASS:
    case KUBE_SECRET:
    case KUBE_CONFIG_MAP:
    case KUBE_NAMESPACE:
    case KUBE_KINDS_LEN:
        return true;
    }
    unreachable();
}

const struct kube_object *api_store_find(const struct api_store *store, enum kube_kind kind,
                                         struct span namespace, struct span name)
{
    const struct kube_object *shown = kube_store_find(&store->source->store, kind, namespace, name);

    return shown ? shown : kube_store_find(&store->hidden, kind, namespace, name);
}

typedef VEC(const struct kube_object *) object_vec;

/* Objects of that namespace leave the one store and enter the other. */
static void objects_move(struct api_store *store, struct kube_store *from, struct kube_store *to,
                         enum kube_kind kind, struct span namespace)
{
    object_vec moved = { 0 };
    const struct kube_object *object;

    for (size_t at = 0; (object = kube_store_next(from, kind, &at));) {
        if (span_eq(object->namespace, namespace) &&
            api_store_shows(store, object) == (from == &store->hidden))
            vec_push(&moved, object);
    }
    vec_for_each (each, &moved) {
        kube_store_remove(from, *each);
        (void)kube_store_put(to, *each);
        source_change_add(&store->change, *each);
    }
    vec_deinit(&moved);
}

static void namespace_came_or_went(struct api_store *store, struct span namespace, bool is_here)
{
    static const enum kube_kind kinds[] = { KUBE_INGRESS, KUBE_SERVICE, KUBE_ENDPOINT_SLICE };
    struct kube_store *shown = &store->source->store;

    for (size_t i = 0; store->selects_namespaces && i < ARRAY_LEN(kinds); i++) {
        if (is_here)
            objects_move(store, &store->hidden, shown, kinds[i], namespace);
        else
            objects_move(store, shown, &store->hidden, kinds[i], namespace);
    }
}

/* ---- objects -----------------------------------------------------------------------------------
 */

static void former_keep(struct api_store *store, const struct kube_object *object)
{
    vec_push(&store->former, (struct kube_object *)object);
}

/* In the place of `former`, or, where that is NULL, anew. */
static void shown_put(struct api_store *store, const struct kube_object *former,
                      struct kube_object *object)
{
    struct source *source = store->source;
    bool is_news = !former || !kube_object_eq(former, object);
    bool is_status = former && object->kind == KUBE_INGRESS &&
                     former->ingress.load_balancer != object->ingress.load_balancer;

    if (former) {
        kube_store_remove(&source->store, former);
        former_keep(store, former);
    }
    (void)kube_store_put(&source->store, object);
    if (is_news && former)
        source_change_add(&store->change, former);
    if (is_news)
        source_change_add(&store->change, object);
    else if (is_status && source->on_status)
        source->on_status(source->on_status_ctx, object);
    if (!former && object->kind == KUBE_NAMESPACE)
        namespace_came_or_went(store, object->name, true);
}

static void hidden_put(struct api_store *store, struct kube_object *object)
{
    const struct kube_object *former =
        kube_store_find(&store->hidden, object->kind, object->namespace, object->name);

    if (former) {
        kube_store_remove(&store->hidden, former);
        former_keep(store, former);
    }
    (void)kube_store_put(&store->hidden, object);
}

void api_store_put(struct api_store *store, struct kube_object *object)
{
    const struct kube_object *former =
        kube_store_find(&store->source->store, object->kind, object->namespace, object->name);

    if (api_store_shows(store, object))
        shown_put(store, former, object);
    else
        hidden_put(store, object);
}

static void shown_remove(struct api_store *store, const struct kube_object *object)
{
    kube_store_remove(&store->source->store, object);
    source_change_add(&store->change, object);
    former_keep(store, object);
    if (object->kind == KUBE_NAMESPACE)
        namespace_came_or_went(store, object->name, false);
}

void api_store_remove(struct api_store *store, enum kube_kind kind, struct span namespace,
                      struct span name)
{
    const struct kube_object *object =
        kube_store_find(&store->source->store, kind, namespace, name);

    api_store_set_diags(store, kind, namespace, name, NULL);
    if (object) {
        shown_remove(store, object);
        return;
    }
    object = kube_store_find(&store->hidden, kind, namespace, name);
    if (!object)
        return;
    kube_store_remove(&store->hidden, object);
    former_keep(store, object);
}

void api_store_forget(struct api_store *store, enum kube_kind kind, struct span namespace,
                      struct span name)
{
    const struct kube_object *object =
        kube_store_find(&store->source->store, kind, namespace, name);

    api_store_set_diags(store, kind, namespace, name, NULL);
    if (!object)
        return;
    kube_store_remove(&store->source->store, object);
    former_keep(store, object);
}

/* ---- what a listing did not tell of ------------------------------------------------------------
 */

uint64_t api_object_id(struct span namespace, struct span name)
{
    return hash_combine(hash_bytes(namespace, 0), hash_bytes(name, 0));
}

static bool is_in_scope(const struct api_scope *scope, const struct kube_object *object)
{
    if (scope->namespace.len && !span_eq(object->namespace, scope->namespace))
        return false;
    if (scope->name.len && !span_eq(object->name, scope->name))
        return false;
    return !scope->service.len || span_eq(object->endpoint_slice.service_name.text, scope->service);
}

static void untold_collect(const struct kube_store *store, enum kube_kind kind,
                           const struct api_scope *scope, const struct idmap *told,
                           object_vec *untold)
{
    const struct kube_object *object;

    for (size_t at = 0; (object = kube_store_next(store, kind, &at));) {
        if (is_in_scope(scope, object) &&
            !idmap_find(told, api_object_id(object->namespace, object->name)))
            vec_push(untold, object);
    }
}

void api_store_sweep(struct api_store *store, enum kube_kind kind, const struct api_scope *scope,
                     const struct idmap *told,
                     void (*on_gone)(void *ctx, const struct kube_object *object), void *ctx)
{
    object_vec untold = { 0 };

    untold_collect(&store->source->store, kind, scope, told, &untold);
    untold_collect(&store->hidden, kind, scope, told, &untold);
    vec_for_each (object, &untold) {
        if (on_gone)
            on_gone(ctx, *object);
        api_store_remove(store, kind, (*object)->namespace, (*object)->name);
    }
    vec_deinit(&untold);
}

/* ---- diagnostics -------------------------------------------------------------------------------
 */

static void diags_key(enum kube_kind kind, struct span namespace, struct span name, struct buf *key)
{
    buf_printf(key, "%d/" SPAN_FMT "/" SPAN_FMT, kind, SPAN_ARG(namespace), SPAN_ARG(name));
}

static void diags_drop(struct api_store *store, struct span key)
{
    struct object_diags *entry = map_remove(&store->diags, key);

    if (!entry)
        return;
    store->change.has_new_diags = true;
    object_diags_free(entry);
}

void api_store_set_diags(struct api_store *store, enum kube_kind kind, struct span namespace,
                         struct span name, const struct diag_list *diags)
{
    SCOPED(buf_deinit) struct buf key = { 0 };
    bool has_any = diags && diags->diags.len > 0;

    if (!has_any && store->diags.len == 0)
        return;
    diags_key(kind, namespace, name, &key);
    diags_drop(store, buf_span(&key));
    if (!has_any)
        return;
    struct object_diags *entry = mem_alloc_zero(sizeof(*entry) + key.len);
    diag_list_init(&entry->diags);
    diag_list_append(&entry->diags, diags);
    entry->key_bytes = key.len;
    memcpy(entry->key, key.ptr, key.len);
    map_put(&store->diags, span_of(entry->key, entry->key_bytes), entry);
    store->change.has_new_diags = true;
}

static int by_key(const void *a, const void *b)
{
    const struct object_diags *const *x = a, *const *y = b;

    return span_cmp(span_of((*x)->key, (*x)->key_bytes), span_of((*y)->key, (*y)->key_bytes));
}

void api_store_diags_append(const struct api_store *store, struct diag_list *diags)
{
    VEC(struct object_diags *) sorted = { 0 };
    struct object_diags *entry;

    for (size_t at = 0; (entry = map_next(&store->diags, &at));)
        vec_push(&sorted, entry);
    if (sorted.len)
        qsort(sorted.items, sorted.len, sizeof(sorted.items[0]), by_key);
    vec_for_each (each, &sorted)
        diag_list_append(diags, &(*each)->diags);
    vec_deinit(&sorted);
}
