#include "ingress/compile.h"

#include <stdlib.h>

#include "base/hash.h"
#include "ingress/backend_tls.h"
#include "ingress/class.h"
#include "ingress/client_auth.h"
#include "ingress/compiler.h"
#include "ingress/listeners.h"
#include "ingress/merge.h"
#include "ingress/secret.h"
#include "ingress/ticket_keys.h"
#include "ingress/tls.h"

/* The steps in their order. Nothing here depends on the order in which the store lists its objects:
 * Ingresses are sorted first, and all that the model lists follows from them. */

enum {
    SCRATCH_BLOCK_BYTES = 64 << 10,
    DENIED_STATUS = 503,
};

struct ingress_options ingress_options_default(void)
{
    return (struct ingress_options){
        .ingress_class = SPAN("yett"),
        .controller_class = SPAN("yett.dev/ingress-controller"),
        .annotations_prefix = SPAN("nginx.ingress.kubernetes.io"),
    };
}

struct route_origin compiler_origin(const struct owned *owned, struct span field,
                                    struct kube_pos pos)
{
    return (struct route_origin){
        .kind = SPAN("Ingress"),
        .namespace = owned->namespace,
        .name = owned->name,
        .field = field,
        .file = owned->file,
        .line = pos.line,
        .column = pos.column,
    };
}

static struct span path_field_make(struct compiler *c, size_t rule, size_t path)
{
    return arena_printf(&c->model->arena, "spec.rules[%zu].http.paths[%zu]", rule, path);
}

struct span compiler_path_field(struct compiler *c, size_t rule, size_t path)
{
    if (rule >= FIELD_RULES_MAX || path >= FIELD_PATHS_MAX)
        return path_field_make(c, rule, path);
    struct span *shared = &c->fields[rule][path];
    if (!shared->ptr)
        *shared = path_field_make(c, rule, path);
    return *shared;
}

uint64_t compiler_told_id(enum kube_kind kind, struct span namespace, struct span name)
{
    return hash_bytes(name, hash_bytes(namespace, kind));
}

static bool is_heard(const struct compiler *c, const struct kube_object *ingress)
{
    return !c->heard || !ingress ||
           idmap_find(c->heard, compiler_told_id(KUBE_INGRESS, ingress->namespace, ingress->name));
}

bool compiler_is_new(struct compiler *c, uint64_t id, const struct kube_object *ingress)
{
    static char told; /* the map wants some value */

    return is_heard(c, ingress) && !idmap_put(&c->told, id, &told);
}

static bool is_catch_all_forbidden(struct compiler *c, const struct kube_object *object)
{
    const struct kube_backend *backend = &object->ingress.default_backend;

    if (!ingress_is_forbidden_catch_all(c->options, object))
        return false;
    ingress_report(c->diags, DIAG_WARNING, DIAG_DEFAULT_BACKEND_CONFLICT,
                   place_of(object, SPAN("spec.defaultBackend"), backend->pos),
                   SPAN("remove spec.defaultBackend, or start without --disable-catch-all"),
                   "--disable-catch-all is set; this Ingress makes no routes");
    return true;
}

/* "namespace/name" as one text, since '/' sorts after '-' and '.': as ingress-nginx compares. */
static int full_name_cmp(const struct kube_object *a, const struct kube_object *b)
{
    size_t common = MIN(a->namespace.len, b->namespace.len);
    int r = memcmp(a->namespace.ptr, b->namespace.ptr, common);

    if (r != 0)
        return r;
    if (a->namespace.len == b->namespace.len)
        return span_cmp(a->name, b->name);
    return a->namespace.len < b->namespace.len ? '/' - (unsigned char)b->namespace.ptr[common]
                                               : (unsigned char)a->namespace.ptr[common] - '/';
}

static int merge_order(const void *left, const void *right)
{
    const struct kube_object *a = *(const struct kube_object *const *)left;
    const struct kube_object *b = *(const struct kube_object *const *)right;

    if (a->created_s != b->created_s)
        return a->created_s < b->created_s ? -1 : 1;
    return full_name_cmp(b, a);
}

static const struct route_policy *policy_keep(struct compiler *c, const struct kube_object *object,
                                              struct ingress_annotations *annotations)
{
    annotations->policy.backend_tls = ingress_backend_tls_get(c, object, annotations);
    if (!annotations->has_policy && !annotations->policy.backend_tls)
        return c->policy;
    struct route_policy *policy = arena_new(&c->model->arena, struct route_policy);
    *policy = annotations->policy;
    return policy;
}

/* What a dropped Ingress asks of its hosts' clients guards other Ingresses' paths, too, and must not go with it. */
static void owned_add(struct compiler *c, const struct kube_object *object)
{
    struct arena *arena = &c->model->arena;
    struct owned owned = { .object = object, .policy = c->policy };
    bool is_dropped = is_catch_all_forbidden(c, object);

    owned.annotations =
        ingress_annotations_read(object, &c->config, c->options, c->cache, c->diags);
    owned.annotations.is_dropped |= is_dropped;
    is_dropped = owned.annotations.is_dropped;
    if (is_dropped && !ingress_client_auth_is_said(&owned.annotations.client_auth))
        return;
    owned.namespace = arena_dup(arena, object->namespace);
    owned.name = arena_dup(arena, object->name);
    owned.file = arena_dup(arena, object->file);
    owned.annotations.tls_ciphers = arena_dup(arena, owned.annotations.tls_ciphers);
    if (!is_dropped)
        owned.policy = policy_keep(c, object, &owned.annotations);
    vec_push(&c->owned, owned);
}

