#include "ingress/tls.h"

#include "ingress/names.h"
#include "ingress/secret.h"
#include "tls/policy.h"

/* A wrong Secret never leads to another tenant's certificate: the default one is shown. That a host is not
 * covered is told for each host. */

#define CONSEQUENCE "the default certificate is shown"

static struct place tls_place(struct compiler *c, const struct kube_object *ingress,
                              const struct kube_tls *tls)
{
    struct span field = arena_printf(&c->scratch, "spec.tls[%u].secretName", tls->index);
    struct kube_pos pos = kube_text_is_set(&tls->secret_name) ? tls->secret_name.pos : tls->pos;

    return place_of(ingress, field, pos);
}

static bool lists(const struct kube_tls *tls, struct span host)
{
    for (size_t i = 0; i < tls->hosts_len; i++) {
        if (span_eq_nocase(tls->hosts[i].text, host))
            return true;
    }
    return false;
}

static const struct kube_tls *entry_listing(const struct kube_ingress *ingress, struct span host)
{
    for (size_t i = 0; i < ingress->tls_len; i++) {
        if (lists(&ingress->tls[i], host))
            return &ingress->tls[i];
    }
    return NULL;
}

static struct secret_ref tls_ref(struct compiler *c, const struct kube_object *ingress,
                                 const struct kube_tls *tls)
{
    return (struct secret_ref){ .namespace = ingress->namespace,
                                .name = tls->secret_name.text,
                                .place = tls_place(c, ingress, tls),
                                .consequence = CONSEQUENCE };
}

static bool listed_pair(struct compiler *c, struct span host, const struct kube_object *ingress,
                        const struct kube_tls *tls, struct secret_pair *ret_pair)
{
    if (span_is_empty(tls->secret_name.text))
        return false;
    struct secret_ref ref = tls_ref(c, ingress, tls);
    if (!ingress_secret_pair(c, &ref, ret_pair))
        return false;
    if (!tls_names_cover(&ret_pair->pair->facts, host)) {
        ingress_report(c->diags, DIAG_WARNING, DIAG_TLS_HOST_NOT_COVERED, ref.place,
                       SPAN("name a Secret whose certificate covers the host"),
                       "the certificate in Secret " SPAN_FMT " does not cover " SPAN_FMT
                       "; " CONSEQUENCE,
                       SPAN_ARG(tls->secret_name.text), SPAN_ARG(host));
        return false;
    }
    return true;
}

/* No entry lists the host: the first whose certificate happens to cover it. */
static bool covering_pair(struct compiler *c, struct span host, const struct kube_object *ingress,
                          struct secret_pair *ret_pair)
{
    for (size_t i = 0; i < ingress->ingress.tls_len; i++) {
        const struct kube_tls *tls = &ingress->ingress.tls[i];

        if (span_is_empty(tls->secret_name.text) ||
            !kube_store_find(c->store, KUBE_SECRET, ingress->namespace, tls->secret_name.text))
            continue;
        struct secret_ref ref = tls_ref(c, ingress, tls);
        if (ingress_secret_pair(c, &ref, ret_pair) && tls_names_cover(&ret_pair->pair->facts, host))
            return true;
    }
    return false;
}

/* ---- a second one, with a key of another type -------------------------------------------------- */

/* Silent: nobody waits for a second one. Only the first may be of whatever age, for without it there would be none:
 * a second that has expired would be shown to clients that can use the first. */
static bool is_second(struct compiler *c, struct span host, const struct secret_pair *first,
                      const struct kube_object *ingress, const struct kube_tls *tls,
                      struct secret_pair *ret_pair)
{
    if (!lists(tls, host))
        return false;
    const struct kube_object *secret =
        kube_store_find(c->store, KUBE_SECRET, ingress->namespace, tls->secret_name.text);

    return secret && secret != first->secret && secret->secret.access == KUBE_SECRET_READ &&
           ingress_secret_pair_of(c, secret, ret_pair) &&
           ret_pair->pair->facts.not_after_s >= c->options->now_s &&
           tls_names_cover(&ret_pair->pair->facts, host) &&
           !span_eq(span_from_str(ret_pair->pair->facts.key_algorithm),
                    span_from_str(first->pair->facts.key_algorithm));
}

static void second_report(struct compiler *c, const struct route_host *host,
                          const struct secret_pair *first, const struct secret_pair *second,
                          const struct kube_object *ingress, const struct kube_tls *tls)
{
    ingress_report(
        c->diags, DIAG_NOTE, DIAG_TLS_SECOND_CERTIFICATE, tls_place(c, ingress, tls),
        SPAN("nothing: each client gets the one that it can use"),
        SPAN_FMT " shows this %s certificate beside the %s one of Secret " SPAN_FMT "/" SPAN_FMT,
        SPAN_ARG(host->name), second->pair->facts.key_algorithm, first->pair->facts.key_algorithm,
        SPAN_ARG(first->secret->namespace), SPAN_ARG(first->secret->name));
}

