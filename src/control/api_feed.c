#include "control/api_feed.h"

#include "base/log.h"
#include "base/scope.h"
#include "kube/decode.h"
#include "kube/pack.h"

/* An object is decoded into a bundle that is gone a moment later; what is kept is packed. One whose version
 * is known already is not even decoded: after a cut, most are as they were. */

struct api_feed {
    struct reflector *reflector;
    struct api_store *store;
    enum kube_kind kind;
    const struct api_feed_events *events;
    void *ctx;
    struct buf texts; /* behind scope and prefix */
    struct api_scope scope;
    struct span annotations_prefix;
    bool is_listing;
    struct idmap told; /* by this listing: api_object_id() → the feed */
};

static const struct {
    const char *base, *resource;
} resources[KUBE_KINDS_LEN] = {
    [KUBE_INGRESS] = { "/apis/networking.k8s.io/v1", "ingresses" },
    [KUBE_INGRESS_CLASS] = { "/apis/networking.k8s.io/v1", "ingressclasses" },
    [KUBE_SERVICE] = { "/api/v1", "services" },
    [KUBE_ENDPOINT_SLICE] = { "/apis/discovery.k8s.io/v1", "endpointslices" },
    [KUBE_SECRET] = { "/api/v1", "secrets" },
    [KUBE_CONFIG_MAP] = { "/api/v1", "configmaps" },
    [KUBE_NAMESPACE] = { "/api/v1", "namespaces" },
};

/* ---- from text to object -----------------------------------------------------------------------
 */

/* Annotations of others may be large, and change often. */
static void annotations_trim(const struct api_feed *feed, struct kube_bundle *bundle,
                             struct kube_object *object)
{
    const struct kube_pairs *all = &object->annotations;
    struct kube_pairs kept = { 0 };

    if (object->kind == KUBE_INGRESS && all->len) {
        struct kube_pair *items = arena_new_array(&bundle->arena, struct kube_pair, all->len);
        for (size_t i = 0; i < all->len; i++) {
            struct span key = all->items[i].key.text;
            if (span_starts_with(key, feed->annotations_prefix) ||
                span_eq(key, SPAN("kubernetes.io/ingress.class")))
                items[kept.len++] = all->items[i];
        }
        kept.items = items;
    }
    object->annotations = kept;
    object->labels = (struct kube_pairs){ 0 };
}

/* The decoder cannot name what it could not parse; the reflector may have read its name. */
static void diags_set(const struct api_feed *feed, const struct reflector_object *seen,
                      const struct diag_list *diags)
{
    struct diag_list named;

    diag_list_init(&named);
    vec_for_each (diag, &diags->diags) {
        struct diag copy = *diag;
        if (span_is_empty(copy.name)) {
            copy.kind = span_from_str(kube_kind_name(feed->kind));
            copy.namespace = seen->namespace;
            copy.name = seen->name;
        }
        diag_add(&named, &copy);
    }
    api_store_set_diags(feed->store, feed->kind, seen->namespace, seen->name, &named);
    diag_list_deinit(&named);
}

static bool is_asked_for(const struct api_feed *feed, const struct kube_object *object)
{
    const struct api_scope *scope = &feed->scope;

    return object->kind == feed->kind &&
           (!scope->namespace.len || span_eq(object->namespace, scope->namespace)) &&
           (!scope->name.len || span_eq(object->name, scope->name));
}

static void unreadable_log(const struct api_feed *feed, struct span what)
{
    log_limited(LOG_WARN, "api_event_unreadable", F_STR("kind", kube_kind_name(feed->kind)),
                F_SPAN("what", what));
}

/* NULL: there is none to be had. */
static struct kube_object *object_read(const struct api_feed *feed,
                                       const struct reflector_object *seen)
{
    struct kube_bundle *bundle = kube_bundle_decode_item(seen->json, feed->kind);
    struct kube_object *packed = NULL;

    diags_set(feed, seen, &bundle->diags);
    if (bundle->objects.len == 1 && is_asked_for(feed, &bundle->objects.items[0])) {
        annotations_trim(feed, bundle, &bundle->objects.items[0]);
        packed = kube_object_pack(&bundle->objects.items[0]);
    } else if (bundle->diags.diags.len == 0) {
        unreadable_log(feed, SPAN("an object that was not asked for"));
    }
    kube_bundle_free(bundle);
    return packed;
}

/* ---- what the reflector tells ------------------------------------------------------------------
 */

static void on_listing(void *ctx)
{
    struct api_feed *feed = ctx;

    idmap_deinit(&feed->told);
    feed->is_listing = true;
}

static void told_add(struct api_feed *feed, struct span namespace, struct span name)
{
    if (feed->is_listing)
        idmap_put(&feed->told, api_object_id(namespace, name), feed);
}

static bool is_wanted(const struct api_feed *feed, const struct reflector_object *seen)
{
    return !feed->events->wants || feed->events->wants(feed->ctx, seen->namespace, seen->name);
}

