#include "ingress/merge.h"

#include "ingress/backend.h"
#include "ingress/client_auth.h"
#include "ingress/names.h"
#include "ingress/passthrough.h"
#include "ingress/tls.h"

/* In walks over the Ingresses, each in merge order, so that the first wins:
 *
 *   1. hosts    who has which host, who decides its TLS: the https redirect of any rule asks for that
 *   2. catch-all  default backends without rules, which beat any hostless "/"
 *   3. rules    every path; the second of a host, kind and path loses and is told
 *   4. implicit   "/" of each host whose first Ingress has a default backend beside its rules
 *   5. whole hosts  what their clients must show, and whose TLS goes by undecrypted */

static void source_add(struct compiler *c, struct route_host *host, const struct owned *owned)
{
    struct route_source *last = host->sources;

    if (last && last->name.ptr == owned->name.ptr) /* by another of its rules */
        return;
    host->sources = arena_new(&c->model->arena, struct route_source);
    *host->sources = (struct route_source){ owned->namespace, owned->name, last };
}

static struct route_host *host_get(struct compiler *c, const struct owned *owned, struct span name)
{
    struct route_host *host = route_host_get(c->model, name);

    if (host->index - c->hosts_before == c->hosts.len) {
        vec_push(&c->hosts, ((struct host_facts){ 0 }));
        host->origin = (struct route_origin){ .kind = SPAN("Ingress"),
                                              .namespace = owned->namespace,
                                              .name = owned->name,
                                              .field = SPAN_EMPTY,
                                              .file = owned->file,
                                              .line = owned->object->pos.line,
                                              .column = owned->object->pos.column };
    }
    struct host_facts *facts = compiler_host_facts(c, host);
    if (!facts->creator && !owned->annotations.is_dropped)
        facts->creator = owned;
    source_add(c, host, owned);
    return host;
}

static struct route_host *rule_host_get(struct compiler *c, const struct owned *owned,
                                        const struct kube_rule *rule)
{
    struct span name = SPAN_EMPTY;
    int r = HOST_OK;

    if (!span_is_empty(rule->host.text))
        r = ingress_host_parse(rule->host.text, &c->scratch, &name);
    if (r == HOST_OK)
        return compiler_has_host(c, name) ? host_get(c, owned, name) : NULL;
    ingress_report(
        c->diags, DIAG_ERROR, DIAG_HOST_INVALID,
        place_of(owned->object, arena_printf(&c->scratch, "spec.rules[%u].host", rule->index),
                 rule->host.pos),
        SPAN("write a DNS name such as app.example.com, or *.example.com"),
        "'" SPAN_FMT "' is %s; the rule is left out", SPAN_ARG(span_upto(rule->host.text, 300)),
        ingress_host_result_text((enum ingress_host_result)r));
    return NULL;
}

/* By another of its rules it may claim the host again. */
static void claim_add(struct compiler *c, const struct route_host *host, const struct owned *owned)
{
    struct host_facts *facts = compiler_host_facts(c, host);

    if (facts->last_claim && facts->last_claim->owned == owned)
        return;
    struct tls_claim *claim = arena_new(&c->scratch, struct tls_claim);
    *claim = (struct tls_claim){ .owned = owned };
    if (facts->last_claim)
        facts->last_claim->next = claim;
    else
        facts->claims = claim;
    facts->last_claim = claim;
}

/* The first that says something of a host's ciphers is heard. */
static void wishes_take(struct route_host *host, const struct ingress_annotations *annotations)
{
    if (span_is_empty(host->tls_ciphers))
        host->tls_ciphers = annotations->tls_ciphers;
    if (host->cipher_choice == ROUTE_CIPHERS_AS_SET)
        host->cipher_choice = annotations->cipher_choice;
}

static void hosts_walk(struct compiler *c)
{
    vec_for_each (owned, &c->owned) {
        const struct kube_ingress *ingress = &owned->object->ingress;

        owned->rule_hosts = arena_new_array(&c->scratch, struct route_host *, ingress->rules_len);
        for (size_t i = 0; i < ingress->rules_len; i++) {
            struct route_host *host = rule_host_get(c, owned, &ingress->rules[i]);

            owned->rule_hosts[i] = host;
            if (!host || owned->annotations.is_dropped)
                continue;
            wishes_take(host, &owned->annotations);
            if (ingress->tls_len > 0 && !span_is_empty(host->name))
                claim_add(c, host, owned);
        }
    }
}

