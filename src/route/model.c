#include "route/model.h"

#include "base/hash.h"

/* Things are found by maps whose keys lie in the model's arena, and listed in the order in which
 * they were made: whoever fills the model in a fixed order gets the same model in every run. */

enum {
    MODEL_BLOCK_BYTES = 64 << 10,
    BATCH_BLOCK_BYTES = 4096,
    PATH_KEY_HEAD_BYTES = 5,    /* host serial, kind */
    FULL_NAME_BYTES_MAX = 1024, /* longest namespace, "/" and name, with room to spare */
};

/* What was made at one time, and goes when nothing of it is left: so a model that changes for weeks
 * does not grow. */
struct route_batch {
    struct arena arena; /* of the newest batch: model->arena */
    uint32_t refs;
};

static struct route_batch *batch_new(void)
{
    struct route_batch *batch = mem_alloc_zero(sizeof(*batch));

    batch->refs = 1;
    return batch;
}

static struct route_batch *batch_ref(struct route_batch *batch)
{
    batch->refs++;
    return batch;
}

static void batch_unref(struct route_batch *batch)
{
    if (!batch || --batch->refs > 0)
        return;
    arena_deinit(&batch->arena);
    mem_free(batch);
}

/* The newest batch gets its arena. */
static void batch_end(struct route_model *model)
{
    model->batch->arena = model->arena;
    batch_unref(model->batch);
}

void route_batch_begin(struct route_model *model)
{
    batch_end(model);
    arena_init(&model->arena, BATCH_BLOCK_BYTES);
    model->batch = batch_new();
}

struct arena *route_service_arena(struct route_model *model, const struct route_service *service)
{
    return service->batch == model->batch ? &model->arena : &service->batch->arena;
}

struct route_model *route_model_new(void)
{
    struct route_model *model = mem_alloc_zero(sizeof(*model));

    arena_init(&model->arena, MODEL_BLOCK_BYTES);
    model->batch = model->first_batch = batch_new();
    model->first_batch->refs++;
    model->settings = route_settings_default();
    return model;
}

static void host_deinit(struct route_host *host)
{
    vec_for_each (path, &host->paths)
        vec_deinit(&(*path)->rules);
    vec_deinit(&host->paths);
    batch_unref(host->batch);
}

struct route_model *route_model_free(struct route_model *model)
{
    if (!model)
        return NULL;

    batch_end(model);
    vec_for_each (host, &model->hosts)
        host_deinit(*host);
    vec_for_each (service, &model->services)
        batch_unref((*service)->batch);
    vec_for_each (certificate, &model->certificates)
        batch_unref((*certificate)->batch);
    vec_for_each (authorities, &model->authorities)
        batch_unref((*authorities)->batch);
    batch_unref(model->first_batch);
    explicit_bzero(model->ticket_keys, sizeof(model->ticket_keys));
    vec_deinit(&model->hosts);
    vec_deinit(&model->services);
    vec_deinit(&model->certificates);
    vec_deinit(&model->authorities);
    vec_deinit(&model->listeners);
    map_deinit(&model->hosts_by_name);
    map_deinit(&model->paths_by_key);
    map_deinit(&model->services_by_name);
    idmap_deinit(&model->services_by_key);
    return mem_free(model);
}

struct route_host *route_host_get(struct route_model *model, struct span name)
{
    struct route_host *host = map_find(&model->hosts_by_name, name);

    if (host)
        return host;
    host = arena_new(&model->arena, struct route_host);
    host->name = arena_dup(&model->arena, name);
    host->index = (uint32_t)model->hosts.len;
    host->serial = model->hosts_made++;
    host->batch = batch_ref(model->batch);
    vec_push(&model->hosts, host);
    map_put(&model->hosts_by_name, host->name, host);
    return host;
}

