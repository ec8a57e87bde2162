#include "base/hash.h"
#include "image/lookup.h"
#include "image/verify_parts.h"

/* The last of each enumeration that an image carries: a worker switches on them without a default.
 */
enum {
    LOG_ESCAPE_LAST = ROUTE_LOG_ESCAPE_NONE,
    PATH_KIND_LAST = ROUTE_PATH_PREFIX,
    PREDICATE_KIND_LAST = ROUTE_PREDICATE_HEADER,
    FILTER_KIND_LAST = ROUTE_FILTER_RESPOND,
    PROTOCOL_LAST = ROUTE_PROTOCOL_H2,
    TRANSPORT_LAST = ROUTE_TRANSPORT_UDP,
    CLIENT_AUTH_LAST = ROUTE_CLIENT_AUTH_BROKEN,
    TLS_VERSIONS_ALL = ROUTE_TLS_1_2 | ROUTE_TLS_1_3,
    BACKEND_TLS_FLAGS_ALL =
        IMAGE_BACKEND_TLS_VERIFY | IMAGE_BACKEND_TLS_SEND_NAME | IMAGE_BACKEND_TLS_BROKEN,
    LISTENER_SENDS = IMAGE_LISTENER_SEND_PROXY_V1 | IMAGE_LISTENER_SEND_PROXY_V2,
    LISTENER_FLAGS_ALL = IMAGE_LISTENER_ACCEPT_PROXY | LISTENER_SENDS,
    BALANCE_LAST = ROUTE_BALANCE_ROUND_ROBIN,
    RETRY_ALL = ROUTE_RETRY_ERROR | ROUTE_RETRY_TIMEOUT | ROUTE_RETRY_NON_IDEMPOTENT,
    HOST_CIPHERS = IMAGE_HOST_CIPHERS_OF_SERVER | IMAGE_HOST_CIPHERS_OF_CLIENT,
    HOST_FLAGS_ALL = IMAGE_HOST_TLS | IMAGE_HOST_HAS_EXACT | HOST_CIPHERS,
};

static const struct image_segment_view *routes(const struct image_check *check)
{
    return &check->view->routes[check->shard];
}

static uint32_t count(const struct image_check *check, enum image_section section)
{
    return routes(check)->count[section];
}

/* What stands in the shard's indexes and offsets for the shard. */
static uint32_t base(const struct image_check *check)
{
    return check->shard << IMAGE_LOCAL_BITS;
}

/* `index` names a record of this very shard. */
static bool index_holds(const struct image_check *check, enum image_section section, uint32_t index)
{
    return (index ^ base(check)) < count(check, section);
}

static bool str_holds(const struct image_check *check, struct image_str str)
{
    struct image_str local = { str.offset ^ base(check), str.len };

    return (str.offset == 0 && str.len == 0) || image_check_str(routes(check), local);
}

static bool run_holds(const struct image_check *check, enum image_section section, uint32_t first,
                      uint32_t len)
{
    return image_check_run(routes(check), section, first ^ base(check), len);
}

static bool certificate_holds(const struct image_check *check, uint64_t id)
{
    return id == 0 || image_certificate_find(check->view, id) != NULL;
}

static bool authorities_hold(const struct image_check *check, uint64_t id)
{
    return id == 0 || image_authorities_find(check->view, id) != NULL;
}

static bool settings_texts_hold(const struct image_check *check,
                                const struct image_settings *settings)
{
    return str_holds(check, settings->forwarded_for_header) &&
           str_holds(check, settings->log_format) &&
           str_holds(check, settings->stream_log_format) &&
           str_holds(check, settings->tls_ciphers) && str_holds(check, settings->tls_groups) &&
           str_holds(check, settings->tls_dh) && str_holds(check, settings->hsts) &&
           str_holds(check, settings->gzip_types) && str_holds(check, settings->brotli_types) &&
           str_holds(check, settings->gzip_not_for);
}