/* The wildcard host over a host, or NULL. */
static const struct route_host *wildcard_over(struct compiler *c, struct span name)
{
    size_t dot = span_find(name, '.');

    if (dot == SPAN_NOT_FOUND || name.ptr[0] == '*')
        return NULL;
    struct span wildcard = arena_printf(&c->scratch, "*" SPAN_FMT, SPAN_ARG(span_from(name, dot)));
    return map_find(&c->model->hosts_by_name, wildcard);
}

static void tls_walk(struct compiler *c)
{
    bool has_wildcards = c->only != NULL; /* perhaps among the others */

    for (size_t i = 0; i < c->hosts.len; i++) {
        struct route_host *host = c->model->hosts.items[c->hosts_before + i];
        const struct host_facts *facts = &c->hosts.items[i];
        if (!facts->claims)
            continue;
        ingress_tls_decide(c, host, facts->claims);
        has_wildcards |= host->name.ptr[0] == '*';
    }
    vec_for_each (owned, &c->owned) {
        if (!owned->annotations.is_dropped)
            ingress_tls_names_check(c, owned->object);
    }
    if (!has_wildcards)
        return;
    /* As in ingress-nginx: a host without TLS under a wildcard with TLS takes after the wildcard. */
    for (size_t i = 0; i < c->hosts.len; i++) {
        struct route_host *host = c->model->hosts.items[c->hosts_before + i];
        const struct route_host *wildcard = host->has_tls ? NULL : wildcard_over(c, host->name);
        if (!wildcard || !wildcard->has_tls)
            continue;
        host->has_tls = true;
        host->certificate = wildcard->certificate;
        host->other_certificate = wildcard->other_certificate;
    }
}

/* What one rule is made of. */
struct rule_source {
    const struct owned *owned;
    struct route_host *host;
    struct span path; /* as written */
    struct span field;
    struct kube_pos pos;
    bool is_denied, takes_redirect;
};

static bool path_is_exempt(const struct compiler *c, struct span path)
{
    for (size_t i = 0; i < c->config.no_redirect_paths_len; i++) {
        if (span_starts_with(path, c->config.no_redirect_paths[i]))
            return true;
    }
    return false;
}

static void filters_set(struct compiler *c, const struct rule_source *source,
                        struct route_rule *rule)
{
    const struct ingress_annotations *annotations = &source->owned->annotations;

    if (source->is_denied) {
        rule->filters = c->deny;
        rule->filters_len = 1;
        return;
    }
    bool redirects =
        annotations->force_ssl_redirect || (annotations->ssl_redirect && source->host->has_tls);
    if (!source->takes_redirect || !redirects || path_is_exempt(c, source->path))
        return;
    rule->filters = c->redirects[annotations->preserve_trailing_slash ? REDIRECT_KEEP_SLASH
                                                                      : REDIRECT_CUT_SLASH];
    rule->filters_len = 1;
}

static void rule_add(struct compiler *c, const struct rule_source *source, struct route_path *path,
                     struct route_service *service)
{
    struct route_rule *rule = route_rule_new(c->model);

    rule->namespace = source->owned->namespace;
    rule->ingress = source->owned->name;
    rule->path = arena_dup(&c->model->arena, source->path);
    rule->policy = source->owned->policy;
    rule->origin = compiler_origin(source->owned, source->field, source->pos);
    filters_set(c, source, rule);
    if (service)
        route_rule_set_service(c->model, rule, service);
    rule->metric_id = route_metric_id(rule, source->host->name, service);
    vec_push(&path->rules, rule);
}

static struct span winner_text(struct compiler *c, const struct route_rule *winner)
{
    const struct route_origin *origin = &winner->origin;

    if (span_is_empty(origin->file))
        return arena_printf(&c->scratch, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(origin->namespace),
                            SPAN_ARG(origin->name));
    return arena_printf(&c->scratch, SPAN_FMT "/" SPAN_FMT " (" SPAN_FMT ":%u)",
                        SPAN_ARG(origin->namespace), SPAN_ARG(origin->name), SPAN_ARG(origin->file),
                        origin->line);
}

