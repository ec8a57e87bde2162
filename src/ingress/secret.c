#include "ingress/secret.h"

#include "base/clock.h"
#include "base/hash.h"

/* A Secret is judged once per content (the cache), and becomes one certificate or one bundle of authorities of
 * the model however many hosts and rules name it. What is wrong with a pair is told at the first Ingress that
 * names it; that a Secret is missing, or no good as authorities, at each place that names it. */

static struct route_origin secret_origin(struct compiler *c, const struct kube_object *secret)
{
    struct arena *arena = &c->model->arena;

    if (!secret)
        return (struct route_origin){ 0 };
    return (struct route_origin){
        .kind = SPAN("Secret"),
        .namespace = arena_dup(arena, secret->namespace),
        .name = arena_dup(arena, secret->name),
        .file = arena_dup(arena, secret->file),
        .line = secret->pos.line,
        .column = secret->pos.column,
    };
}

struct route_certificate *ingress_certificate_get(struct compiler *c,
                                                  const struct secret_pair *pair)
{
    struct arena *arena = &c->model->arena;
    uint64_t id = pair->pair->id;
    struct route_certificate *found;

    while ((found = idmap_find(&c->certificates, id)) != NULL) {
        if (span_eq(found->chain_pem, pair->chain_pem) && span_eq(found->key_pem, pair->key_pem))
            return found;
        id++; /* a forged hash never shows another's certificate */
    }
    found = route_certificate_new(c->model);
    found->id = id;
    found->chain_pem = arena_dup(arena, pair->chain_pem);
    found->key_pem = arena_dup(arena, pair->key_pem);
    found->not_after_s = pair->pair->facts.not_after_s;
    found->origin = secret_origin(c, pair->secret);
    idmap_put(&c->certificates, id, found);
    return found;
}

struct span ingress_secret_entry(const struct kube_object *secret, struct span key)
{
    const struct kube_text *text = kube_pairs_find(&secret->secret.entries, key);

    return text ? text->text : SPAN_EMPTY;
}

bool ingress_secret_named(struct compiler *c, const struct kube_object *ingress,
                          const struct kube_pair *annotation, const char *consequence,
                          struct secret_ref *ret_ref)
{
    struct ingress_object_name name = ingress_object_name_parse(annotation->value.text);
    struct secret_ref ref = {
        .namespace = name.namespace,
        .name = name.name,
        .place = ingress_annotation_place(ingress, annotation, &c->scratch),
        .consequence = consequence,
    };

    if (!c->config.allows_other_namespaces && !span_eq(ref.namespace, ingress->namespace)) {
        ingress_report(c->diags, DIAG_ERROR, DIAG_SECRET_OF_OTHER_NAMESPACE, ref.place,
                       SPAN("copy the Secret into the Ingress' namespace, or set "
                            "allow-cross-namespace-resources in the ConfigMap"),
                       "Secret " SPAN_FMT " is of another namespace than the Ingress; %s",
                       SPAN_ARG(annotation->value.text), consequence);
        return false;
    }
    *ret_ref = ref;
    return true;
}

/* What stands in for a Secret that the API server did not give. */
static void stand_in_report(struct compiler *c, const struct kube_object *secret,
                            const struct secret_ref *ref)
{
    static const struct {
        const char *what, *mend;
    } words[] = {
        [KUBE_SECRET_FORBIDDEN] = { "may not be read",
                                    "give the right to read it: yett rbac prints the Role" },
        [KUBE_SECRET_UNANSWERED] = { "could not be read yet",
                                     "wait, and see to it that the API server answers" },
        [KUBE_SECRET_TOO_MANY] = { "is one too many to be watched by name",
                                   "run with --watch-secrets=cluster, which takes one watch for "
                                   "all" },
    };

    if (!compiler_is_new(c, compiler_told_id(KUBE_SECRET, secret->namespace, secret->name),
                         ref->place.object))
        return;
    ingress_report(c->diags, DIAG_ERROR, DIAG_TLS_SECRET_UNREADABLE, ref->place,
                   span_from_str(words[secret->secret.access].mend),
                   "Secret " SPAN_FMT "/" SPAN_FMT " %s; %s", SPAN_ARG(secret->namespace),
                   SPAN_ARG(secret->name), words[secret->secret.access].what, ref->consequence);
}