static bool listeners_check(struct image_check *check)
{
    uint32_t before = 0;

    IMAGE_CHECK(count(check, IMAGE_SECTION_LISTENERS) <= ROUTE_LISTENERS_MAX,
                "there are too many listeners");
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_LISTENERS); i++) {
        const struct image_listener *listener = image_listener_get(check->view, base(check) | i);
        uint32_t place = (uint32_t)listener->transport << 16 | listener->port;

        IMAGE_CHECK(listener->transport <= TRANSPORT_LAST, "a listener has no known transport");
        IMAGE_CHECK(listener->port != 0, "a listener has no port");
        IMAGE_CHECK(place > before, "listeners are not sorted by transport and port");
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_SERVICES, listener->service),
                    "the service of a listener is not there");
        IMAGE_CHECK(image_service_get(check->view, listener->service)->transport ==
                        listener->transport,
                    "a listener and its service are of two transports");
        IMAGE_CHECK((listener->flags & ~(uint32_t)LISTENER_FLAGS_ALL) == 0,
                    "a listener has unknown flags");
        IMAGE_CHECK((listener->flags & LISTENER_SENDS) != LISTENER_SENDS,
                    "a listener sends two headers");
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_ORIGINS, listener->origin),
                    "the origin of a listener is not there");
        before = place;
    }
    return true;
}

static bool settings_check(struct image_check *check)
{
    IMAGE_CHECK(count(check, IMAGE_SECTION_SETTINGS) == (check->shard == 0),
                "there is not one record of settings, in the first shard");
    if (check->shard != 0) {
        IMAGE_CHECK(count(check, IMAGE_SECTION_TRUSTED) == 0,
                    "trusted blocks outside the first shard");
        IMAGE_CHECK(count(check, IMAGE_SECTION_LISTENERS) == 0,
                    "listeners outside the first shard");
        return true;
    }

    const struct image_settings *settings = image_settings_get(check->view);
    IMAGE_CHECK(settings_texts_hold(check, settings), "a text of the settings is out of bounds");
    IMAGE_CHECK((settings->tls_versions & ~(uint32_t)TLS_VERSIONS_ALL) == 0,
                "the settings have unknown versions of TLS");
    IMAGE_CHECK(settings->gzip_level >= ROUTE_GZIP_LEVEL_MIN &&
                    settings->gzip_level <= ROUTE_GZIP_LEVEL_MAX,
                "gzip has no such level");
    IMAGE_CHECK(settings->brotli_level <= ROUTE_BROTLI_LEVEL_MAX, "brotli has no such level");
    IMAGE_CHECK(settings->log_escape <= LOG_ESCAPE_LAST, "log_escape has no known value");
    IMAGE_CHECK(settings->default_rule == IMAGE_NONE ||
                    index_holds(check, IMAGE_SECTION_RULES, settings->default_rule),
                "the default rule is not there");
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_TRUSTED); i++)
        IMAGE_CHECK(image_trusted_get(check->view, base(check) | i)->prefix_bits <= 128,
                    "a trusted block has more than 128 bits");
    return true;
}

static bool origins_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_ORIGINS); i++) {
        const struct image_origin *origin = image_origin_get(check->view, base(check) | i);
        IMAGE_CHECK(str_holds(check, origin->kind) && str_holds(check, origin->namespace) &&
                        str_holds(check, origin->name) && str_holds(check, origin->field) &&
                        str_holds(check, origin->file),
                    "a text of an origin is out of bounds");
    }
    return true;
}

static bool services_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_SERVICES); i++) {
        const struct image_service *service = image_service_get(check->view, base(check) | i);
        IMAGE_CHECK(str_holds(check, service->namespace) && str_holds(check, service->name) &&
                        str_holds(check, service->port) && str_holds(check, service->upstream_name),
                    "a text of a service is out of bounds");
        IMAGE_CHECK(service->protocol != ROUTE_PROTOCOL_UNSET && service->protocol <= PROTOCOL_LAST,
                    "a service speaks no known protocol");
        IMAGE_CHECK(service->transport <= TRANSPORT_LAST, "a service has no known transport");
        IMAGE_CHECK(service->balance <= BALANCE_LAST, "a service has no known balancing");
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_ORIGINS, service->origin),
                    "the origin of a service is not there");
    }
    return true;
}

static bool policies_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_POLICIES); i++) {
        const struct image_policy *policy = image_policy_get(check->view, base(check) | i);
        IMAGE_CHECK((policy->retry_on & ~(uint32_t)RETRY_ALL) == 0,
                    "a policy retries on unknown causes");
        IMAGE_CHECK(policy->protocol <= PROTOCOL_LAST, "a policy has no known protocol");
        IMAGE_CHECK(policy->backend_tls == IMAGE_NONE ||
                        index_holds(check, IMAGE_SECTION_BACKEND_TLS, policy->backend_tls),
                    "what a policy says of TLS is not there");
    }
    return true;
}

