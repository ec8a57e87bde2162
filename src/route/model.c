#include "route/model.h"

#include "base/hash.h"

/* Things are found by maps whose keys lie in the model's arena, and listed in the order in which
 * they were made: whoever fills the model in a fixed order gets the same model in every run. */

enum {
    MODEL_BLOCK_BYTES = 64 << 10,
    PATH_KEY_HEAD_BYTES = 5, /* host serial, kind */
};

static const struct ip_block trusted_default[] = {
    { .addr.bytes = { [10] = 0xFF, [11] = 0xFF }, .prefix_bits = 96 }, /* 0.0.0.0/0 */
};

struct route_model *route_model_new(void)
{
    struct route_model *model = mem_alloc_zero(sizeof(*model));

    arena_init(&model->arena, MODEL_BLOCK_BYTES);
    model->settings = route_settings_default();
    return model;
}

static void host_deinit(struct route_host *host)
{
    vec_for_each (path, &host->paths)
        vec_deinit(&(*path)->rules);
    vec_deinit(&host->paths);
}

struct route_model *route_model_free(struct route_model *model)
{
    if (!model)
        return NULL;

    vec_for_each (host, &model->hosts)
        host_deinit(*host);
    vec_deinit(&model->hosts);
    vec_deinit(&model->services);
    vec_deinit(&model->certificates);
    map_deinit(&model->hosts_by_name);
    map_deinit(&model->paths_by_key);
    idmap_deinit(&model->services_by_key);
    arena_deinit(&model->arena);
    return mem_free(model);
}

struct route_settings route_settings_default(void)
{
    return (struct route_settings){
        .generate_request_id = true,
        .ignore_invalid_headers = true,
        .forwarded_for_header = SPAN("X-Forwarded-For"),
        .trusted = trusted_default,
        .trusted_len = ARRAY_LEN(trusted_default),
        .access_log = true,
        .log_format = SPAN_EMPTY,
        .keep_alive_ms = 75000,
        .keep_alive_requests = 1000,
        .client_header_timeout_ms = 60000,
        .client_body_timeout_ms = 60000,
        .upstream_idle_max = 320,
        .upstream_idle_timeout_ms = 60000,
    };
}

struct route_policy route_policy_default(void)
{
    return (struct route_policy){
        .connect_timeout_ms = 5000,
        .read_timeout_ms = 60000,
        .send_timeout_ms = 60000,
        .retry_tries = 3,
        .retry_on = ROUTE_RETRY_ERROR | ROUTE_RETRY_TIMEOUT,
        .body_bytes_max = 1 << 20,
    };
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

static bool service_is(const struct route_service *service, struct span namespace, struct span name,
                       struct span port)
{
    return span_eq(service->namespace, namespace) && span_eq(service->name, name) &&
           span_eq(service->port, port);
}

struct route_service *route_service_get(struct route_model *model, struct span namespace,
                                        struct span name, struct span port)
{
    uint64_t key = route_service_key(namespace, name, port);
    struct route_service *service = idmap_find(&model->services_by_key, key);

    /* Whoever forges names of equal hash gets the next free key: traffic must never mix. */
    while (service && !service_is(service, namespace, name, port))
        service = idmap_find(&model->services_by_key, ++key);
    if (service)
        return service;

    service = arena_new(&model->arena, struct route_service);
    service->key = key;
    service->namespace = arena_dup(&model->arena, namespace);
    service->name = arena_dup(&model->arena, name);
    service->port = arena_dup(&model->arena, port);
    service->upstream_name = upstream_name(&model->arena, service);
    service->index = (uint32_t)model->services.len;
    vec_push(&model->services, service);
    idmap_put(&model->services_by_key, key, service);
    return service;
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
    host_deinit(host);
    map_remove(&model->hosts_by_name, host->name);
    last->index = host->index;
    model->hosts.items[host->index] = last;
    model->hosts.len--;
}

void route_service_remove(struct route_model *model, struct route_service *service)
{
    struct route_service *last = *vec_last(&model->services);

    idmap_remove(&model->services_by_key, service->key);
    last->index = service->index;
    model->services.items[service->index] = last;
    model->services.len--;
}

void route_changes_deinit(struct route_changes *changes)
{
    vec_deinit(&changes->hosts);
    vec_deinit(&changes->services);
}

/* Each part is hashed with the hash so far as its seed, its length included: "a"+"bc" is not
 * "ab"+"c". */
uint64_t route_service_key(struct span namespace, struct span name, struct span port)
{
    return hash_bytes(port, hash_bytes(name, hash_bytes(namespace, 1)));
}

uint64_t route_endpoint_id(const struct route_endpoint *endpoint)
{
    struct span ip = span_of((const char *)endpoint->ip.bytes, sizeof(endpoint->ip.bytes));
    uint64_t port_and_kind = (uint64_t)endpoint->port << 8 | (uint64_t)endpoint->kind;

    if (endpoint->kind == ROUTE_ENDPOINT_DNS)
        return hash_combine(hash_bytes(endpoint->dns_name, 2), port_and_kind);
    return hash_combine(hash_bytes(ip, 2), port_and_kind);
}

uint64_t route_metric_id(const struct route_rule *rule, struct span host,
                         const struct route_service *service)
{
    uint64_t id = hash_bytes(rule->ingress, hash_bytes(rule->namespace, 3));

    id = hash_bytes(rule->path, hash_bytes(host, id));
    return service ? hash_combine(id, service->key) : id;
}