static uint64_t place_id(struct place place)
{
    const struct kube_object *object = place.object;

    return object ? hash_bytes(place.field,
                               compiler_told_id(object->kind, object->namespace, object->name))
                  : 0;
}

const struct kube_object *ingress_secret_find(struct compiler *c, const struct secret_ref *ref,
                                              struct span mend)
{
    const struct kube_object *secret =
        kube_store_find(c->store, KUBE_SECRET, ref->namespace, ref->name);

    if (secret && secret->secret.access == KUBE_SECRET_READ)
        return secret;
    if (secret)
        stand_in_report(c, secret, ref);
    /* One line of spec.tls may stand for many hosts. */
    else if (compiler_expects(c, KUBE_SECRET) &&
             compiler_is_new(c, place_id(ref->place), ref->place.object))
        ingress_report(c->diags, DIAG_ERROR, DIAG_TLS_SECRET_MISSING, ref->place, mend,
                       "there is no Secret " SPAN_FMT "/" SPAN_FMT "; %s", SPAN_ARG(ref->namespace),
                       SPAN_ARG(ref->name), ref->consequence);
    return NULL;
}

bool ingress_secret_pair_of(struct compiler *c, const struct kube_object *secret,
                            struct secret_pair *ret_pair)
{
    struct secret_pair found = {
        .secret = secret,
        .chain_pem = ingress_secret_entry(secret, SPAN("tls.crt")),
        .key_pem = ingress_secret_entry(secret, SPAN("tls.key")),
    };

    found.pair = ingress_cache_pair(c->cache, found.chain_pem, found.key_pem);
    *ret_pair = found;
    return found.pair->result == TLS_PAIR_OK;
}

/* How long before its end a certificate is worth a word. One that lives for days or weeks is renewed later than
 * that by whoever makes it, so that a share of its life counts where that is shorter. */
static const struct {
    int64_t days, share;
} expiry_steps[] = { { 7, 10 }, { 30, 4 } };

enum { DATE_LEN = 10 }; /* of an RFC 3339 time */

static void expires_soon_report(struct compiler *c, const struct secret_ref *ref,
                                const struct tls_pair_facts *facts)
{
    int64_t left_s = facts->not_after_s - c->options->now_s;
    int64_t life_s = facts->not_after_s - facts->not_before_s;
    char date[CLOCK_RFC3339_LEN];

    clock_format_rfc3339((uint64_t)MAX(facts->not_after_s, (int64_t)0) * 1000000000u, date);
    for (size_t i = 0; i < ARRAY_LEN(expiry_steps); i++) {
        int64_t step_s = expiry_steps[i].days * 86400;
        if (left_s >= MIN(step_s, life_s / expiry_steps[i].share))
            continue;
        ingress_report(c->diags, DIAG_WARNING, DIAG_TLS_CERTIFICATE_EXPIRES, ref->place,
                       SPAN("renew the certificate, or see to whoever should"),
                       "the certificate in Secret " SPAN_FMT "/" SPAN_FMT " runs out on " SPAN_FMT
                       ", in less than %d days",
                       SPAN_ARG(ref->namespace), SPAN_ARG(ref->name),
                       SPAN_ARG(span_of(date, DATE_LEN)), (int)expiry_steps[i].days);
        return;
    }
}

void ingress_secret_expiry_report(struct compiler *c, const struct secret_ref *ref,
                                  const struct secret_pair *pair)
{
    const struct tls_pair_facts *facts = &pair->pair->facts;

    if (!compiler_is_new(c, compiler_told_id(KUBE_SECRET, ref->namespace, ref->name),
                         ref->place.object))
        return;
    if (facts->not_after_s >= c->options->now_s)
        expires_soon_report(c, ref, facts);
    else
        ingress_report(c->diags, DIAG_WARNING, DIAG_TLS_CERTIFICATE_EXPIRED, ref->place,
                       SPAN("renew the certificate"),
                       "the certificate in Secret " SPAN_FMT "/" SPAN_FMT
                       " has expired; it is shown all the same",
                       SPAN_ARG(ref->namespace), SPAN_ARG(ref->name));
}

bool ingress_secret_pair(struct compiler *c, const struct secret_ref *ref,
                         struct secret_pair *ret_pair)
{
    const struct kube_object *secret =
        ingress_secret_find(c, ref, SPAN("create the Secret with tls.crt and tls.key"));
    struct secret_pair found;