static void second_decide(struct compiler *c, struct route_host *host,
                          const struct secret_pair *first, const struct tls_claim *claims)
{
    struct secret_pair second;

    for (const struct tls_claim *claim = claims; claim; claim = claim->next) {
        const struct kube_object *ingress = claim->owned->object;

        if (!span_eq(ingress->namespace, first->secret->namespace)) /* another tenant's */
            continue;
        for (size_t i = 0; i < ingress->ingress.tls_len; i++) {
            const struct kube_tls *tls = &ingress->ingress.tls[i];
            if (!is_second(c, host->name, first, ingress, tls, &second))
                continue;
            host->other_certificate = ingress_certificate_get(c, &second);
            struct secret_ref ref = tls_ref(c, ingress, tls);
            ingress_secret_expiry_report(c, &ref, &second);
            second_report(c, host, first, &second, ingress, tls);
            return;
        }
    }
}

void ingress_tls_decide(struct compiler *c, struct route_host *host, const struct tls_claim *claims)
{
    const struct kube_object *ingress = claims->owned->object;
    const struct kube_tls *listing = entry_listing(&ingress->ingress, host->name);
    struct secret_pair pair;

    host->has_tls = true;
    if (!(listing ? listed_pair(c, host->name, ingress, listing, &pair)
                  : covering_pair(c, host->name, ingress, &pair)))
        return;
    host->certificate = ingress_certificate_get(c, &pair);
    second_decide(c, host, &pair, claims);
}

/* ---- the default one --------------------------------------------------------------------------- */

/* That of the flag, where it names one that can be used. */
static bool default_of_flag(struct compiler *c)
{
    const struct ingress_object_name *name = &c->options->default_certificate;
    struct secret_ref ref = {
        .namespace = name->namespace,
        .name = name->name,
        .place = place_of(NULL, SPAN("--default-ssl-certificate"), (struct kube_pos){ 0 }),
        .consequence = CONSEQUENCE,
    };
    struct secret_pair pair;

    if (name->name.len == 0)
        return false;
    if (!kube_store_find(c->store, KUBE_SECRET, name->namespace, name->name)) {
        ingress_report(c->diags, DIAG_ERROR, DIAG_FLAG_OBJECT_MISSING, ref.place,
                       SPAN("create the Secret, or name another"),
                       "there is no Secret " SPAN_FMT "/" SPAN_FMT, SPAN_ARG(name->namespace),
                       SPAN_ARG(name->name));
        return false;
    }
    if (!ingress_secret_pair(c, &ref, &pair))
        return false;
    c->model->default_certificate = ingress_certificate_get(c, &pair);
    return true;
}

void ingress_tls_default(struct compiler *c)
{
    struct secret_pair pair = { .chain_pem = c->options->fallback_chain_pem,
                                .key_pem = c->options->fallback_key_pem };

    if (default_of_flag(c) || span_is_empty(pair.chain_pem))
        return;
    pair.pair = ingress_cache_pair(c->cache, pair.chain_pem, pair.key_pem);
    if (pair.pair->result == TLS_PAIR_OK)
        c->model->default_certificate = ingress_certificate_get(c, &pair);
}

void ingress_tls_dh(struct compiler *c)
{
    const struct kube_pair *said = c->config.dh_param;
    const struct ingress_object_name *map = &c->options->config_map;

    if (!said)
        return;
    struct ingress_object_name name = ingress_object_name_parse(said->value.text);
    struct secret_ref ref = {
        .namespace = name.namespace,
        .name = name.name,
        .place = place_of(kube_store_find(c->store, KUBE_CONFIG_MAP, map->namespace, map->name),
                          arena_printf(&c->scratch, "data." SPAN_FMT, SPAN_ARG(said->key.text)),
                          said->key.pos),
        .consequence = "DHE is not offered",
    };
    const struct kube_object *secret =
        ingress_secret_find(c, &ref, SPAN("create the Secret with dhparam.pem"));
    if (!secret)
        return;
    struct span pem = ingress_secret_entry(secret, SPAN("dhparam.pem"));
    if (tls_dh_is_valid(pem))
        c->model->settings.tls.dh_pem = arena_dup(&c->model->arena, pem);
    else
        ingress_report(
            c->diags, DIAG_ERROR, DIAG_TLS_SECRET_INVALID, ref.place,
            SPAN("put parameters into dhparam.pem: openssl dhparam -out dhparam.pem 2048"),
            "Secret " SPAN_FMT "/" SPAN_FMT " has no usable dhparam.pem; %s",
            SPAN_ARG(ref.namespace), SPAN_ARG(ref.name), ref.consequence);
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
