#include "base/scope.h"
#include "ingress/backend.h"
#include "ingress/compiler.h"
#include "ingress/merge.h"
#include "ingress/names.h"
#include "ingress/secret.h"
#include "ingress/secrets.h"

/* A host is made of the Ingresses that have it, and of nothing else that changes often. So the hosts that
 * a change concerns are taken out of the model and compiled again from their Ingresses, by the very
 * steps of a whole compile; Services are asked again for their endpoints. What changes rarely and
 * concerns everyone (classes, the ConfigMap, the objects that flags name) is left to the whole. */

struct recompile {
    struct compiler c;
    const struct ingress_change *change;
    struct route_changes *changes;
    struct map hosts;     /* names of those to be made anew → themselves */
    struct map ingresses; /* "namespace/name" of those that have them → the object */
    struct idmap moved;   /* services whose origin changed, by key */
    bool drops_secrets;   /* a host that was taken out may have been the last to name one */
};

static bool is_named(const struct ingress_object_name *name, const struct ingress_touched *touched)
{
    return span_eq(name->name, touched->name) && span_eq(name->namespace, touched->namespace);
}

/* Is it the one that is looked for? */
struct sought {
    const struct ingress_touched *touched;
    bool is_found;
};

static void sought_look(void *ctx, struct span namespace, struct span name)
{
    struct sought *sought = ctx;

    sought->is_found |=
        span_eq(name, sought->touched->name) && span_eq(namespace, sought->touched->namespace);
}

static bool is_of_all(const struct kube_store *store, const struct ingress_options *options,
                      const struct ingress_touched *secret)
{
    struct sought sought = { .touched = secret };

    ingress_secrets_common(store, options, sought_look, &sought);
    return sought.is_found;
}

static bool concerns_all(const struct kube_store *store, const struct ingress_options *options,
                         const struct ingress_touched *touched)
{
    switch (touched->kind) {
    case KUBE_INGRESS_CLASS:
        return true;
    case KUBE_CONFIG_MAP:
        return is_named(&options->config_map, touched) ||
               is_named(&options->tcp_services, touched) ||
               is_named(&options->udp_services, touched);
    case KUBE_SECRET:
        return is_of_all(store, options, touched);
    case KUBE_SERVICE:
    case KUBE_ENDPOINT_SLICE:
        return is_named(&options->default_backend, touched);
    case KUBE_INGRESS:
    case KUBE_NAMESPACE:
    case KUBE_KINDS_LEN:
        break;
    }
    return false;
}

static bool change_is_partial(const struct kube_store *store, const struct ingress_options *options,
                              const struct ingress_change *change)
{
    vec_for_each (touched, &change->objects) {
        if (concerns_all(store, options, touched))
            return false;
    }
    return !change->is_whole;
}

/* ---- which hosts, and whose ------------------------------------------------------------------ */

static void host_want(struct recompile *r, struct span name)
{
    if (map_find(&r->hosts, name))
        return;
    name = arena_dup(&r->changes->texts, name);
    map_put(&r->hosts, name, (void *)name.ptr);
    vec_push(&r->changes->hosts, name);
}

static void host_want_written(struct recompile *r, struct span text)
{
    struct span name = SPAN_EMPTY;

    if (span_is_empty(text) || ingress_host_parse(text, &r->c.scratch, &name) == HOST_OK)
        host_want(r, name);
}

static void ingress_want(struct recompile *r, struct span namespace, struct span name)
{
    const struct kube_object *object = kube_store_find(r->c.store, KUBE_INGRESS, namespace, name);
    struct span key =
        arena_printf(&r->c.scratch, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(namespace), SPAN_ARG(name));

    if (object && !map_find(&r->ingresses, key))
        map_put(&r->ingresses, key, (void *)object);
}

/* Of any namespace, since what they are asked for is only whether to look closer. */
struct naming {
    const struct map *changed; /* names of the Secrets that changed */
    bool names_one;
};

static void naming_look(void *ctx, struct span namespace, struct span name)
{
    struct naming *naming = ctx;

    (void)namespace;
    naming->names_one |= map_find(naming->changed, name) != NULL;
}