void compiler_sort(const struct kube_object **all, size_t len)
{
    if (len > 1)
        qsort(all, len, sizeof(all[0]), merge_order);
}

/* The class is judged in that order too, so that diagnostics do not jump about. */
void compiler_take(struct compiler *c, const struct kube_object **all, size_t len)
{
    struct ingress_classes classes = ingress_classes_read(c->store, c->options, c->diags);

    compiler_sort(all, len);
    for (size_t i = 0; i < len; i++) {
        if (ingress_is_ours(&classes, all[i], c->diags))
            owned_add(c, all[i]);
    }
}

static void take_all(struct compiler *c)
{
    size_t len = kube_store_len(c->store, KUBE_INGRESS), count = 0;
    const struct kube_object **all = arena_new_array(&c->scratch, const struct kube_object *, len);
    const struct kube_object *object;

    for (size_t cursor = 0; (object = kube_store_next(c->store, KUBE_INGRESS, &cursor));)
        all[count++] = object;
    compiler_take(c, all, count);
}

static void config_read(struct compiler *c)
{
    const struct ingress_object_name *name = &c->options->config_map;
    const struct kube_object *object = NULL;

    if (name->name.len) {
        object = kube_store_find(c->store, KUBE_CONFIG_MAP, name->namespace, name->name);
        if (!object)
            ingress_report(c->diags, DIAG_WARNING, DIAG_FLAG_OBJECT_MISSING,
                           place_of(NULL, SPAN("--configmap"), (struct kube_pos){ 0 }),
                           SPAN("create the ConfigMap, or leave the flag out"),
                           "there is no ConfigMap " SPAN_FMT "/" SPAN_FMT "; defaults apply",
                           SPAN_ARG(name->namespace), SPAN_ARG(name->name));
    }
    c->config = ingress_config_read(object, &c->model->arena, c->cache, c->diags);
    if (!c->only) /* which has them already, and keeps them for longer than what is made now */
        c->model->settings = c->config.settings;
}

/* What many rules share: made once. */
static void shared_make(struct compiler *c)
{
    struct arena *arena = &c->model->arena;
    struct route_policy *policy = arena_new(arena, struct route_policy);

    *policy = c->config.policy;
    c->policy = policy;
    c->deny = arena_new(arena, struct route_filter);
    *c->deny = (struct route_filter){ .kind = ROUTE_FILTER_RESPOND, .status = DENIED_STATUS };
    for (size_t i = 0; i < REDIRECTS_LEN; i++) {
        c->redirects[i] = arena_new(arena, struct route_filter);
        *c->redirects[i] = (struct route_filter){ .kind = ROUTE_FILTER_HTTPS_REDIRECT,
                                                  .status = c->config.redirect_status,
                                                  .keep_trailing_slash = i == REDIRECT_KEEP_SLASH };
    }
}

void compiler_init(struct compiler *c)
{
    c->cache = c->options->cache ? c->options->cache : ingress_cache_new();
    c->suggestions_left = COMPILER_SUGGESTIONS_MAX;
    c->hosts_before = c->model->hosts.len;
    c->services_before = c->model->services.len;
    arena_init(&c->scratch, SCRATCH_BLOCK_BYTES);
    config_read(c);
    shared_make(c);
}

void compiler_drop_unused(struct compiler *c)
{
    for (size_t i = c->model->services.len; i > 0; i--) {
        if (c->model->services.items[i - 1]->uses == 0)
            route_service_remove(c->model, c->model->services.items[i - 1]);
    }
}

void compiler_deinit(struct compiler *c)
{
    if (!c->options->cache)
        c->cache = ingress_cache_free(c->cache);
    else if (!c->only) /* which has met every pair that there is */
        ingress_cache_end(c->cache);
    vec_deinit(&c->owned);
    vec_deinit(&c->hosts);
    vec_deinit(&c->services);
    vec_deinit(&c->service_results);
    idmap_deinit(&c->certificates);
    idmap_deinit(&c->authorities);
    idmap_deinit(&c->told);
    arena_deinit(&c->scratch);
}

struct route_model *ingress_compile(const struct kube_store *store,
                                    const struct ingress_options *options, struct diag_list *diags)
{
    struct compiler c = {
        .store = store,
        .options = options,
        .model = route_model_new(),
        .diags = diags,
    };

    compiler_init(&c);
    take_all(&c);
    ingress_tls_default(&c);
    ingress_tls_dh(&c);
    ingress_ticket_keys(&c);
    ingress_merge(&c);
    ingress_default_rule(&c);
    ingress_listeners_read(&c);
    compiler_drop_unused(&c);
    if (c.has_loose_secrets)
        ingress_secrets_sweep(c.model);
    compiler_deinit(&c);
    return c.model;
}
