#include <stdlib.h>

#include "base/hash.h"
#include "image/encode.h"
#include "image/lookup.h"

/* Hosts by name, a host's paths in the order of their trial: what belongs to one host lies together. What
 * several rules of the shard share (policies, services) is written once, in the order of its first use. */

struct encoder {
    struct image_sections *sections;
    struct arena arena;                     /* keys of the two maps */
    struct map policies;                    /* bytes of a struct image_policy → its index + 1 */
    struct map backend_tls;                 /* bytes of a struct image_backend_tls → likewise */
    struct idmap services;                  /* key → number in the shard + 1 */
    VEC(const struct route_service *) used; /* by that number */
    VEC(uint64_t) host_hashes;
    VEC(uint64_t) path_hashes;
    VEC(const struct route_path *) paths; /* one host's, sorted */
};

#define ADD(encoder, section, record) \
    image_sections_add((encoder)->sections, (section), &(record), sizeof(record))

static uint32_t next(const struct encoder *encoder, enum image_section section)
{
    return image_sections_next(encoder->sections, section);
}

static struct image_str str(struct encoder *encoder, struct span text)
{
    return image_sections_str(encoder->sections, text);
}

static uint32_t origin_add(struct encoder *encoder, const struct route_origin *origin)
{
    struct image_origin record = {
        .kind = str(encoder, origin->kind),
        .namespace = str(encoder, origin->namespace),
        .name = str(encoder, origin->name),
        .field = str(encoder, origin->field),
        .file = str(encoder, origin->file),
        .line = origin->line,
        .column = origin->column,
    };
    return ADD(encoder, IMAGE_SECTION_ORIGINS, record);
}

/* Adds a record unless one of the same bytes is there; returns its index. */
static uint32_t add_once(struct encoder *encoder, struct map *known, enum image_section section,
                         const void *record, size_t bytes)
{
    struct span key = span_of(record, bytes);
    uintptr_t found = (uintptr_t)map_find(known, key);

    if (found)
        return (uint32_t)(found - 1);
    uint32_t index = image_sections_add(encoder->sections, section, record, bytes);
    map_put(known, arena_dup(&encoder->arena, key), (void *)(uintptr_t)(index + 1));
    return index;
}

static uint32_t backend_tls_add(struct encoder *encoder, const struct route_backend_tls *tls)
{
    if (!tls)
        return IMAGE_NONE;

    struct image_backend_tls record = {
        .certificate_id = tls->certificate ? tls->certificate->id : 0,
        .authorities_id = tls->authorities ? tls->authorities->id : 0,
        .name = str(encoder, tls->name),
        .ciphers = str(encoder, tls->ciphers),
        .versions = tls->versions,
        .depth = tls->depth,
        .flags = (tls->verifies ? IMAGE_BACKEND_TLS_VERIFY : 0) |
                 (tls->sends_name ? IMAGE_BACKEND_TLS_SEND_NAME : 0),
    };
    return add_once(encoder, &encoder->backend_tls, IMAGE_SECTION_BACKEND_TLS, &record,
                    sizeof(record));
}

static uint32_t policy_add(struct encoder *encoder, const struct route_policy *policy)
{
    const struct route_policy fallback = route_policy_default(); /* a rule that yett itself makes */
    if (!policy)
        policy = &fallback;

    struct image_policy record = {
        .connect_timeout_ms = policy->connect_timeout_ms,
        .read_timeout_ms = policy->read_timeout_ms,
        .send_timeout_ms = policy->send_timeout_ms,
        .retry_tries = policy->retry_tries,
        .retry_timeout_ms = policy->retry_timeout_ms,
        .retry_on = policy->retry_on,
        .body_bytes_max = policy->body_bytes_max,
        .protocol = policy->protocol,
        .backend_tls = backend_tls_add(encoder, policy->backend_tls),
    };
    return add_once(encoder, &encoder->policies, IMAGE_SECTION_POLICIES, &record, sizeof(record));
}

/* The index that the service will have; the records follow when all are known. */
static uint32_t service_use(struct encoder *encoder, const struct route_service *service)
{
    uintptr_t known = (uintptr_t)idmap_find(&encoder->services, service->key);

    if (!known) {
        vec_push(&encoder->used, service);
        known = encoder->used.len;
        idmap_put(&encoder->services, service->key, (void *)known);
    }
    return encoder->sections->base | (uint32_t)(known - 1);
}

static void predicate_add(struct encoder *encoder, const struct route_predicate *predicate)
{
    struct image_predicate record = {
        .kind = predicate->kind,
        .name = str(encoder, predicate->name),
        .value = str(encoder, predicate->value),
    };
    ADD(encoder, IMAGE_SECTION_PREDICATES, record);
}