static void on_object(void *ctx, const struct reflector_object *seen)
{
    struct api_feed *feed = ctx;

    if (!is_wanted(feed, seen))
        return;
    told_add(feed, seen->namespace, seen->name);
    const struct kube_object *known =
        api_store_find(feed->store, feed->kind, seen->namespace, seen->name);
    if (known && seen->resource_version.len &&
        span_eq(known->resource_version, seen->resource_version))
        return;
    struct kube_object *object = object_read(feed, seen);
    if (!object)
        return;
    told_add(feed, object->namespace, object->name);
    if (feed->events->on_object)
        feed->events->on_object(feed->ctx, object);
    else
        api_store_put(feed->store, object);
}

static void gone_tell(void *ctx, const struct kube_object *object)
{
    struct api_feed *feed = ctx;

    if (feed->events->on_gone)
        feed->events->on_gone(feed->ctx, object->namespace, object->name);
}

static void on_deleted(void *ctx, const struct reflector_object *seen)
{
    struct api_feed *feed = ctx;

    idmap_remove(&feed->told, api_object_id(seen->namespace, seen->name));
    if (feed->events->on_gone)
        feed->events->on_gone(feed->ctx, seen->namespace, seen->name);
    api_store_remove(feed->store, feed->kind, seen->namespace, seen->name);
}

static void on_synced(void *ctx)
{
    struct api_feed *feed = ctx;

    api_store_sweep(feed->store, feed->kind, &feed->scope, &feed->told, gone_tell, feed);
    idmap_deinit(&feed->told);
    feed->is_listing = false;
    feed->events->on_synced(feed->ctx, feed);
}

static void on_unreadable(void *ctx, struct span what)
{
    unreadable_log(ctx, what);
}

static void on_trouble(void *ctx)
{
    struct api_feed *feed = ctx;

    feed->events->on_trouble(feed->ctx, feed);
}

static const struct reflector_events reflector_events = {
    .on_listing = on_listing,
    .on_object = on_object,
    .on_deleted = on_deleted,
    .on_synced = on_synced,
    .on_unreadable = on_unreadable,
    .on_trouble = on_trouble,
};

/* ---- life --------------------------------------------------------------------------------------
 */

static struct span text_keep(struct buf *texts, struct span text)
{
    size_t at = texts->len;

    if (span_is_empty(text))
        return SPAN_EMPTY;
    buf_append(texts, text);
    return span_of(texts->ptr + at, text.len);
}

static void scope_keep(struct api_feed *feed, const struct api_feed_options *options)
{
    const struct api_scope *scope = &options->scope;

    /* All room at once: what is appended must not move what points into it. */
    (void)buf_reserve(&feed->texts, scope->namespace.len + scope->name.len + scope->service.len +
                                        options->annotations_prefix.len);
    feed->scope.namespace = text_keep(&feed->texts, scope->namespace);
    feed->scope.name = text_keep(&feed->texts, scope->name);
    feed->scope.service = text_keep(&feed->texts, scope->service);
    feed->annotations_prefix = text_keep(&feed->texts, options->annotations_prefix);
}

struct api_feed *api_feed_new(struct loop *loop, struct api_client *client, struct api_store *store,
                              const struct api_feed_options *options,
                              const struct api_feed_events *events, void *ctx)
{
    struct api_feed *feed = mem_alloc_zero(sizeof(*feed));
    struct reflector_target target = {
        .base = span_from_str(resources[options->kind].base),
        .resource = span_from_str(resources[options->kind].resource),
        .namespace = options->scope.namespace,
        .name = options->scope.name,
        .label_selector = options->label_selector,
    };

    feed->store = store;
    feed->kind = options->kind;
    feed->events = events;
    feed->ctx = ctx;
    scope_keep(feed, options);
    feed->reflector = reflector_new(loop, client, &target, &reflector_events, feed);
    return feed;
}

struct api_feed *api_feed_free(struct api_feed *feed)
{
    if (!feed)
        return NULL;
    feed->reflector = reflector_free(feed->reflector);
    idmap_deinit(&feed->told);
    buf_deinit(&feed->texts);
    return mem_free(feed);
}

void api_feed_spare(struct api_feed *feed, struct span namespace, struct span name)
{
    told_add(feed, namespace, name);
}

void api_feed_hurry(struct api_feed *feed, uint32_t within_ms)
{
    reflector_hurry(feed->reflector, within_ms);
}

enum kube_kind api_feed_kind(const struct api_feed *feed)
{
    return feed->kind;
}

const struct reflector_facts *api_feed_facts(const struct api_feed *feed)
{
    return reflector_facts(feed->reflector);
}

bool api_feed_is_forbidden(const struct api_feed *feed)
{
    const struct reflector_facts *facts = reflector_facts(feed->reflector);

    return !facts->is_in_step && facts->status == 403;
}
