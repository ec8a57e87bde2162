#include "image/match.h"

#include "image/lookup.h"

/* The hot path of a request: one look-up for the host, then its paths. Those of most hosts are few, and
 * lie in the order in which they are to be tried: they are just looked through. A host of many has
 * one look-up for the Exact path and one for each prefix of the request's path, from the host's
 * deepest down. Nothing is allocated or copied; what a hash finds is taken only if its bytes are equal. */

enum { SCAN_PATHS_MAX = 8 }; /* two or three cache lines: what two misses in the table cost */

/* A reader of traces waits for people, so what it costs is of no concern; without one it is a
 * branch. */
static YETT_COLD void trace_add(struct image_trace *trace, enum image_step_kind kind, bool matched,
                                struct span subject, const struct image_rule *rule)
{
    struct image_step step = {
        .kind = kind,
        .matched = matched,
        .subject = arena_dup(trace->arena, subject),
        .rule = rule,
    };

    vec_push(&trace->steps, step);
}

#define TRACE(trace, ...)                    \
    do {                                     \
        if (unlikely((trace) != NULL))       \
            trace_add((trace), __VA_ARGS__); \
    } while (0)

/* Hosts that may have a name of this hash. */
static struct image_probe host_probe(const struct image_view *view, uint64_t hash)
{
    const struct image_segment_view *routes = &view->routes[image_shard_of(hash, view->shards)];

    return image_probe_start(routes, IMAGE_SECTION_HOST_SLOTS, hash);
}

static const struct image_host *host_exact(const struct image_view *view, struct span name)
{
    struct image_probe probe = host_probe(view, image_host_hash(name));

    if (span_is_empty(name) || name.ptr[0] == '*') /* the names of rules, not of hosts */
        return NULL;
    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        const struct image_host *host = image_host_get(view, i);
        if (span_eq(image_str_get(view, host->name), name))
            return host;
    }
    return NULL;
}

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

/* What follows the first label, its dot included; empty where a wildcard cannot stand for the
 * label. */
static struct span wildcard_suffix(struct span name)
{
    size_t label = 0;

    while (label < name.len && is_label_byte(name.ptr[label]))
        label++;
    if (label == 0 || label == name.len || name.ptr[label] != '.')
        return SPAN_EMPTY;
    return span_from(name, label);
}

static const struct image_host *host_wildcard(const struct image_view *view, struct span suffix)
{
    struct image_probe probe = host_probe(view, image_wildcard_hash(suffix));

    if (span_is_empty(suffix))
        return NULL;
    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        const struct image_host *host = image_host_get(view, i);
        struct span name = image_str_get(view, host->name);
        if (name.len > 0 && name.ptr[0] == '*' && span_eq(span_from(name, 1), suffix))
            return host;
    }
    return NULL;
}

static const struct image_host *host_any(const struct image_view *view)
{
    struct image_probe probe = host_probe(view, image_host_hash(SPAN_EMPTY));

    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        const struct image_host *host = image_host_get(view, i);
        if (host->name.len == 0)
            return host;
    }
    return NULL;
}

static YETT_COLD void trace_wildcard(struct image_trace *trace, struct span suffix, bool matched)
{
    if (span_is_empty(suffix))
        return;
    struct span name = arena_printf(trace->arena, "*" SPAN_FMT, SPAN_ARG(suffix));
    trace_add(trace, IMAGE_STEP_HOST_WILDCARD, matched, name, NULL);
}

const struct image_host *image_host_find(const struct image_view *view, struct span name,
                                         struct image_trace *trace)
{
    const struct image_host *host = host_exact(view, name);
    if (!span_is_empty(name))
        TRACE(trace, IMAGE_STEP_HOST_EXACT, host != NULL, name, NULL);
    if (host)
        return host;

    struct span suffix = wildcard_suffix(name);
    host = host_wildcard(view, suffix);
    if (unlikely(trace != NULL))
        trace_wildcard(trace, suffix, host != NULL);
    if (host)
        return host;

    host = host_any(view);
    TRACE(trace, IMAGE_STEP_HOST_ANY, host != NULL, SPAN_EMPTY, NULL);
    return host;
}