    if (!secret)
        return false;
    if (!ingress_secret_pair_of(c, secret, &found)) {
        if (compiler_is_new(c, compiler_told_id(KUBE_SECRET, ref->namespace, ref->name),
                            ref->place.object))
            ingress_report(
                c->diags, DIAG_ERROR, DIAG_TLS_SECRET_INVALID, ref->place,
                SPAN("put a PEM chain, leaf first, into tls.crt and its key into tls.key"),
                "Secret " SPAN_FMT "/" SPAN_FMT ": %s; %s", SPAN_ARG(ref->namespace),
                SPAN_ARG(ref->name), tls_pair_result_text((enum tls_pair_result)found.pair->result),
                ref->consequence);
        return false;
    }
    ingress_secret_expiry_report(c, ref, &found);
    *ret_pair = found;
    return true;
}

/* ---- authorities ------------------------------------------------------------------------------- */

static struct route_authorities *authorities_get(struct compiler *c, uint64_t id,
                                                 struct span ca_pem, struct span crl_pem,
                                                 const struct kube_object *secret)
{
    struct arena *arena = &c->model->arena;
    struct route_authorities *found;

    while ((found = idmap_find(&c->authorities, id)) != NULL) {
        if (span_eq(found->ca_pem, ca_pem) && span_eq(found->crl_pem, crl_pem))
            return found;
        id++; /* a forged hash never trusts another's authorities */
    }
    found = route_authorities_new(c->model);
    found->id = id;
    found->ca_pem = arena_dup(arena, ca_pem);
    found->crl_pem = arena_dup(arena, crl_pem);
    found->origin = secret_origin(c, secret);
    c->has_loose_secrets = true;
    idmap_put(&c->authorities, id, found);
    return found;
}

const struct route_authorities *ingress_authorities_get(struct compiler *c,
                                                        const struct secret_ref *ref,
                                                        const struct kube_object *secret)
{
    struct span ca_pem = ingress_secret_entry(secret, SPAN("ca.crt"));
    struct span crl_pem = ingress_secret_entry(secret, SPAN("ca.crl"));
    const struct ingress_authorities *judged = ingress_cache_authorities(c->cache, ca_pem, crl_pem);

    if (judged->is_valid)
        return authorities_get(c, judged->id, ca_pem, crl_pem, secret);
    ingress_report(c->diags, DIAG_ERROR, DIAG_TLS_SECRET_INVALID, ref->place,
                   SPAN("put PEM certificates into ca.crt, and revocation lists, if any, into "
                        "ca.crl"),
                   "Secret " SPAN_FMT "/" SPAN_FMT " %s; %s", SPAN_ARG(ref->namespace),
                   SPAN_ARG(ref->name),
                   ca_pem.len > 0 ? "has a ca.crt or ca.crl that cannot be read" : "has no ca.crt",
                   ref->consequence);
    return NULL;
}

/* ---- what is left over ------------------------------------------------------------------------- */

static void secret_show(struct idmap *shown, uint64_t id)
{
    static char present; /* what is stored is the key */

    idmap_put(shown, id, &present);
}

static void rule_show(struct idmap *shown, const struct route_rule *rule)
{
    const struct route_backend_tls *tls = rule->policy ? rule->policy->backend_tls : NULL;

    if (tls && tls->certificate)
        secret_show(shown, tls->certificate->id);
    if (tls && tls->authorities)
        secret_show(shown, tls->authorities->id);
}

static void host_show(struct idmap *shown, const struct route_host *host)
{
    if (host->certificate)
        secret_show(shown, host->certificate->id);
    if (host->other_certificate)
        secret_show(shown, host->other_certificate->id);
    if (host->client_auth && host->client_auth->authorities)
        secret_show(shown, host->client_auth->authorities->id);
    vec_for_each (path, &host->paths) {
        vec_for_each (rule, &(*path)->rules)
            rule_show(shown, *rule);
    }
}

bool ingress_secrets_sweep(struct route_model *model)
{
    struct idmap shown = { 0 };

    if (model->default_certificate)
        secret_show(&shown, model->default_certificate->id);
    vec_for_each (host, &model->hosts)
        host_show(&shown, *host);
    bool has_dropped = route_secrets_keep(model, &shown);
    idmap_deinit(&shown);
    return has_dropped;
}
