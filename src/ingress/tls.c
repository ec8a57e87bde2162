#include "ingress/tls.h"

#include "base/hash.h"
#include "ingress/names.h"

/* A Secret is judged once per content (the cache), and becomes one certificate of the model however many
 * hosts show it. What is wrong with a Secret is told at the first Ingress that names it; that a host is
 * not covered is told for each host. A wrong Secret never leads to another tenant's certificate: the
 * default one is shown. */

static struct route_certificate *certificate_get(struct compiler *c,
                                                 const struct ingress_pair *pair,
                                                 struct span chain_pem, struct span key_pem,
                                                 const struct kube_object *secret)
{
    struct arena *arena = &c->model->arena;
    uint64_t id = pair->id;
    struct route_certificate *found;

    while ((found = idmap_find(&c->certificates, id)) != NULL) {
        if (span_eq(found->chain_pem, chain_pem) && span_eq(found->key_pem, key_pem))
            return found;
        id++; /* a forged hash never shows another's certificate */
    }
    found = route_certificate_new(c->model);
    found->id = id;
    found->chain_pem = arena_dup(arena, chain_pem);
    found->key_pem = arena_dup(arena, key_pem);
    found->not_after_s = pair->facts.not_after_s;
    if (secret)
        found->origin = (struct route_origin){
            .kind = SPAN("Secret"),
            .namespace = arena_dup(arena, secret->namespace),
            .name = arena_dup(arena, secret->name),
            .file = arena_dup(arena, secret->file),
            .line = secret->pos.line,
            .column = secret->pos.column,
        };
    idmap_put(&c->certificates, id, found);
    return found;
}

static struct span secret_entry(const struct kube_object *secret, struct span key)
{
    const struct kube_text *text = kube_pairs_find(&secret->secret.entries, key);

    return text ? text->text : SPAN_EMPTY;
}

struct secret_pair {
    const struct kube_object *secret;
    struct span chain_pem, key_pem;
    const struct ingress_pair *pair;
};

/* What stands in for a Secret that the API server did not give. */
static void stand_in_report(struct compiler *c, const struct kube_object *secret,
                            struct place place)
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
                         place.object))
        return;
    ingress_report(c->diags, DIAG_ERROR, DIAG_TLS_SECRET_UNREADABLE, place,
                   span_from_str(words[secret->secret.access].mend),
                   "Secret " SPAN_FMT "/" SPAN_FMT " %s; the default certificate is shown",
                   SPAN_ARG(secret->namespace), SPAN_ARG(secret->name),
                   words[secret->secret.access].what);
}

static uint64_t place_id(struct place place)
{
    const struct kube_object *object = place.object;

    return object ? hash_bytes(place.field,
                               compiler_told_id(object->kind, object->namespace, object->name))
                  : 0;
}

/* The pair in a Secret; reports, at `place`, one that is missing or unfit, and returns false. */
static bool secret_read(struct compiler *c, struct span namespace, struct span name,
                        struct place place, struct secret_pair *ret_pair)
{
    const struct kube_object *secret = kube_store_find(c->store, KUBE_SECRET, namespace, name);
    uint64_t secret_id = compiler_told_id(KUBE_SECRET, namespace, name);
    struct secret_pair found = { .secret = secret };

    if (!secret) {
        /* One line of spec.tls may stand for many hosts. */
        if (compiler_expects(c, KUBE_SECRET) && compiler_is_new(c, place_id(place), place.object))
            ingress_report(c->diags, DIAG_ERROR, DIAG_TLS_SECRET_MISSING, place,
                           SPAN("create the Secret with tls.crt and tls.key"),
                           "there is no Secret " SPAN_FMT "/" SPAN_FMT
                           "; the default certificate is shown",
                           SPAN_ARG(namespace), SPAN_ARG(name));
        return false;
    }
    if (secret->secret.access != KUBE_SECRET_READ) {
        stand_in_report(c, secret, place);
        return false;
    }
    found.chain_pem = secret_entry(secret, SPAN("tls.crt"));
    found.key_pem = secret_entry(secret, SPAN("tls.key"));
    found.pair = ingress_cache_pair(c->cache, found.chain_pem, found.key_pem);
    if (found.pair->result != TLS_PAIR_OK) {
        if (compiler_is_new(c, secret_id, place.object))
            ingress_report(
                c->diags, DIAG_ERROR, DIAG_TLS_SECRET_INVALID, place,
                SPAN("put a PEM chain, leaf first, into tls.crt and its key into tls.key"),
                "Secret " SPAN_FMT "/" SPAN_FMT ": %s; the default certificate is shown",
                SPAN_ARG(namespace), SPAN_ARG(name),
                tls_pair_result_text((enum tls_pair_result)found.pair->result));
        return false;
    }
    if (found.pair->facts.not_after_s < c->options->now_s &&
        compiler_is_new(c, secret_id, place.object))
        ingress_report(c->diags, DIAG_WARNING, DIAG_TLS_CERTIFICATE_EXPIRED, place,
                       SPAN("renew the certificate"),
                       "the certificate in Secret " SPAN_FMT "/" SPAN_FMT
                       " has expired; it is shown all the same",
                       SPAN_ARG(namespace), SPAN_ARG(name));
    *ret_pair = found;
    return true;
}

static struct place tls_place(struct compiler *c, const struct kube_object *ingress,
                              const struct kube_tls *tls)
{
    struct span field = arena_printf(&c->scratch, "spec.tls[%u].secretName", tls->index);
    struct kube_pos pos = kube_text_is_set(&tls->secret_name) ? tls->secret_name.pos : tls->pos;

    return place_of(ingress, field, pos);
}

