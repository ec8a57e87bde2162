#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "tls/certificate.h"
#include "tls/library.h"

/* The pair that a server shows until someone gives it a better one. Clients cannot verify it; its
 * names are those of ingress-nginx, so that a person who meets it in a browser knows what it means.
 */

enum { SERIAL_BYTES = 16, VALID_DAYS = 365 };

#define ORGANIZATION "Acme Co"
#define COMMON_NAME  "Kubernetes Ingress Controller Fake Certificate"

static const struct {
    int nid;
    const char *value;
} extensions[] = {
    { NID_key_usage, "critical,digitalSignature" },
    { NID_ext_key_usage, "serverAuth" },
    { NID_basic_constraints, "critical,CA:FALSE" },
    { NID_subject_alt_name, "DNS:ingress.local" },
};

static bool serial_set(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7F) | 0x40; /* positive, and of full length */
    SCOPED(BN_freep) BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

static bool name_set(X509 *certificate)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    const unsigned char *o = (const unsigned char *)ORGANIZATION;
    const unsigned char *cn = (const unsigned char *)COMMON_NAME;

    return X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, o, -1, -1, 0) &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, cn, -1, -1, 0) &&
           X509_set_issuer_name(certificate, name);
}

static bool extensions_add(X509 *certificate)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        SCOPED(X509_EXTENSION_freep)
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        if (!extension || !X509_add_ext(certificate, extension, -1))
            return false;
    }
    return true;
}

static bool certificate_fill(X509 *certificate, EVP_PKEY *key)
{
    return X509_set_version(certificate, X509_VERSION_3) && serial_set(certificate) &&
           name_set(certificate) && X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL) &&
           X509_set_pubkey(certificate, key) && extensions_add(certificate) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static void bio_append_to(BIO *bio, struct buf *out)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    buf_append(out, span_of(bytes, (size_t)len));
}

static int generate(struct buf *chain_pem, struct buf *key_pem)
{
    SCOPED(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    SCOPED(X509_freep) X509 *certificate = X509_new();
    SCOPED(BIO_free_allp) BIO *chain_out = BIO_new(BIO_s_mem());
    SCOPED(BIO_free_allp) BIO *key_out = BIO_new(BIO_s_mem()); /* wiped when it is freed */

    if (!key || !certificate || !chain_out || !key_out || !certificate_fill(certificate, key) ||
        !PEM_write_bio_X509(chain_out, certificate) ||
        !PEM_write_bio_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL))
        return -EIO;
    bio_append_to(chain_out, chain_pem);
    bio_append_to(key_out, key_pem);
    return 0;
}

int tls_pair_generate(struct buf *chain_pem, struct buf *key_pem)
{
    tls_library_init();
    int r = generate(chain_pem, key_pem);
    ERR_clear_error();
    return r;
}

bool tls_pair_is_generated(const struct tls_pair_facts *facts)
{
    return span_eq(facts->subject_cn, SPAN(COMMON_NAME)) &&
           span_eq(facts->issuer_cn, SPAN(COMMON_NAME)) &&
           span_eq(facts->issuer_o, SPAN(ORGANIZATION));
}