static bool backend_tls_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_BACKEND_TLS); i++) {
        const struct image_backend_tls *tls = image_backend_tls_get(check->view, base(check) | i);
        IMAGE_CHECK(str_holds(check, tls->name) && str_holds(check, tls->ciphers),
                    "a text of TLS towards a backend is out of bounds");
        IMAGE_CHECK((tls->flags & ~(uint32_t)BACKEND_TLS_FLAGS_ALL) == 0 &&
                        (tls->versions & ~(uint32_t)TLS_VERSIONS_ALL) == 0,
                    "TLS towards a backend has unknown flags or versions");
        IMAGE_CHECK(!(tls->flags & IMAGE_BACKEND_TLS_VERIFY) ||
                        (tls->authorities_id != 0 && tls->name.len > 0),
                    "a backend is to be verified by nothing");
    }
    return true;
}

static bool client_auths_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_CLIENT_AUTHS); i++) {
        const struct image_client_auth *auth = image_client_auth_get(check->view, base(check) | i);
        bool verifies =
            auth->mode != ROUTE_CLIENT_AUTH_OFF && auth->mode != ROUTE_CLIENT_AUTH_BROKEN;

        IMAGE_CHECK(str_holds(check, auth->error_page) && str_holds(check, auth->match_cn),
                    "a text of client authentication is out of bounds");
        IMAGE_CHECK(auth->mode <= CLIENT_AUTH_LAST, "client authentication has no known mode");
        IMAGE_CHECK((auth->flags & ~(uint32_t)IMAGE_CLIENT_AUTH_PASS_CERTIFICATE) == 0,
                    "client authentication has unknown flags");
        IMAGE_CHECK(verifies == (auth->authorities_id != 0),
                    "clients are to be verified by nothing, or nobody is, by authorities");
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_ORIGINS, auth->origin),
                    "the origin of client authentication is not there");
    }
    return true;
}

/* Predicates and filters. */
static bool conditions_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_PREDICATES); i++) {
        const struct image_predicate *predicate = image_predicate_get(check->view, base(check) | i);
        IMAGE_CHECK(predicate->kind <= PREDICATE_KIND_LAST, "a predicate is of no known kind");
        IMAGE_CHECK(str_holds(check, predicate->name) && str_holds(check, predicate->value),
                    "a text of a predicate is out of bounds");
    }
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_FILTERS); i++) {
        const struct image_filter *filter = image_filter_get(check->view, base(check) | i);
        IMAGE_CHECK(filter->kind <= FILTER_KIND_LAST, "a filter is of no known kind");
        IMAGE_CHECK(filter->status >= 200 && filter->status <= 599,
                    "a filter answers with no final status");
        IMAGE_CHECK((filter->flags & ~IMAGE_FILTER_KEEP_TRAILING_SLASH) == 0,
                    "a filter has unknown flags");
    }
    return true;
}

static bool backends_check(struct image_check *check, const struct image_rule *rule)
{
    uint64_t weight_total = 0;

    IMAGE_CHECK(run_holds(check, IMAGE_SECTION_BACKENDS, rule->backends_first, rule->backends_len),
                "the backends of a rule are out of bounds");
    for (uint32_t i = 0; i < rule->backends_len; i++) {
        const struct image_backend *backend =
            image_backend_get(check->view, rule->backends_first + i);
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_SERVICES, backend->service),
                    "the service of a backend is not there");
        weight_total += backend->weight;
    }
    IMAGE_CHECK(weight_total == rule->weight_total,
                "the weights of a rule do not add up to its total");
    return true;
}

static bool rules_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_RULES); i++) {
        const struct image_rule *rule = image_rule_get(check->view, base(check) | i);
        IMAGE_CHECK(str_holds(check, rule->namespace) && str_holds(check, rule->ingress) &&
                        str_holds(check, rule->path),
                    "a text of a rule is out of bounds");
        IMAGE_CHECK(run_holds(check, IMAGE_SECTION_PREDICATES, rule->predicates_first,
                              rule->predicates_len),
                    "the predicates of a rule are out of bounds");
        IMAGE_CHECK(run_holds(check, IMAGE_SECTION_FILTERS, rule->filters_first, rule->filters_len),
                    "the filters of a rule are out of bounds");
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_POLICIES, rule->policy),
                    "the policy of a rule is not there");
        IMAGE_CHECK(index_holds(check, IMAGE_SECTION_ORIGINS, rule->origin),
                    "the origin of a rule is not there");
        if (!backends_check(check, rule))
            return false;
    }
    return true;
}