static void filter_add(struct encoder *encoder, const struct route_filter *filter)
{
    struct image_filter record = {
        .kind = filter->kind,
        .status = filter->status,
        .flags = filter->keep_trailing_slash ? IMAGE_FILTER_KEEP_TRAILING_SLASH : 0,
    };
    ADD(encoder, IMAGE_SECTION_FILTERS, record);
}

static uint32_t rule_add(struct encoder *encoder, const struct route_rule *rule)
{
    struct image_rule record = {
        .metric_id = rule->metric_id,
        .namespace = str(encoder, rule->namespace),
        .ingress = str(encoder, rule->ingress),
        .path = str(encoder, rule->path),
        .predicates_first = next(encoder, IMAGE_SECTION_PREDICATES),
        .predicates_len = (uint32_t)rule->predicates_len,
        .filters_first = next(encoder, IMAGE_SECTION_FILTERS),
        .filters_len = (uint32_t)rule->filters_len,
        .backends_first = next(encoder, IMAGE_SECTION_BACKENDS),
        .backends_len = (uint32_t)rule->backends_len,
        .policy = policy_add(encoder, rule->policy),
        .origin = origin_add(encoder, &rule->origin),
    };

    for (size_t i = 0; i < rule->predicates_len; i++)
        predicate_add(encoder, &rule->predicates[i]);
    for (size_t i = 0; i < rule->filters_len; i++)
        filter_add(encoder, &rule->filters[i]);
    for (size_t i = 0; i < rule->backends_len; i++) {
        struct image_backend backend = {
            .service = service_use(encoder, rule->backends[i].service),
            .weight = rule->backends[i].weight,
        };
        record.weight_total += backend.weight;
        ADD(encoder, IMAGE_SECTION_BACKENDS, backend);
    }
    return ADD(encoder, IMAGE_SECTION_RULES, record);
}

/* The number of the prefix's segments; their hash as image_segment_hash() wants it. */
static uint32_t prefix_depth(struct span prefix, uint64_t *ret_hash)
{
    struct span rest = span_from(prefix, 1);
    struct span segment;
    uint32_t depth = 0;
    uint64_t hash = 0;

    while (span_split(&rest, '/', &segment)) {
        depth++;
        hash += image_segment_hash(segment, depth);
    }
    *ret_hash = hash;
    return depth;
}

static void path_add(struct encoder *encoder, uint32_t host_index, const struct route_path *path,
                     struct image_host *host)
{
    struct image_path record = {
        .path = str(encoder, path->path),
        .host = host_index,
        .kind = path->kind,
        .rules_first = next(encoder, IMAGE_SECTION_RULES),
        .rules_len = (uint32_t)path->rules.len,
    };
    uint64_t hash;

    if (path->kind == ROUTE_PATH_EXACT) {
        hash = hash_bytes(path->path, 0);
        host->flags |= IMAGE_HOST_HAS_EXACT;
    } else {
        uint32_t depth = prefix_depth(path->path, &hash);
        host->prefix_depth_max = MAX(host->prefix_depth_max, depth);
    }
    vec_push(&encoder->path_hashes, image_path_hash(host_index, path->kind, hash));
    ADD(encoder, IMAGE_SECTION_PATHS, record);
    vec_for_each (rule, &path->rules) {
        rule_add(encoder, *rule);
    }
}

/* Exact paths, then prefixes, the longest first; of equal length by their bytes, so that the order in
 * which a model was filled makes no difference. */
static int by_trial(const void *a, const void *b)
{
    const struct route_path *left = *(const struct route_path *const *)a;
    const struct route_path *right = *(const struct route_path *const *)b;

    if (left->kind != right->kind)
        return left->kind == ROUTE_PATH_EXACT ? -1 : 1;
    if (left->path.len != right->path.len)
        return left->path.len > right->path.len ? -1 : 1;
    return span_cmp(left->path, right->path);
}

static void paths_sort(struct encoder *encoder, const struct route_host *host)
{
    encoder->paths.len = 0;
    vec_for_each (path, &host->paths)
        vec_push(&encoder->paths, *path);
    if (encoder->paths.len > 1)
        qsort(encoder->paths.items, encoder->paths.len, sizeof(encoder->paths.items[0]), by_trial);
}

static uint32_t client_auth_add(struct encoder *encoder, const struct route_client_auth *auth)
{
    if (!auth)
        return IMAGE_NONE;

    struct image_client_auth record = {
        .authorities_id = auth->authorities ? auth->authorities->id : 0,
        .error_page = str(encoder, auth->error_page),
        .match_cn = str(encoder, auth->match_cn),
        .mode = auth->mode,
        .depth = auth->depth,
        .flags = auth->passes_certificate ? IMAGE_CLIENT_AUTH_PASS_CERTIFICATE : 0,
        .origin = origin_add(encoder, &auth->origin),
    };
    return ADD(encoder, IMAGE_SECTION_CLIENT_AUTHS, record);
}

