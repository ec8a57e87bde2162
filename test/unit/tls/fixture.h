/* test/unit/tls/fixture.h
 *
 * Purpose    Keys and certificates for tests, made on the spot.
 * Ownership  The caller owns what it gets: buf_deinit(), EVP_PKEY_free(). */
#ifndef YETT_TEST_TLS_FIXTURE_H
#define YETT_TEST_TLS_FIXTURE_H

#include <openssl/x509.h>

#include "base/buf.h"

enum fixture_key { FIXTURE_RSA, FIXTURE_RSA_512, FIXTURE_EC, FIXTURE_ED25519 };

struct fixture_recipe {
    enum fixture_key key;
    const char *cn;  /* NULL: none */
    const char *san; /* as in openssl.cnf, "DNS:a.example"; NULL: none */
    int from_days, to_days;
    size_t serial_bytes; /* 0: the serial is 1 */
    bool is_authority;   /* may sign others */
};

/* Keys are made once for each kind and `which`, since RSA takes its time. Borrowed. */
EVP_PKEY *fixture_key(enum fixture_key kind, size_t which);

/* Appends a certificate for `key`, signed by `signer` under the name `issuer_cn`. */
void fixture_certificate(const struct fixture_recipe *recipe, EVP_PKEY *key, EVP_PKEY *signer,
                         const char *issuer_cn, struct buf *chain_pem);
void fixture_key_pem(EVP_PKEY *key, struct buf *key_pem);

/* Both, self-signed, with key 0 of its kind. */
void fixture_pair(const struct fixture_recipe *recipe, struct buf *chain_pem, struct buf *key_pem);

/* An authority's list of what it revoked: the certificates with serial 1, or none. `signer` signs as
 * `issuer_cn`. */
void fixture_crl(EVP_PKEY *signer, const char *issuer_cn, bool revokes, struct buf *crl_pem);

/* Moves what a memory BIO holds to the end of `out`, and frees the BIO. */
void fixture_take(BIO *bio, struct buf *out);

#endif