/* The key of a path in model->paths_by_key: the host's serial, the kind, the path. */
static struct span path_key(struct route_model *model, const struct route_host *host,
                            enum route_path_kind kind, struct span path)
{
    char *key = arena_alloc(&model->arena, PATH_KEY_HEAD_BYTES + path.len);

    memcpy(key, &host->serial, sizeof(host->serial));
    key[sizeof(host->serial)] = (char)kind;
    if (path.len)
        memcpy(key + PATH_KEY_HEAD_BYTES, path.ptr, path.len);
    return span_of(key, PATH_KEY_HEAD_BYTES + path.len);
}

struct route_path *route_path_get(struct route_model *model, struct route_host *host,
                                  enum route_path_kind kind, struct span path)
{
    struct span key = path_key(model, host, kind, path);
    struct route_path *found = map_find(&model->paths_by_key, key);

    if (found)
        return found;
    found = arena_new(&model->arena, struct route_path);
    found->kind = kind;
    found->path = span_from(key, PATH_KEY_HEAD_BYTES);
    vec_push(&host->paths, found);
    map_put(&model->paths_by_key, key, found);
    return found;
}

static struct span upstream_name(struct arena *arena, const struct route_service *service)
{
    const struct span parts[] = { service->namespace, service->name, service->port };
    char *text = arena_alloc(arena, parts[0].len + parts[1].len + parts[2].len + 2);
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (i > 0)
            text[len++] = '-';
        memcpy(text + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return span_of(text, len);
}

static bool service_is(const struct route_service *service, enum route_transport transport,
                       struct span namespace, struct span name, struct span port)
{
    return service->transport == transport && span_eq(service->namespace, namespace) &&
           span_eq(service->name, name) && span_eq(service->port, port);
}

struct route_service *route_service_get(struct route_model *model, enum route_transport transport,
                                        struct span namespace, struct span name, struct span port)
{
    uint64_t key = route_service_key(transport, namespace, name, port);
    struct route_service *service = idmap_find(&model->services_by_key, key);

    /* Whoever forges names of equal hash gets the next free key: traffic must never mix. */
    while (service && !service_is(service, transport, namespace, name, port))
        service = idmap_find(&model->services_by_key, ++key);
    if (service)
        return service;

    service = arena_new(&model->arena, struct route_service);
    service->key = key;
    service->transport = transport;
    service->protocol = ROUTE_PROTOCOL_HTTP;
    struct span full =
        arena_printf(&model->arena, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(namespace), SPAN_ARG(name));
    service->namespace = span_upto(full, namespace.len);
    service->name = span_from(full, namespace.len + 1);
    service->port = arena_dup(&model->arena, port);
    service->upstream_name = upstream_name(&model->arena, service);
    service->index = (uint32_t)model->services.len;
    vec_push(&model->services, service);
    idmap_put(&model->services_by_key, key, service);
    service->next_port = map_put(&model->services_by_name, full, service);
    service->batch = batch_ref(model->batch);
    return service;
}

struct route_service *route_service_find(const struct route_model *model, struct span namespace,
                                         struct span name)
{
    char key[FULL_NAME_BYTES_MAX];

    if (namespace.len + 1 + name.len > sizeof(key))
        return NULL; /* no object can have that name */
    memcpy(key, namespace.ptr, namespace.len);
    key[namespace.len] = '/';
    memcpy(key + namespace.len + 1, name.ptr, name.len);
    return map_find(&model->services_by_name, span_of(key, namespace.len + 1 + name.len));
}

struct route_certificate *route_certificate_new(struct route_model *model)
{
    struct route_certificate *certificate = arena_new(&model->arena, struct route_certificate);

    certificate->batch = batch_ref(model->batch);
    vec_push(&model->certificates, certificate);
    return certificate;
}

struct route_authorities *route_authorities_new(struct route_model *model)
{
    struct route_authorities *authorities = arena_new(&model->arena, struct route_authorities);