static bool path_is_well_formed(enum route_path_kind kind, struct span path)
{
    if (kind == ROUTE_PATH_EXACT)
        return path.len > 0 && path.ptr[0] == '/';
    return path.len == 0 || (path.ptr[0] == '/' && path.ptr[path.len - 1] != '/');
}

/* Hash and depth (0 for Exact) of a path, worked out from its text alone. */
static uint64_t path_hash(const struct image_path *path, struct span text, uint32_t *ret_depth)
{
    struct span rest = span_from(text, 1);
    struct span segment;
    uint64_t hash = 0;

    *ret_depth = 0;
    if (path->kind == ROUTE_PATH_EXACT)
        return image_path_hash(path->host, ROUTE_PATH_EXACT, hash_bytes(text, 0));
    while (span_split(&rest, '/', &segment))
        hash += image_segment_hash(segment, ++*ret_depth);
    return image_path_hash(path->host, ROUTE_PATH_PREFIX, hash);
}

/* Finds itself, and before it no twin that would take its requests. */
static bool path_is_found(const struct image_check *check, uint32_t index, uint64_t hash)
{
    const struct image_path *path = image_path_get(check->view, index);
    struct image_probe probe = image_probe_start(routes(check), IMAGE_SECTION_PATH_SLOTS, hash);

    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        const struct image_path *other = image_path_get(check->view, i);
        if (other->host == path->host && other->kind == path->kind &&
            span_eq(image_str_get(check->view, other->path),
                    image_str_get(check->view, path->path)))
            return i == index;
    }
    return false;
}

/* Before the look-ups go through other paths than their own: what all of them must keep. */
static bool paths_check(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_PATHS); i++) {
        const struct image_path *path = image_path_get(check->view, base(check) | i);
        IMAGE_CHECK(str_holds(check, path->path), "the text of a path is out of bounds");
        IMAGE_CHECK(path->kind <= PATH_KIND_LAST, "a path is of no known kind");
        IMAGE_CHECK(path_is_well_formed(path->kind, image_str_get(check->view, path->path)),
                    "a path does not start with a slash, or a prefix ends in one");
        IMAGE_CHECK(run_holds(check, IMAGE_SECTION_RULES, path->rules_first, path->rules_len),
                    "the rules of a path are out of bounds");
    }
    return image_check_slots(check, routes(check), IMAGE_SECTION_PATH_SLOTS, base(check),
                             count(check, IMAGE_SECTION_PATHS));
}

/* As a look through them tries them. */
static bool paths_are_in_order(const struct image_path *first, const struct image_path *second)
{
    if (first->kind != second->kind)
        return first->kind == ROUTE_PATH_EXACT;
    return first->path.len >= second->path.len;
}

static bool host_paths_check(struct image_check *check, uint32_t index)
{
    const struct image_host *host = image_host_get(check->view, index);
    uint32_t depth_max = 0;
    bool has_exact = false;

    for (uint32_t i = 0; i < host->paths_len; i++) {
        const struct image_path *path = image_path_get(check->view, host->paths_first + i);
        uint32_t depth;
        uint64_t hash = path_hash(path, image_str_get(check->view, path->path), &depth);

        IMAGE_CHECK(path->host == index, "a path lies among those of another host");
        IMAGE_CHECK(i == 0 || paths_are_in_order(path - 1, path),
                    "the paths of a host are not in the order of their trial");
        IMAGE_CHECK(path_is_found(check, host->paths_first + i, hash),
                    "a path is not found by its own look-up");
        depth_max = MAX(depth_max, depth);
        has_exact = has_exact || path->kind == ROUTE_PATH_EXACT;
    }
    IMAGE_CHECK(host->prefix_depth_max == depth_max, "prefix_depth_max of a host is wrong");
    IMAGE_CHECK(has_exact == !!(host->flags & IMAGE_HOST_HAS_EXACT),
                "IMAGE_HOST_HAS_EXACT of a host is wrong");
    return true;
}

static bool is_wildcard(struct span name)
{
    return name.len > 0 && name.ptr[0] == '*';
}

static bool host_is_found(const struct image_check *check, uint32_t index)
{
    struct span name = image_str_get(check->view, image_host_get(check->view, index)->name);
    uint64_t hash = image_name_hash(name);
    struct image_probe probe = image_probe_start(routes(check), IMAGE_SECTION_HOST_SLOTS, hash);

    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        if (span_eq(image_str_get(check->view, image_host_get(check->view, i)->name), name))
            return i == index;
    }
    return false;
}

