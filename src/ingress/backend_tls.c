#include "ingress/backend_tls.h"

#include "ingress/secret.h"

/* The Secret has a pair to be shown to backends, authorities to verify them by, or both. Backends that cannot be
 * verified as asked, or not be shown what they want, are not asked at all. */

#define CONSEQUENCE "every rule of this Ingress answers 503"

static bool certificate_set(struct compiler *c, const struct secret_ref *ref,
                            const struct kube_object *secret, struct route_backend_tls *tls)
{
    struct secret_pair pair;

    bool has_pair = ingress_secret_entry(secret, SPAN("tls.crt")).len > 0 ||
                    ingress_secret_entry(secret, SPAN("tls.key")).len > 0;
    bool has_authorities = ingress_secret_entry(secret, SPAN("ca.crt")).len > 0;

    if (!has_pair && has_authorities)
        return true;
    if (!ingress_secret_pair(c, ref, &pair))
        return false;
    tls->certificate = ingress_certificate_get(c, &pair);
    c->has_loose_secrets = true;
    return true;
}

static bool verification_set(struct compiler *c, const struct secret_ref *ref,
                             const struct kube_object *secret, struct route_backend_tls *tls)
{
    if (!tls->verifies)
        return true;
    if (span_is_empty(tls->name)) {
        ingress_report(c->diags, DIAG_ERROR, DIAG_ANNOTATION_INVALID, ref->place,
                       SPAN("name the backend in proxy-ssl-name as its certificate does"),
                       "proxy-ssl-verify is on, but nothing says whose certificate it must "
                       "be; " CONSEQUENCE);
        return false;
    }
    tls->authorities = ingress_authorities_get(c, ref, secret);
    return tls->authorities != NULL;
}

static const struct route_backend_tls *tls_make(struct compiler *c,
                                                const struct kube_object *ingress,
                                                const struct ingress_backend_tls *said)
{
    struct route_backend_tls *tls = arena_new(&c->model->arena, struct route_backend_tls);
    struct secret_ref ref;

    if (!ingress_secret_named(c, ingress, said->secret, CONSEQUENCE, &ref))
        return NULL;
    const struct kube_object *secret =
        ingress_secret_find(c, &ref, SPAN("create the Secret with tls.crt, tls.key and ca.crt"));
    *tls = (struct route_backend_tls){
        .name = arena_dup(&c->model->arena, said->name),
        .ciphers = arena_dup(&c->model->arena, said->ciphers),
        .versions = said->versions,
        .depth = said->depth,
        .verifies = said->verifies,
        .sends_name = said->sends_name,
    };
    if (!secret || !certificate_set(c, &ref, secret, tls) ||
        !verification_set(c, &ref, secret, tls))
        return NULL;
    return tls;
}

const struct route_backend_tls *ingress_backend_tls_get(struct compiler *c,
                                                        const struct kube_object *ingress,
                                                        struct ingress_annotations *annotations)
{
    if (!annotations->backend_tls.secret)
        return NULL;
    const struct route_backend_tls *tls = tls_make(c, ingress, &annotations->backend_tls);
    annotations->is_denied |= tls == NULL;
    return tls;
}
