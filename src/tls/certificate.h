/* tls/certificate.h
 *
 * Purpose    Certificates and keys as Secrets hold them: judge a pair, ask whom it covers, make the
 *            self-signed default one.
 * Ownership  tls_pair_facts owns its names; the PEM texts stay the caller's.
 * Roles      control (through `ingress`), cli; workers only build contexts (tls/context.h).
 * See        RFC 5280, RFC 6125 */
#ifndef YETT_TLS_CERTIFICATE_H
#define YETT_TLS_CERTIFICATE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

enum tls_pair_result {
    TLS_PAIR_OK = 0,
    TLS_PAIR_NO_CERTIFICATE, /* no PEM certificate in the chain */
    TLS_PAIR_BAD_CERTIFICATE,
    TLS_PAIR_NO_KEY,
    TLS_PAIR_BAD_KEY,
    TLS_PAIR_MISMATCH, /* the key is not the leaf's */
};

struct tls_pair_facts {
    struct span *names; /* DNS names of the leaf, lower case: SAN, or CN where there is no SAN */
    size_t names_len;
    int64_t not_before_s, not_after_s; /* Unix time */
    struct span subject_cn, issuer_cn, issuer_o, serial_decimal;
    const char *key_algorithm; /* "RSA", "EC", … static text */
};

/* Judges a chain (leaf first) and its key; texts of *ret_facts go into `arena`. Returns a
 * tls_pair_result; facts are set for OK only. */
YETT_MUST_USE int tls_pair_examine(struct span chain_pem, struct span key_pem, struct arena *arena,
                                   struct tls_pair_facts *ret_facts);
const char *tls_pair_result_text(enum tls_pair_result result);

/* `host` (lower case, may be "*.example.com") is covered by one of the names (RFC 6125 6.4.3). */
bool tls_names_cover(const struct tls_pair_facts *facts, struct span host);

/* A self-signed pair for servers without a certificate, named as ingress-nginx names its own: CN
 * "Kubernetes Ingress Controller Fake Certificate", O "Acme Co", SAN ingress.local, 365 days. The
 * key is P-256, which takes well under a millisecond. Appends PEM to both. Returns 0 or -EIO. */
YETT_MUST_USE int tls_pair_generate(struct buf *chain_pem, struct buf *key_pem);
/* Whether a pair has the names of a generated one, and nobody else signed it. */
bool tls_pair_is_generated(const struct tls_pair_facts *facts);

#endif