static uint32_t host_flags(const struct route_host *host)
{
    uint32_t flags = host->has_tls ? IMAGE_HOST_TLS : 0;

    switch (host->cipher_choice) {
    case ROUTE_CIPHERS_AS_SET:
        return flags;
    case ROUTE_CIPHERS_OF_SERVER:
        return flags | IMAGE_HOST_CIPHERS_OF_SERVER;
    case ROUTE_CIPHERS_OF_CLIENT:
        return flags | IMAGE_HOST_CIPHERS_OF_CLIENT;
    }
    unreachable();
}

static void host_add(struct encoder *encoder, const struct route_host *host)
{
    struct image_host record = {
        .name = str(encoder, host->name),
        .paths_first = next(encoder, IMAGE_SECTION_PATHS),
        .paths_len = (uint32_t)host->paths.len,
        .flags = host_flags(host),
        .certificate_id = host->certificate ? host->certificate->id : 0,
        .other_certificate_id = host->other_certificate ? host->other_certificate->id : 0,
        .tls_ciphers = str(encoder, host->tls_ciphers),
        .client_auth = client_auth_add(encoder, host->client_auth),
        .passthrough = host->passthrough ? service_use(encoder, host->passthrough) : IMAGE_NONE,
        .origin = origin_add(encoder, &host->origin),
        .index = next(encoder, IMAGE_SECTION_HOSTS),
    };

    paths_sort(encoder, host);
    vec_for_each (path, &encoder->paths)
        path_add(encoder, record.index, *path, &record);
    vec_push(&encoder->host_hashes, image_name_hash(host->name));
    ADD(encoder, IMAGE_SECTION_HOSTS, record);
}

static void service_add(struct encoder *encoder, const struct route_service *service)
{
    struct image_service record = {
        .key = service->key,
        .namespace = str(encoder, service->namespace),
        .name = str(encoder, service->name),
        .port = str(encoder, service->port),
        .upstream_name = str(encoder, service->upstream_name),
        .protocol = service->protocol,
        .balance = service->balance,
        .origin = origin_add(encoder, &service->origin),
        .transport = service->transport,
    };
    ADD(encoder, IMAGE_SECTION_SERVICES, record);
}

static uint32_t settings_flags(const struct route_model *model)
{
    const struct route_settings *settings = &model->settings;
    const struct {
        bool is_set;
        enum image_settings_flag flag;
    } flags[] = {
        { settings->use_forwarded_headers, IMAGE_USE_FORWARDED_HEADERS },
        { settings->enable_real_ip, IMAGE_ENABLE_REAL_IP },
        { settings->compute_full_forwarded_for, IMAGE_COMPUTE_FULL_FORWARDED_FOR },
        { settings->generate_request_id, IMAGE_GENERATE_REQUEST_ID },
        { settings->allow_underscores_in_headers, IMAGE_ALLOW_UNDERSCORES },
        { settings->ignore_invalid_headers, IMAGE_IGNORE_INVALID_HEADERS },
        { settings->access_log, IMAGE_ACCESS_LOG },
        { settings->http2, IMAGE_HTTP2 },
        { settings->proxy_protocol, IMAGE_PROXY_PROTOCOL },
        { settings->gzip.is_on, IMAGE_GZIP },
        { settings->brotli.is_on, IMAGE_BROTLI },
        { settings->tls.cipher_choice == ROUTE_CIPHERS_OF_SERVER, IMAGE_TLS_CIPHERS_OF_SERVER },
        { settings->tls.resumption, IMAGE_TLS_RESUMPTION },
        { settings->tls.rejects_unknown, IMAGE_TLS_REJECT_UNKNOWN },
        { model->passthroughs > 0, IMAGE_TLS_PASSTHROUGH },
        { settings->stream.next_upstream, IMAGE_STREAM_NEXT_UPSTREAM },
        { settings->stream.access_log, IMAGE_STREAM_ACCESS_LOG },
    };
    uint32_t bits = 0;

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        bits |= flags[i].is_set ? flags[i].flag : 0;
    return bits;
}