static void conflict_report(struct compiler *c, const struct rule_source *loser,
                            const struct route_path *path, const struct route_service *service)
{
    const struct route_rule *winner = path->rules.items[0];
    bool is_own = span_eq(winner->origin.namespace, loser->owned->namespace) &&
                  span_eq(winner->origin.name, loser->owned->name);
    bool is_same = is_own && winner->backends_len == 1 && winner->backends[0].service == service;

    if (is_own && loser->is_denied)
        return; /* their regular expressions began alike; they are denied either way */
    ingress_report(
        c->diags, is_same ? DIAG_NOTE : DIAG_ERROR, DIAG_RULE_CONFLICT,
        place_of(loser->owned->object, loser->field, loser->pos),
        is_own
            ? SPAN("remove one of the two")
            : SPAN("give one of the two another host or path; the older Ingress wins, and of two "
                   "of one age the one whose namespace/name sorts last"),
        "host '" SPAN_FMT "' path '" SPAN_FMT "' (%s) is taken already, by Ingress " SPAN_FMT,
        SPAN_ARG(span_is_empty(loser->host->name) ? SPAN("(any)") : loser->host->name),
        SPAN_ARG(loser->path), path->kind == ROUTE_PATH_EXACT ? "Exact" : "Prefix",
        SPAN_ARG(winner_text(c, winner)));
}

static bool path_is_denied(const struct owned *owned, struct span path)
{
    const struct ingress_annotations *annotations = &owned->annotations;

    if (annotations->is_denied)
        return true;
    return annotations->denied_but_path.ptr && !span_eq(annotations->denied_but_path, path);
}

/* Judges the path as written, and gives the one to match; false: reported, left out. */
static bool path_read(struct compiler *c, const struct rule_source *source, struct span *ret_path)
{
    struct span text = source->path;
    bool is_regex = ingress_path_looks_like_regex(text);

    /* Where a regular expression is denied, all that it might have taken is: nobody else's rule shall
     * take it instead. */
    if (is_regex && source->is_denied)
        text = ingress_path_literal_head(text);
    int r = ingress_path_parse(text, &c->scratch, ret_path);
    if (r != PATH_OK) {
        ingress_report(c->diags, DIAG_ERROR, DIAG_PATH_INVALID,
                       place_of(source->owned->object, source->field, source->pos),
                       SPAN("write an absolute path such as /app"),
                       "the path '" SPAN_FMT "' %s; it is left out", SPAN_ARG(span_upto(text, 300)),
                       ingress_path_result_text((enum ingress_path_result)r));
        return false;
    }
    if (is_regex && !source->is_denied)
        ingress_report(c->diags, DIAG_WARNING, DIAG_PATH_LOOKS_LIKE_REGEX,
                       place_of(source->owned->object, source->field, source->pos),
                       SPAN("write a Prefix path: it takes all paths below it"),
                       "the path '" SPAN_FMT "' looks like a pattern, but is matched as plain text",
                       SPAN_ARG(span_upto(text, 300)));
    return true;
}

static struct span without_last_slash(struct span path)
{
    return span_ends_with(path, SPAN("/")) ? span_upto(path, path.len - 1) : path;
}

static void path_merge(struct compiler *c, const struct owned *owned, struct route_host *host,
                       const struct kube_rule *kube_rule, const struct kube_path *kube_path)
{
    struct span text = span_is_empty(kube_path->path.text) ? SPAN("/") : kube_path->path.text;
    struct rule_source source = {
        .owned = owned,
        .host = host,
        .path = text,
        .field = compiler_path_field(c, kube_rule->index, kube_path->index),
        .pos = kube_path->pos,
        .is_denied = path_is_denied(owned, text),
        .takes_redirect = true,
    };
    struct span matched;

    if (!path_read(c, &source, &matched))
        return;
    struct route_service *service =
        ingress_backend_get(c, owned->object, &kube_path->backend, source.field);
    if (!service)
        return;
    bool is_exact = kube_path->type == KUBE_PATH_EXACT &&
                    !(source.is_denied && ingress_path_looks_like_regex(text));
    struct route_path *path =
        route_path_get(c->model, host, is_exact ? ROUTE_PATH_EXACT : ROUTE_PATH_PREFIX,
                       is_exact ? matched : without_last_slash(matched));
    if (path->rules.len > 0)
        conflict_report(c, &source, path, service);
    else
        rule_add(c, &source, path, service);
}

static void rules_walk(struct compiler *c)
{
    vec_for_each (owned, &c->owned) {
        const struct kube_ingress *ingress = &owned->object->ingress;

        for (size_t i = 0; i < ingress->rules_len; i++) {
            const struct kube_rule *rule = &ingress->rules[i];

            if (!owned->rule_hosts[i] || owned->annotations.is_dropped)
                continue;
            for (size_t j = 0; j < rule->paths_len; j++)
                path_merge(c, owned, owned->rule_hosts[i], rule, &rule->paths[j]);
        }
    }
}