static bool predicate_holds(const struct image_view *view, const struct image_predicate *predicate,
                            const struct image_request *request)
{
    struct span wanted = image_str_get(view, predicate->value);
    struct span value;

    switch ((enum route_predicate_kind)predicate->kind) {
    case ROUTE_PREDICATE_METHOD:
        return span_eq(request->method, wanted);
    case ROUTE_PREDICATE_HEADER:
        return request->header_find &&
               request->header_find(request->header_ctx, image_str_get(view, predicate->name),
                                    &value) &&
               span_eq(value, wanted);
    }
    unreachable();
}

static struct span predicate_subject(const struct image_view *view,
                                     const struct image_predicate *predicate)
{
    return predicate->kind == ROUTE_PREDICATE_METHOD ? SPAN("method")
                                                     : image_str_get(view, predicate->name);
}

static bool rule_holds(const struct image_view *view, const struct image_rule *rule,
                       const struct image_request *request, struct image_trace *trace)
{
    for (uint32_t i = 0; i < rule->predicates_len; i++) {
        const struct image_predicate *predicate =
            image_predicate_get(view, rule->predicates_first + i);
        bool holds = predicate_holds(view, predicate, request);

        TRACE(trace, IMAGE_STEP_PREDICATE, holds, predicate_subject(view, predicate), rule);
        if (!holds)
            return false;
    }
    return true;
}

/* One path look-up with what stays the same between a request's look-ups. */
struct search {
    const struct image_view *view;
    const struct image_request *request;
    const struct image_host *host;
    const struct image_segment_view *routes; /* the host's shard */
    struct image_trace *trace;
};

static const struct image_path *path_find(const struct search *search, enum route_path_kind kind,
                                          struct span text, uint64_t text_hash)
{
    uint32_t host = search->host->index;
    uint64_t hash = image_path_hash(host, kind, text_hash);
    struct image_probe probe = image_probe_start(search->routes, IMAGE_SECTION_PATH_SLOTS, hash);

    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        const struct image_path *path = image_path_get(search->view, i);
        if (path->host == host && path->kind == kind &&
            span_eq(image_str_get(search->view, path->path), text))
            return path;
    }
    return NULL;
}

static bool rules_take(const struct search *search, const struct image_path *path,
                       struct image_match *ret_match)
{
    for (uint32_t i = 0; i < path->rules_len; i++) {
        const struct image_rule *rule = image_rule_get(search->view, path->rules_first + i);
        if (!rule_holds(search->view, rule, search->request, search->trace))
            continue;
        *ret_match = (struct image_match){ .host = search->host, .path = path, .rule = rule };
        return true;
    }
    return false;
}

static YETT_COLD void trace_path(struct image_trace *trace, enum route_path_kind kind,
                                 struct span text, bool matched)
{
    if (kind == ROUTE_PATH_EXACT)
        trace_add(trace, IMAGE_STEP_PATH_EXACT, matched, text, NULL);
    else
        trace_add(trace, IMAGE_STEP_PATH_PREFIX, matched, text.len ? text : SPAN("/"), NULL);
}

static bool path_takes(enum route_path_kind kind, struct span path, struct span asked)
{
    if (kind == ROUTE_PATH_EXACT)
        return span_eq(path, asked);
    return asked.len >= path.len && (asked.len == path.len || asked.ptr[path.len] == '/') &&
           memcmp(asked.ptr, path.ptr, path.len) == 0;
}

static bool paths_scan(const struct search *search, struct image_match *ret_match)
{
    for (uint32_t i = 0; i < search->host->paths_len; i++) {
        const struct image_path *path = image_path_get(search->view, search->host->paths_first + i);
        struct span text = image_str_get(search->view, path->path);
        bool takes = path_takes(path->kind, text, search->request->path);

        if (unlikely(search->trace != NULL))
            trace_path(search->trace, path->kind, text, takes);
        if (takes && rules_take(search, path, ret_match))
            return true;
    }
    return false;
}

/* Looks the path up, and asks its rules. */
static bool path_take(const struct search *search, enum route_path_kind kind, struct span text,
                      uint64_t text_hash, struct image_match *ret_match)
{
    const struct image_path *path = path_find(search, kind, text, text_hash);

    if (unlikely(search->trace != NULL))
        trace_path(search->trace, kind, text, path != NULL);
    return path && rules_take(search, path, ret_match);
}

/* A prefix of the request's path that ends at a segment's end, and the sum of its segments' hashes.
 */
struct prefix {
    struct span text;
    uint64_t hash;
    uint32_t depth; /* segments */
};

