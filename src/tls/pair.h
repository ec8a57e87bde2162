/* tls/pair.h
 *
 * Purpose    A chain and its key, read from PEM: the one reader behind certificate.h and context.h, so
 *            that what `check` finds good is what a worker can use.
 * Ownership  The pair owns its objects; tls_pair_deinit() frees them.
 * Roles      Inside the room only.
 * Limits     TLS_PEM_BYTES_MAX for each text, as a Secret cannot be larger; a larger one is bad. */
#ifndef YETT_TLS_PAIR_H
#define YETT_TLS_PAIR_H

#include "tls/certificate.h"
#include "tls/library.h"

enum { TLS_PEM_BYTES_MAX = 1 << 20 };

struct tls_pair {
    X509 *leaf;
    STACK_OF(X509) * issuers; /* the rest of the chain, in its order; may be empty */
    EVP_PKEY *key;
};

/* Returns a tls_pair_result. The key is the leaf's when it is TLS_PAIR_OK. */
YETT_MUST_USE int tls_pair_parse(struct span chain_pem, struct span key_pem,
                                 struct tls_pair *ret_pair);
void tls_pair_deinit(struct tls_pair *pair);

#endif
