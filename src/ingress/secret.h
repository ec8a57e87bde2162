/* ingress/secret.h
 *
 * Purpose    A Secret, as an Ingress or a flag names it → the certificate or the authorities that the model
 *            has of it, each once per content, and diagnostics.
 * Ownership  What is made lies in the model's arena; facts in the cache, or in the compile's scratch.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_SECRET_H
#define YETT_INGRESS_SECRET_H

#include "ingress/compiler.h"

/* A mention of a Secret. */
struct secret_ref {
    struct span namespace, name;
    struct place place;
    const char
        *consequence; /* what follows where it cannot be used: "the default certificate is shown" */
};

/* The Secret that an annotation names as "namespace/name"; false, and reported: it is another namespace's, and
 * such may not be named. */
YETT_MUST_USE bool ingress_secret_named(struct compiler *c, const struct kube_object *ingress,
                                        const struct kube_pair *annotation, const char *consequence,
                                        struct secret_ref *ret_ref);

/* NULL where it is not there, or may not be read (reported); `mend` says what it should hold. */
const struct kube_object *ingress_secret_find(struct compiler *c, const struct secret_ref *ref,
                                              struct span mend);

/* The pair in tls.crt and tls.key, as its author wrote it. */
struct secret_pair {
    const struct kube_object *secret;
    struct span chain_pem, key_pem;
    const struct ingress_pair *pair;
};

/* Reports one that is missing or unfit, and returns false; one that has expired, or will soon, is reported and
 * good. */
YETT_MUST_USE bool ingress_secret_pair(struct compiler *c, const struct secret_ref *ref,
                                       struct secret_pair *ret_pair);
/* The same of a Secret that was found; silent. */
YETT_MUST_USE bool ingress_secret_pair_of(struct compiler *c, const struct kube_object *secret,
                                          struct secret_pair *ret_pair);
/* Says, once, that the pair has expired or will soon. */
void ingress_secret_expiry_report(struct compiler *c, const struct secret_ref *ref,
                                  const struct secret_pair *pair);
struct route_certificate *ingress_certificate_get(struct compiler *c,
                                                  const struct secret_pair *pair);

/* Those in ca.crt and ca.crl; NULL where they are missing or unfit (reported). */
const struct route_authorities *ingress_authorities_get(struct compiler *c,
                                                        const struct secret_ref *ref,
                                                        const struct kube_object *secret);

/* Takes out of the model what no host, rule or default names: an Ingress may name a Secret and lose all that it
 * asks for to others. Returns whether there was any. */
bool ingress_secrets_sweep(struct route_model *model);

/* The bytes under `key`; empty: there are none. */
struct span ingress_secret_entry(const struct kube_object *secret, struct span key);

#endif