static void settings_add(struct encoder *encoder, const struct route_model *model)
{
    const struct route_settings *settings = &model->settings;
    struct image_settings record = {
        .forwarded_for_header = str(encoder, settings->forwarded_for_header),
        .log_format = str(encoder, settings->log_format),
        .stream_log_format = str(encoder, settings->stream.log_format),
        .tls_ciphers = str(encoder, settings->tls.ciphers),
        .tls_groups = str(encoder, settings->tls.groups),
        .tls_dh = str(encoder, settings->tls.dh_pem),
        .hsts = str(encoder, settings->tls.hsts),
        .gzip_types = str(encoder, settings->gzip.types),
        .brotli_types = str(encoder, settings->brotli.types),
        .gzip_not_for = str(encoder, settings->gzip.not_for),
        .flags = settings_flags(model),
        .log_escape = settings->log_escape,
        .keep_alive_ms = settings->keep_alive_ms,
        .keep_alive_requests = settings->keep_alive_requests,
        .client_header_timeout_ms = settings->client_header_timeout_ms,
        .client_body_timeout_ms = settings->client_body_timeout_ms,
        .upstream_idle_max = settings->upstream_idle_max,
        .upstream_idle_timeout_ms = settings->upstream_idle_timeout_ms,
        .upstream_requests_max = settings->upstream_requests_max,
        .upstream_age_max_ms = settings->upstream_age_max_ms,
        .http2_streams_max = settings->http2_streams_max,
        .proxy_protocol_timeout_ms = settings->proxy_protocol_timeout_ms,
        .tls_versions = settings->tls.versions,
        .tls_session_timeout_s = MAX(settings->tls.session_timeout_ms / 1000, 1u),
        .gzip_level = settings->gzip.level,
        .gzip_length_min = settings->gzip.length_min,
        .brotli_level = settings->brotli.level,
        .brotli_length_min = settings->brotli.length_min,
        .stream_timeout_ms = settings->stream.timeout_ms,
        .stream_next_upstream_timeout_ms = settings->stream.next_upstream_timeout_ms,
        .stream_next_upstream_tries = settings->stream.next_upstream_tries,
        .stream_responses = settings->stream.responses,
        .default_rule = model->default_rule ? rule_add(encoder, model->default_rule) : IMAGE_NONE,
        .default_certificate_id = model->default_certificate ? model->default_certificate->id : 0,
    };

    ADD(encoder, IMAGE_SECTION_SETTINGS, record);
    for (size_t i = 0; i < settings->trusted_len; i++) {
        struct image_block block = { .prefix_bits = settings->trusted[i].prefix_bits };
        memcpy(block.addr, settings->trusted[i].addr.bytes, sizeof(block.addr));
        ADD(encoder, IMAGE_SECTION_TRUSTED, block);
    }
}

static void listener_add(struct encoder *encoder, const struct route_listener *listener)
{
    struct image_listener record = {
        .transport = (uint16_t)listener->transport,
        .port = listener->port,
        .service = service_use(encoder, listener->service),
        .flags = (listener->accepts_proxy ? IMAGE_LISTENER_ACCEPT_PROXY : 0) |
                 (listener->proxy_version == 1 ? IMAGE_LISTENER_SEND_PROXY_V1 : 0) |
                 (listener->proxy_version == 2 ? IMAGE_LISTENER_SEND_PROXY_V2 : 0),
        .origin = origin_add(encoder, &listener->origin),
    };
    ADD(encoder, IMAGE_SECTION_LISTENERS, record);
}

/* What belongs to no host lies in the first shard. */
static void common_add(struct encoder *encoder, const struct route_model *model)
{
    if (encoder->sections->base != 0)
        return;
    settings_add(encoder, model);
    vec_for_each (listener, &model->listeners)
        listener_add(encoder, *listener);
}

void image_encode_routes(struct image_sections *sections, const struct route_model *model,
                         struct route_host *const *hosts, size_t hosts_len)
{
    struct encoder encoder = { .sections = sections };

    arena_init(&encoder.arena, 4096);
    for (size_t i = 0; i < hosts_len; i++)
        host_add(&encoder, hosts[i]);
    common_add(&encoder, model);
    vec_for_each (service, &encoder.used) {
        service_add(&encoder, *service);
    }
    image_sections_index(sections, IMAGE_SECTION_HOST_SLOTS, encoder.host_hashes.items,
                         (uint32_t)encoder.host_hashes.len);
    image_sections_index(sections, IMAGE_SECTION_PATH_SLOTS, encoder.path_hashes.items,
                         (uint32_t)encoder.path_hashes.len);
    vec_deinit(&encoder.host_hashes);
    vec_deinit(&encoder.path_hashes);
    vec_deinit(&encoder.paths);
    vec_deinit(&encoder.used);
    idmap_deinit(&encoder.services);
    map_deinit(&encoder.policies);
    map_deinit(&encoder.backend_tls);
    arena_deinit(&encoder.arena);
}