    authorities->batch = batch_ref(model->batch);
    vec_push(&model->authorities, authorities);
    return authorities;
}

struct route_listener *route_listener_new(struct route_model *model)
{
    struct route_listener *listener = arena_new(&model->arena, struct route_listener);

    vec_push(&model->listeners, listener);
    return listener;
}

void route_listener_set_service(struct route_listener *listener, struct route_service *service)
{
    listener->service = service;
    service->uses++;
}

void route_host_set_passthrough(struct route_model *model, struct route_host *host,
                                struct route_service *service)
{
    model->passthroughs++;
    host->passthrough = service;
    service->uses++;
}

struct route_rule *route_rule_new(struct route_model *model)
{
    return arena_new(&model->arena, struct route_rule);
}

void route_rule_set_service(struct route_model *model, struct route_rule *rule,
                            struct route_service *service)
{
    rule->backends = arena_new(&model->arena, struct route_backend);
    rule->backends[0] = (struct route_backend){ service, 1 };
    rule->backends_len = 1;
    service->uses++;
}

static void path_forget(struct route_model *model, struct route_path *path)
{
    struct span key = span_of(path->path.ptr - PATH_KEY_HEAD_BYTES,
                              PATH_KEY_HEAD_BYTES + path->path.len); /* as path_key() made it */

    map_remove(&model->paths_by_key, key);
    vec_for_each (rule, &path->rules) {
        for (size_t i = 0; i < (*rule)->backends_len; i++)
            (*rule)->backends[i].service->uses--;
    }
}

void route_host_remove(struct route_model *model, struct route_host *host)
{
    struct route_host *last = *vec_last(&model->hosts);

    vec_for_each (path, &host->paths)
        path_forget(model, *path);
    if (host->passthrough) {
        host->passthrough->uses--;
        model->passthroughs--;
    }
    map_remove(&model->hosts_by_name, host->name);
    last->index = host->index;
    model->hosts.items[host->index] = last;
    model->hosts.len--;
    host_deinit(host);
}

static struct span service_full_name(const struct route_service *service)
{
    return span_of(service->namespace.ptr, service->namespace.len + 1 + service->name.len);
}

/* The first port's text is the key of all. */
static void service_forget(struct route_model *model, const struct route_service *service)
{
    struct span full = service_full_name(service);
    struct route_service *first = map_remove(&model->services_by_name, full);
    struct route_service **link = &first;

    while (*link != service)
        link = &(*link)->next_port;
    *link = service->next_port;
    if (first)
        map_put(&model->services_by_name, service_full_name(first), first);
}

void route_service_remove(struct route_model *model, struct route_service *service)
{
    struct route_service *last = *vec_last(&model->services);

    idmap_remove(&model->services_by_key, service->key);
    service_forget(model, service);
    last->index = service->index;
    model->services.items[service->index] = last;
    model->services.len--;
    batch_unref(service->batch);
}

/* Works for both kinds of secrets, which lie in the same form. */
#define SECRETS_KEEP(list, kept)                \
    ({                                          \
        size_t count = 0, before = (list)->len; \
        vec_for_each (it, (list)) {             \
            if (idmap_find((kept), (*it)->id))  \
                (list)->items[count++] = *it;   \
            else                                \
                batch_unref((*it)->batch);      \
        }                                       \
        (list)->len = count;                    \
        count < before;                         \
    })

bool route_secrets_keep(struct route_model *model, const struct idmap *kept)
{
    bool has_fewer_certificates = SECRETS_KEEP(&model->certificates, kept);
    bool has_fewer_authorities = SECRETS_KEEP(&model->authorities, kept);

    return has_fewer_certificates || has_fewer_authorities;
}

void route_changes_init(struct route_changes *changes)
{
    *changes = (struct route_changes){ 0 };
    arena_init(&changes->texts, 1024);
}

void route_changes_deinit(struct route_changes *changes)
{
    vec_deinit(&changes->hosts);
    vec_deinit(&changes->services);
    arena_deinit(&changes->texts);
}