/* The "/" Prefix that an Ingress' default backend makes of `host`. */
static void default_backend_add(struct compiler *c, const struct owned *owned,
                                struct route_host *host, struct route_path *path,
                                bool takes_redirect)
{
    const struct kube_backend *backend = &owned->object->ingress.default_backend;
    struct rule_source source = {
        .owned = owned,
        .host = host,
        .path = SPAN("/"),
        .field = SPAN("spec.defaultBackend"),
        .pos = backend->pos,
        .is_denied = owned->annotations.is_denied,
        .takes_redirect = takes_redirect,
    };
    struct route_service *service = ingress_backend_get(c, owned->object, backend, source.field);

    if (service)
        rule_add(c, &source, path, service);
}

static void catch_all_walk(struct compiler *c)
{
    vec_for_each (owned, &c->owned) {
        const struct kube_ingress *ingress = &owned->object->ingress;

        if (ingress->default_backend.kind == KUBE_BACKEND_NONE || ingress->rules_len > 0 ||
            !compiler_has_host(c, SPAN_EMPTY))
            continue;
        struct route_host *host = host_get(c, owned, SPAN_EMPTY);
        if (owned->annotations.is_dropped)
            continue;
        struct route_path *path = route_path_get(c->model, host, ROUTE_PATH_PREFIX, SPAN_EMPTY);
        if (path->rules.len == 0) {
            default_backend_add(c, owned, host, path, false);
            continue;
        }
        ingress_report(
            c->diags, DIAG_ERROR, DIAG_DEFAULT_BACKEND_CONFLICT,
            place_of(owned->object, SPAN("spec.defaultBackend"), ingress->default_backend.pos),
            SPAN("keep one default backend for requests that no rule takes"),
            "there is a default backend already, of Ingress " SPAN_FMT,
            SPAN_ARG(winner_text(c, path->rules.items[0])));
    }
}

static void implicit_walk(struct compiler *c)
{
    for (size_t i = 0; i < c->hosts.len; i++) {
        struct route_host *host = c->model->hosts.items[c->hosts_before + i];
        const struct owned *creator = c->hosts.items[i].creator;

        if (!creator)
            continue;
        const struct kube_ingress *ingress = &creator->object->ingress;
        if (ingress->default_backend.kind == KUBE_BACKEND_NONE || ingress->rules_len == 0)
            continue;
        struct route_path *path = route_path_get(c->model, host, ROUTE_PATH_PREFIX, SPAN_EMPTY);
        if (path->rules.len == 0)
            default_backend_add(c, creator, host, path, true);
    }
}

void ingress_merge(struct compiler *c)
{
    hosts_walk(c);
    tls_walk(c);
    catch_all_walk(c);
    rules_walk(c);
    implicit_walk(c);
    ingress_client_auth_walk(c);
    ingress_passthrough_walk(c);
}

static void default_rule_report(struct compiler *c, const char *what)
{
    const struct ingress_object_name *name = &c->options->default_backend;

    ingress_report(c->diags, DIAG_ERROR, DIAG_FLAG_OBJECT_MISSING,
                   place_of(NULL, SPAN("--default-backend-service"), (struct kube_pos){ 0 }),
                   SPAN("create the Service, or name another"),
                   "Service " SPAN_FMT "/" SPAN_FMT " %s; the built-in 404 answers",
                   SPAN_ARG(name->namespace), SPAN_ARG(name->name), what);
}

void ingress_default_rule(struct compiler *c)
{
    const struct ingress_object_name *name = &c->options->default_backend;
    int result;

    if (span_is_empty(name->name))
        return;
    const struct kube_object *object =
        kube_store_find(c->store, KUBE_SERVICE, name->namespace, name->name);
    if (!object || object->service.ports_len == 0) {
        default_rule_report(c, object ? "has no port" : "does not exist");
        return;
    }
    struct span port = arena_printf(&c->scratch, "%u", object->service.ports[0].port);
    struct route_service *service = ingress_service_judge(
        c, route_service_get(c->model, ROUTE_TRANSPORT_TCP, name->namespace, name->name, port),
        &result);
    struct route_rule *rule = route_rule_new(c->model);

    rule->path = SPAN_EMPTY;
    rule->policy = c->policy;
    route_rule_set_service(c->model, rule, service);
    rule->origin = service->origin;
    rule->metric_id = route_metric_id(rule, SPAN_EMPTY, service);
    c->model->default_rule = rule;
}
