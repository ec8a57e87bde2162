#include <stdlib.h>

#include "base/hash.h"
#include "image/encode.h"
#include "image/lookup.h"

/* Hosts by name, a host's paths in the order of their trial: what belongs to one host lies together. What
 * several rules of the shard share (policies, services) is written once, in the order of its first use. */

struct encoder {
    struct image_sections *sections;
    struct arena arena;                     /* keys of `policies` */
    struct map policies;                    /* bytes of a struct image_policy → its index + 1 */
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
    };
    struct span key = span_of((const char *)&record, sizeof(record));
    uintptr_t known = (uintptr_t)map_find(&encoder->policies, key);

    if (known)
        return (uint32_t)(known - 1);
    uint32_t index = ADD(encoder, IMAGE_SECTION_POLICIES, record);
    map_put(&encoder->policies, arena_dup(&encoder->arena, key), (void *)(uintptr_t)(index + 1));
    return index;
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

static void host_add(struct encoder *encoder, const struct route_host *host)
{
    struct image_host record = {
        .name = str(encoder, host->name),
        .paths_first = next(encoder, IMAGE_SECTION_PATHS),
        .paths_len = (uint32_t)host->paths.len,
        .flags = host->has_tls ? IMAGE_HOST_TLS : 0,
        .certificate_id = host->certificate ? host->certificate->id : 0,
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
    };
    ADD(encoder, IMAGE_SECTION_SERVICES, record);
}

static uint32_t settings_flags(const struct route_settings *settings)
{
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
        .flags = settings_flags(settings),
        .log_escape = settings->log_escape,
        .keep_alive_ms = settings->keep_alive_ms,
        .keep_alive_requests = settings->keep_alive_requests,
        .client_header_timeout_ms = settings->client_header_timeout_ms,
        .client_body_timeout_ms = settings->client_body_timeout_ms,
        .upstream_idle_max = settings->upstream_idle_max,
        .upstream_idle_timeout_ms = settings->upstream_idle_timeout_ms,
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

void image_encode_routes(struct image_sections *sections, const struct route_model *model,
                         struct route_host *const *hosts, size_t hosts_len)
{
    struct encoder encoder = { .sections = sections };

    arena_init(&encoder.arena, 4096);
    for (size_t i = 0; i < hosts_len; i++)
        host_add(&encoder, hosts[i]);
    if (sections->base == 0) /* the first shard */
        settings_add(&encoder, model);
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
    arena_deinit(&encoder.arena);
}