static const struct kube_tls *entry_listing(const struct kube_ingress *ingress, struct span host)
{
    for (size_t i = 0; i < ingress->tls_len; i++) {
        for (size_t j = 0; j < ingress->tls[i].hosts_len; j++) {
            if (span_eq_nocase(ingress->tls[i].hosts[j].text, host))
                return &ingress->tls[i];
        }
    }
    return NULL;
}

static const struct route_certificate *listed_certificate(struct compiler *c, struct span host,
                                                          const struct kube_object *ingress,
                                                          const struct kube_tls *tls)
{
    struct secret_pair found;

    if (span_is_empty(tls->secret_name.text))
        return NULL;
    struct place place = tls_place(c, ingress, tls);
    if (!secret_read(c, ingress->namespace, tls->secret_name.text, place, &found))
        return NULL;
    if (!tls_names_cover(&found.pair->facts, host)) {
        ingress_report(c->diags, DIAG_WARNING, DIAG_TLS_HOST_NOT_COVERED, place,
                       SPAN("name a Secret whose certificate covers the host"),
                       "the certificate in Secret " SPAN_FMT " does not cover " SPAN_FMT
                       "; the default certificate is shown",
                       SPAN_ARG(tls->secret_name.text), SPAN_ARG(host));
        return NULL;
    }
    return certificate_get(c, found.pair, found.chain_pem, found.key_pem, found.secret);
}

/* No entry lists the host: the first whose certificate happens to cover it. */
static const struct route_certificate *covering_certificate(struct compiler *c, struct span host,
                                                            const struct kube_object *ingress)
{
    struct secret_pair found;

    for (size_t i = 0; i < ingress->ingress.tls_len; i++) {
        const struct kube_tls *tls = &ingress->ingress.tls[i];

        if (span_is_empty(tls->secret_name.text) ||
            !kube_store_find(c->store, KUBE_SECRET, ingress->namespace, tls->secret_name.text))
            continue;
        if (secret_read(c, ingress->namespace, tls->secret_name.text, tls_place(c, ingress, tls),
                        &found) &&
            tls_names_cover(&found.pair->facts, host))
            return certificate_get(c, found.pair, found.chain_pem, found.key_pem, found.secret);
    }
    return NULL;
}

void ingress_tls_decide(struct compiler *c, struct route_host *host,
                        const struct kube_object *ingress)
{
    const struct kube_tls *listing = entry_listing(&ingress->ingress, host->name);

    host->has_tls = true;
    host->certificate = listing ? listed_certificate(c, host->name, ingress, listing)
                                : covering_certificate(c, host->name, ingress);
}

void ingress_tls_default(struct compiler *c)
{
    const struct ingress_options *options = c->options;
    const struct ingress_object_name *name = &options->default_certificate;
    struct secret_pair found;

    if (name->name.len && kube_store_find(c->store, KUBE_SECRET, name->namespace, name->name)) {
        if (secret_read(c, name->namespace, name->name,
                        place_of(NULL, SPAN("--default-ssl-certificate"), (struct kube_pos){ 0 }),
                        &found)) {
            c->model->default_certificate =
                certificate_get(c, found.pair, found.chain_pem, found.key_pem, found.secret);
            return;
        }
    } else if (name->name.len) {
        ingress_report(c->diags, DIAG_ERROR, DIAG_FLAG_OBJECT_MISSING,
                       place_of(NULL, SPAN("--default-ssl-certificate"), (struct kube_pos){ 0 }),
                       SPAN("create the Secret, or name another"),
                       "there is no Secret " SPAN_FMT "/" SPAN_FMT, SPAN_ARG(name->namespace),
                       SPAN_ARG(name->name));
    }
    if (span_is_empty(options->fallback_chain_pem))
        return;
    const struct ingress_pair *pair =
        ingress_cache_pair(c->cache, options->fallback_chain_pem, options->fallback_key_pem);
    if (pair->result == TLS_PAIR_OK)
        c->model->default_certificate =
            certificate_get(c, pair, options->fallback_chain_pem, options->fallback_key_pem, NULL);
}

void ingress_tls_names_check(struct compiler *c, const struct kube_object *ingress)
{
    for (size_t i = 0; i < ingress->ingress.tls_len; i++) {
        const struct kube_tls *tls = &ingress->ingress.tls[i];

        for (size_t j = 0; j < tls->hosts_len; j++) {
            const struct kube_text *text = &tls->hosts[j];
            struct span field = arena_printf(&c->scratch, "spec.tls[%u].hosts[%zu]", tls->index, j);
            struct span host;
            int r = ingress_host_parse(text->text, &c->scratch, &host);

            if (r != HOST_OK)
                ingress_report(c->diags, DIAG_WARNING, DIAG_HOST_INVALID,
                               place_of(ingress, field, text->pos), SPAN("write a DNS name"),
                               "'" SPAN_FMT "' is %s", SPAN_ARG(text->text),
                               ingress_host_result_text((enum ingress_host_result)r));
            else if (!map_find(&c->model->hosts_by_name, host))
                ingress_report(c->diags, DIAG_WARNING, DIAG_TLS_HOST_WITHOUT_RULE,
                               place_of(ingress, field, text->pos),
                               SPAN("add a rule for the host, or remove it here"),
                               "no rule has the host '" SPAN_FMT "'; its certificate is not shown",
                               SPAN_ARG(host));
        }
    }
}
