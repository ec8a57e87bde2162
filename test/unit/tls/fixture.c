#include "fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/bug.h"

enum { KEYS_EACH = 2, SERIAL_ROOM = 256 };

static EVP_PKEY *key_make(enum fixture_key kind)
{
    switch (kind) {
    case FIXTURE_RSA:
        return EVP_RSA_gen(2048);
    case FIXTURE_RSA_512:
        return EVP_RSA_gen(512);
    case FIXTURE_EC:
        return EVP_EC_gen("P-256");
    case FIXTURE_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    unreachable();
}

EVP_PKEY *fixture_key(enum fixture_key kind, size_t which)
{
    static EVP_PKEY *keys[FIXTURE_ED25519 + 1][KEYS_EACH];

    invariant(which < KEYS_EACH);
    if (!keys[kind][which])
        keys[kind][which] = key_make(kind);
    invariant(keys[kind][which] != NULL);
    return keys[kind][which];
}

void fixture_take(BIO *bio, struct buf *out)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    buf_append(out, span_of(bytes, (size_t)len));
    BIO_free_all(bio);
}

static void name_add(X509_NAME *name, const char *cn)
{
    if (cn)
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn,
                                   -1, -1, 0);
}

static void serial_set(X509 *certificate, size_t bytes)
{
    unsigned char digits[SERIAL_ROOM];

    invariant(bytes <= sizeof(digits));
    if (bytes == 0) {
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        return;
    }
    memset(digits, 0x5A, sizeof(digits));
    BIGNUM *number = BN_bin2bn(digits, (int)bytes, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
}

static void extension_add(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    invariant(extension != NULL);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

void fixture_certificate(const struct fixture_recipe *recipe, EVP_PKEY *key, EVP_PKEY *signer,
                         const char *issuer_cn, struct buf *chain_pem)
{
    X509 *certificate = X509_new();
    X509_NAME *issuer = X509_NAME_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_set_version(certificate, X509_VERSION_3);
    serial_set(certificate, recipe->serial_bytes);
    X509_time_adj_ex(X509_getm_notBefore(certificate), recipe->from_days, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(certificate), recipe->to_days, 0, NULL);
    name_add(X509_get_subject_name(certificate), recipe->cn);
    name_add(issuer, issuer_cn);
    X509_set_issuer_name(certificate, issuer);
    X509_set_pubkey(certificate, key);
    if (recipe->san)
        extension_add(certificate, NID_subject_alt_name, recipe->san);
    if (recipe->is_authority)
        extension_add(certificate, NID_basic_constraints, "critical,CA:TRUE");
    bool own_hash = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519;
    invariant(X509_sign(certificate, signer, own_hash ? NULL : EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, certificate);
    fixture_take(bio, chain_pem);
    X509_NAME_free(issuer);
    X509_free(certificate);
}

void fixture_key_pem(EVP_PKEY *key, struct buf *key_pem)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    fixture_take(bio, key_pem);
}

void fixture_pair(const struct fixture_recipe *recipe, struct buf *chain_pem, struct buf *key_pem)
{
    EVP_PKEY *key = fixture_key(recipe->key, 0);

    fixture_certificate(recipe, key, key, recipe->cn, chain_pem);
    fixture_key_pem(key, key_pem);
}

void fixture_crl(EVP_PKEY *signer, const char *issuer_cn, bool revokes, struct buf *crl_pem)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *issuer = X509_NAME_new();
    ASN1_TIME *at = X509_gmtime_adj(NULL, 0);
    BIO *bio = BIO_new(BIO_s_mem());

    name_add(issuer, issuer_cn);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, issuer);
    X509_CRL_set1_lastUpdate(crl, at);
    ASN1_TIME *next = X509_gmtime_adj(NULL, 86400);
    X509_CRL_set1_nextUpdate(crl, next);
    if (revokes) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        ASN1_INTEGER_set(serial, 1);
        X509_REVOKED_set_serialNumber(revoked, serial);
        X509_REVOKED_set_revocationDate(revoked, at);
        X509_CRL_add0_revoked(crl, revoked);
        ASN1_INTEGER_free(serial);
    }
    invariant(X509_CRL_sign(crl, signer, EVP_sha256()) > 0);
    PEM_write_bio_X509_CRL(bio, crl);
    fixture_take(bio, crl_pem);
    ASN1_TIME_free(at);
    ASN1_TIME_free(next);
    X509_NAME_free(issuer);
    X509_CRL_free(crl);
}