static bool names_changed(const struct recompile *r, const struct kube_object *ingress,
                          const struct map *changed)
{
    struct naming naming = { .changed = changed };

    ingress_secrets_of(ingress, r->c.options, true, naming_look, &naming);
    return naming.names_one;
}

/* The host without a name, too: it may be the default backend's. */
static void hosts_of_want(struct recompile *r, const struct kube_object *ingress)
{
    for (size_t i = 0; i < ingress->ingress.rules_len; i++)
        host_want_written(r, ingress->ingress.rules[i].host.text);
    if (ingress->ingress.rules_len == 0)
        host_want(r, SPAN_EMPTY);
}

/* All hosts of the Ingresses that name a Secret that changed. */
static void secrets_want(struct recompile *r)
{
    SCOPED(map_deinit) struct map secrets = { 0 };
    const struct kube_object *ingress;

    vec_for_each (touched, &r->change->objects) {
        if (touched->kind == KUBE_SECRET)
            map_put(&secrets, touched->name, touched);
    }
    for (size_t at = 0;
         secrets.len > 0 && (ingress = kube_store_next(r->c.store, KUBE_INGRESS, &at));) {
        if (names_changed(r, ingress, &secrets))
            hosts_of_want(r, ingress);
    }
}

/* A host without TLS takes after the wildcard over it. */
static void wildcards_want(struct recompile *r)
{
    struct span suffix;

    for (size_t i = 0, len = r->changes->hosts.len; i < len; i++) {
        if (!span_starts_with(r->changes->hosts.items[i], SPAN("*.")))
            continue;
        suffix = span_from(r->changes->hosts.items[i], 1);
        vec_for_each (host, &r->c.model->hosts) {
            struct span name = (*host)->name;
            size_t dot = span_find(name, '.');
            if (dot != SPAN_NOT_FOUND && span_eq(span_from(name, dot), suffix))
                host_want(r, name);
        }
    }
}

static void hosts_collect(struct recompile *r)
{
    vec_for_each (host, &r->change->hosts)
        host_want_written(r, *host);
    vec_for_each (touched, &r->change->objects) {
        if (touched->kind == KUBE_INGRESS)
            ingress_want(r, touched->namespace, touched->name);
    }
    secrets_want(r);
    wildcards_want(r);
}

static bool uses_secrets(const struct route_host *host)
{
    if (host->certificate || host->client_auth)
        return true;
    vec_for_each (path, &host->paths) {
        vec_for_each (rule, &(*path)->rules) {
            if ((*rule)->policy && (*rule)->policy->backend_tls)
                return true;
        }
    }
    return false;
}

static void hosts_take_out(struct recompile *r)
{
    struct route_model *model = r->c.model;

    vec_for_each (name, &r->changes->hosts) {
        struct route_host *host = map_find(&model->hosts_by_name, *name);
        if (!host)
            continue;
        for (const struct route_source *it = host->sources; it; it = it->next)
            ingress_want(r, it->namespace, it->name);
        r->drops_secrets |= uses_secrets(host);
        route_host_remove(model, host);
    }
}

/* ---- certificates and authorities ------------------------------------------------------------ */

static void secrets_remember(struct recompile *r)
{
    vec_for_each (certificate, &r->c.model->certificates)
        idmap_put(&r->c.certificates, (*certificate)->id, *certificate);
    vec_for_each (authorities, &r->c.model->authorities)
        idmap_put(&r->c.authorities, (*authorities)->id, *authorities);
}

static size_t secrets_count(const struct route_model *model)
{
    return model->certificates.len + model->authorities.len;
}

static void secrets_sweep(struct recompile *r, size_t before)
{
    r->changes->secrets = secrets_count(r->c.model) > before;
    if (r->drops_secrets || r->c.has_loose_secrets)
        r->changes->secrets |= ingress_secrets_sweep(r->c.model);
}

/* ---- services -------------------------------------------------------------------------------- */

static void on_endpoints(void *ctx, struct route_service *service)
{
    struct recompile *r = ctx;

    vec_push(&r->changes->services, service->key);
}

