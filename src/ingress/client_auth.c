#include "ingress/client_auth.h"

#include "ingress/secret.h"

/* Each Ingress that speaks of client certificates makes one rule of them, which holds for all its hosts, those of
 * other Ingresses' paths included: a check that another path leads around is none. So all that speak for a host
 * must say the same. Those that say nothing are covered by it; and one that makes no routes still has its say. */

#define CONSEQUENCE "every request of its hosts is refused with 403"

static const struct route_client_auth *auth_broken(struct compiler *c, const struct owned *owned,
                                                   struct place place)
{
    struct route_client_auth *auth = arena_new(&c->model->arena, struct route_client_auth);

    *auth = (struct route_client_auth){
        .mode = ROUTE_CLIENT_AUTH_BROKEN,
        .origin = compiler_origin(owned, arena_dup(&c->model->arena, place.field), place.pos),
    };
    return auth;
}

bool ingress_client_auth_is_said(const struct ingress_client_auth *said)
{
    return said->secret || said->guard || said->is_broken;
}

struct place ingress_client_auth_place(struct compiler *c, const struct owned *owned)
{
    const struct ingress_client_auth *said = &owned->annotations.client_auth;

    return ingress_annotation_place(owned->object, said->secret ? said->secret : said->guard,
                                    &c->scratch);
}

/* NULL: there are none to check by (reported). */
static const struct route_authorities *authorities_find(struct compiler *c,
                                                        const struct owned *owned)
{
    struct secret_ref ref;

    if (!ingress_secret_named(c, owned->object, owned->annotations.client_auth.secret, CONSEQUENCE,
                              &ref))
        return NULL;
    const struct kube_object *secret =
        ingress_secret_find(c, &ref, SPAN("create the Secret with ca.crt"));
    return secret ? ingress_authorities_get(c, &ref, secret) : NULL;
}

static void guard_report(struct compiler *c, const struct owned *owned)
{
    ingress_report(c->diags, DIAG_ERROR, DIAG_ANNOTATION_INVALID,
                   ingress_client_auth_place(c, owned),
                   SPAN("name the Secret with the authorities in auth-tls-secret"),
                   "there is no auth-tls-secret to check clients by; " CONSEQUENCE);
}

static const struct route_client_auth *auth_make(struct compiler *c, const struct owned *owned)
{
    const struct ingress_client_auth *said = &owned->annotations.client_auth;
    struct arena *arena = &c->model->arena;
    struct place place = ingress_client_auth_place(c, owned);
    bool checks = said->mode != ROUTE_CLIENT_AUTH_OFF;
    const struct route_authorities *authorities = NULL;

    if (said->is_broken)
        return auth_broken(c, owned, place);
    if (!said->secret)
        guard_report(c, owned);
    else if (checks)
        authorities = authorities_find(c, owned);
    if (!said->secret || (checks && !authorities))
        return auth_broken(c, owned, place);

    struct route_client_auth *auth = arena_new(arena, struct route_client_auth);
    *auth = (struct route_client_auth){
        .mode = said->mode,
        .depth = said->depth,
        .authorities = authorities,
        .error_page = arena_dup(arena, said->error_page),
        .match_cn = arena_dup(arena, said->match_cn),
        .passes_certificate = said->passes_certificate,
        .origin = compiler_origin(owned, arena_dup(arena, place.field), place.pos),
    };
    return auth;
}

static bool is_same(const struct route_client_auth *a, const struct route_client_auth *b)
{
    return a->mode == b->mode && a->depth == b->depth && a->authorities == b->authorities &&
           a->passes_certificate == b->passes_certificate && span_eq(a->match_cn, b->match_cn) &&
           span_eq(a->error_page, b->error_page);
}

/* Told at `owned`, and by another call at the other: neither is the one that is wrong. */
static void conflict_report(struct compiler *c, const struct owned *owned,
                            const struct owned *other, const struct route_host *host)
{
    ingress_report(c->diags, DIAG_ERROR, DIAG_CLIENT_AUTH_CONFLICT,
                   ingress_client_auth_place(c, owned),
                   SPAN("say the same of client certificates in all Ingresses of the host, or in "
                        "one of them only"),
                   "Ingress " SPAN_FMT "/" SPAN_FMT
                   " says otherwise of the client certificates of host '" SPAN_FMT
                   "'; every request of the host is refused with 403",
                   SPAN_ARG(other->namespace), SPAN_ARG(other->name),
                   SPAN_ARG(span_is_empty(host->name) ? SPAN("(any)") : host->name));
}

/* Whoever passes TLS through himself wants no check of it here. */
static bool wants_check(const struct owned *owned, const struct route_client_auth *auth)
{
    const struct ingress_annotations *annotations = &owned->annotations;

    return auth->mode != ROUTE_CLIENT_AUTH_OFF &&
           (!annotations->passthrough || annotations->is_dropped);
}

static void host_set(struct compiler *c, const struct owned *owned, struct route_host *host,
                     const struct route_client_auth *auth)
{
    struct host_facts *facts = compiler_host_facts(c, host);

    if (!facts->guarded_by && wants_check(owned, auth))
        facts->guarded_by = owned;
    if (!host->client_auth) {
        host->client_auth = auth;
        facts->client_auth_by = owned;
        return;
    }
    if (is_same(host->client_auth, auth))
        return;
    /* What is broken has been told; and it stays so, whoever comes after. */
    if (host->client_auth->mode == ROUTE_CLIENT_AUTH_BROKEN)
        return;
    if (auth->mode != ROUTE_CLIENT_AUTH_BROKEN) {
        conflict_report(c, owned, facts->client_auth_by, host);
        conflict_report(c, facts->client_auth_by, owned, host);
    }
    host->client_auth = auth_broken(c, owned, ingress_client_auth_place(c, owned));
}

static void owned_walk(struct compiler *c, const struct owned *owned)
{
    const struct kube_ingress *ingress = &owned->object->ingress;
    const struct route_client_auth *auth = auth_make(c, owned);

    for (size_t i = 0; i < ingress->rules_len; i++) {
        if (owned->rule_hosts[i])
            host_set(c, owned, owned->rule_hosts[i], auth);
    }
    bool is_catch_all =
        ingress->rules_len == 0 && ingress->default_backend.kind != KUBE_BACKEND_NONE;
    if (is_catch_all && compiler_has_host(c, SPAN_EMPTY))
        host_set(c, owned, map_find(&c->model->hosts_by_name, SPAN_EMPTY), auth);
}

void ingress_client_auth_walk(struct compiler *c)
{
    vec_for_each (owned, &c->owned) {
        if (ingress_client_auth_is_said(&owned->annotations.client_auth))
            owned_walk(c, owned);
    }
}