/* The longest prefix of at most `depth_max` segments. A trailing slash opens no segment: the prefix
 * /foo takes /foo/ as it takes /foo. */
static struct prefix prefix_deepest(struct span path, uint32_t depth_max)
{
    struct prefix prefix = { .text = span_of(path.ptr, 0) };

    if (path.ptr[path.len - 1] == '/')
        path.len--;
    while (prefix.depth < depth_max && prefix.text.len < path.len) {
        size_t start = prefix.text.len + 1;
        size_t end = start;
        while (end < path.len && path.ptr[end] != '/')
            end++;
        prefix.depth++;
        prefix.hash += image_segment_hash(span_of(path.ptr + start, end - start), prefix.depth);
        prefix.text.len = end;
    }
    return prefix;
}

/* Without its last segment. */
static struct prefix prefix_parent(struct prefix prefix)
{
    size_t start = prefix.text.len;

    while (prefix.text.ptr[start - 1] != '/')
        start--;
    struct span last = span_of(prefix.text.ptr + start, prefix.text.len - start);
    prefix.hash -= image_segment_hash(last, prefix.depth);
    prefix.depth--;
    prefix.text.len = start - 1;
    return prefix;
}

static bool paths_look_up(const struct search *search, struct image_match *ret_match)
{
    struct span path = search->request->path;

    if (search->host->flags & IMAGE_HOST_HAS_EXACT &&
        path_take(search, ROUTE_PATH_EXACT, path, hash_bytes(path, 0), ret_match))
        return true;

    struct prefix prefix = prefix_deepest(path, search->host->prefix_depth_max);
    for (;;) {
        if (path_take(search, ROUTE_PATH_PREFIX, prefix.text, prefix.hash, ret_match))
            return true;
        if (prefix.depth == 0)
            return false;
        prefix = prefix_parent(prefix);
    }
}

static bool paths_take(const struct search *search, struct image_match *ret_match)
{
    struct span path = search->request->path;

    if (span_is_empty(path) || path.ptr[0] != '/') /* "OPTIONS *" has no path */
        return false;
    if (search->host->paths_len <= SCAN_PATHS_MAX)
        return paths_scan(search, ret_match);
    return paths_look_up(search, ret_match);
}

int image_match(const struct image_view *view, const struct image_request *request,
                struct image_trace *trace, struct image_match *ret_match)
{
    const struct image_host *host = image_host_find(view, request->host, trace);

    if (host) {
        struct search search = { .view = view,
                                 .request = request,
                                 .host = host,
                                 .routes = image_shard(view, host->index),
                                 .trace = trace };
        if (paths_take(&search, ret_match))
            return IMAGE_MATCH_OK;
    }

    uint32_t index = image_settings_get(view)->default_rule;
    const struct image_rule *rule = index == IMAGE_NONE ? NULL : image_rule_get(view, index);
    TRACE(trace, IMAGE_STEP_DEFAULT, rule != NULL, SPAN_EMPTY, rule);
    *ret_match = (struct image_match){ .host = host, .rule = rule };
    return rule ? IMAGE_MATCH_DEFAULT : IMAGE_MATCH_NONE;
}

static bool has_tls(const struct image_host *host)
{
    return host && (host->flags & IMAGE_HOST_TLS || host->certificate_id != 0);
}

void image_certificates_for(const struct image_view *view, struct span server_name, uint64_t ids[2])
{
    const struct image_host *host = host_exact(view, server_name);

    if (!has_tls(host))
        host = host_wildcard(view, wildcard_suffix(server_name));
    bool has_own = has_tls(host) && host->certificate_id != 0;
    ids[0] = has_own ? host->certificate_id : image_settings_get(view)->default_certificate_id;
    ids[1] = has_own ? host->other_certificate_id : 0;
}

const struct image_backend *image_backend_choose(const struct image_view *view,
                                                 const struct image_rule *rule, uint32_t draw)
{
    /* Scaled, not divided: each weight gets its share of the draws to within one in 2^32. */
    uint64_t ticket = (uint64_t)draw * rule->weight_total >> 32;

    if (rule->weight_total == 0)
        return NULL;
    for (uint32_t i = 0; i < rule->backends_len; i++) {
        const struct image_backend *backend = image_backend_get(view, rule->backends_first + i);
        if (ticket < backend->weight)
            return backend;
        ticket -= backend->weight;
    }
    unreachable();
}