static void service_refresh(struct recompile *r, const struct ingress_touched *touched)
{
    struct service_endpoints endpoints;

    ingress_endpoints_refresh(r->c.store, r->c.options, r->c.model, touched->namespace,
                              touched->name, on_endpoints, r);
    for (struct route_service *port =
             route_service_find(r->c.model, touched->namespace, touched->name);
         port; port = port->next_port) {
        int result = ingress_service_resolve(r->c.store, port, &r->c.scratch, &endpoints);
        invariant(result == SERVICE_OK || endpoints.len == 0);
        if (ingress_service_set_facts(r->c.model, port, &endpoints))
            idmap_put(&r->moved, port->key, port);
    }
}

static bool uses_moved(const struct recompile *r, const struct route_host *host)
{
    if (host->passthrough && idmap_find(&r->moved, host->passthrough->key))
        return true;
    vec_for_each (path, &host->paths) {
        vec_for_each (rule, &(*path)->rules) {
            for (size_t i = 0; i < (*rule)->backends_len; i++) {
                if (idmap_find(&r->moved, (*rule)->backends[i].service->key))
                    return true;
            }
        }
    }
    return false;
}

static void services_refresh(struct recompile *r)
{
    vec_for_each (touched, &r->change->objects) {
        if (touched->kind == KUBE_SERVICE || touched->kind == KUBE_ENDPOINT_SLICE)
            service_refresh(r, touched);
    }
    if (r->moved.len == 0)
        return;
    vec_for_each (host, &r->c.model->hosts) {
        if (uses_moved(r, *host))
            vec_push(&r->changes->hosts, (*host)->name);
    }
    vec_for_each (listener, &r->c.model->listeners)
        r->changes->settings |= idmap_find(&r->moved, (*listener)->service->key) != NULL;
    if (r->c.model->default_rule && r->c.model->default_rule->backends_len > 0)
        r->changes->settings |=
            idmap_find(&r->moved, r->c.model->default_rule->backends[0].service->key) != NULL;
}

/* Tells of those that came, and drops those that no rule uses any more. */
static void services_sweep(struct recompile *r)
{
    struct route_model *model = r->c.model;

    for (size_t i = model->services.len; i > 0; i--) {
        struct route_service *service = model->services.items[i - 1];
        bool is_new = i - 1 >= r->c.services_before;

        if (is_new || service->uses == 0)
            vec_push(&r->changes->services, service->key);
        if (service->uses == 0)
            route_service_remove(model, service);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void hosts_compile(struct recompile *r)
{
    const struct kube_object **all =
        arena_new_array(&r->c.scratch, const struct kube_object *, r->ingresses.len);
    const struct kube_object *object;
    size_t len = 0;

    for (size_t at = 0; (object = map_next(&r->ingresses, &at));)
        all[len++] = object;
    r->c.hosts_before = r->c.model->hosts.len;
    compiler_take(&r->c, all, len);
    ingress_merge(&r->c);
}

bool ingress_recompile(const struct kube_store *store, const struct ingress_options *options,
                       const struct ingress_change *change, struct route_model *model,
                       struct route_changes *changes)
{
    struct diag_list diags;
    struct recompile r = {
        .c = { .store = store, .options = options, .model = model, .diags = &diags },
        .change = change,
        .changes = changes,
    };
    size_t secrets_before = secrets_count(model);
    bool had_passthrough = model->passthroughs > 0;

    if (!change_is_partial(store, options, change))
        return false;
    r.c.only = &r.hosts;
    route_batch_begin(model);
    diag_list_init(&diags);
    compiler_init(&r.c);
    hosts_collect(&r);
    hosts_take_out(&r);
    secrets_remember(&r);
    hosts_compile(&r);
    services_refresh(&r);
    secrets_sweep(&r, secrets_before);
    services_sweep(&r);
    changes->settings |= had_passthrough != (model->passthroughs > 0);
    compiler_deinit(&r.c);
    diag_list_deinit(&diags);
    map_deinit(&r.hosts);
    map_deinit(&r.ingresses);
    idmap_deinit(&r.moved);
    return true;
}