static bool host_check(struct image_check *check, const struct image_host *host)
{
    IMAGE_CHECK(str_holds(check, host->name), "the name of a host is out of bounds");
    IMAGE_CHECK(run_holds(check, IMAGE_SECTION_PATHS, host->paths_first, host->paths_len),
                "the paths of a host are out of bounds");
    IMAGE_CHECK(index_holds(check, IMAGE_SECTION_ORIGINS, host->origin),
                "the origin of a host is not there");
    IMAGE_CHECK((host->flags & ~(uint32_t)HOST_FLAGS_ALL) == 0, "a host has unknown flags");
    IMAGE_CHECK((host->flags & HOST_CIPHERS) != HOST_CIPHERS,
                "a host takes the order of ciphers from both sides");
    IMAGE_CHECK(str_holds(check, host->tls_ciphers), "the ciphers of a host are out of bounds");
    IMAGE_CHECK(host->client_auth == IMAGE_NONE ||
                    index_holds(check, IMAGE_SECTION_CLIENT_AUTHS, host->client_auth),
                "the client authentication of a host is not there");
    IMAGE_CHECK(host->passthrough == IMAGE_NONE ||
                    index_holds(check, IMAGE_SECTION_SERVICES, host->passthrough),
                "the service that a host is passed through to is not there");

    struct span name = image_str_get(check->view, host->name);
    IMAGE_CHECK(image_shard_of(image_name_hash(name), check->view->shards) == check->shard,
                "a host lies in the wrong shard");
    IMAGE_CHECK(!is_wildcard(name) || (name.len > 2 && name.ptr[1] == '.'),
                "a wildcard is not the whole first label of its host");
    return true;
}

static bool hosts_check(struct image_check *check)
{
    uint32_t hosts = count(check, IMAGE_SECTION_HOSTS);
    uint32_t paths_end = base(check);

    if (!image_check_slots(check, routes(check), IMAGE_SECTION_HOST_SLOTS, base(check), hosts))
        return false;
    for (uint32_t i = 0; i < hosts; i++) {
        const struct image_host *host = image_host_get(check->view, base(check) | i);
        IMAGE_CHECK(host->index == (base(check) | i), "the index of a host is wrong");
        if (!host_check(check, host))
            return false;
        IMAGE_CHECK(host->paths_first == paths_end, "paths are not grouped by host");
        paths_end += host->paths_len;
    }
    IMAGE_CHECK(paths_end == (base(check) | count(check, IMAGE_SECTION_PATHS)),
                "a path belongs to no host");
    for (uint32_t i = 0; i < hosts; i++) {
        IMAGE_CHECK(host_is_found(check, base(check) | i),
                    "a host is not found by its own look-up");
        if (!host_paths_check(check, base(check) | i))
            return false;
    }
    return true;
}

bool image_check_routes(struct image_check *check)
{
    return settings_check(check) && origins_check(check) && services_check(check) &&
           listeners_check(check) && backend_tls_check(check) && policies_check(check) &&
           client_auths_check(check) && conditions_check(check) && rules_check(check) &&
           paths_check(check) && hosts_check(check);
}

bool image_check_route_secrets(struct image_check *check)
{
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_HOSTS); i++) {
        const struct image_host *host = image_host_get(check->view, base(check) | i);
        IMAGE_CHECK(certificate_holds(check, host->certificate_id) &&
                        certificate_holds(check, host->other_certificate_id),
                    "the certificate of a host is not there");
    }
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_CLIENT_AUTHS); i++) {
        const struct image_client_auth *auth = image_client_auth_get(check->view, base(check) | i);
        IMAGE_CHECK(authorities_hold(check, auth->authorities_id),
                    "the authorities of a host's clients are not there");
    }
    for (uint32_t i = 0; i < count(check, IMAGE_SECTION_BACKEND_TLS); i++) {
        const struct image_backend_tls *tls = image_backend_tls_get(check->view, base(check) | i);
        IMAGE_CHECK(certificate_holds(check, tls->certificate_id) &&
                        authorities_hold(check, tls->authorities_id),
                    "certificate or authorities of TLS towards a backend are not there");
    }
    IMAGE_CHECK(
        check->shard != 0 ||
            certificate_holds(check, image_settings_get(check->view)->default_certificate_id),
        "the default certificate is not there");
    return true;
}
