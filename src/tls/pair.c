#include "tls/pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/bug.h"

static int chain_read(struct span pem, struct tls_pair *pair)
{
    X509 *certificate;

    if (pem.len > TLS_PEM_BYTES_MAX)
        return TLS_PAIR_BAD_CERTIFICATE;
    SCOPED(BIO_free_allp) BIO *bio = tls_library_reader(pem);
    while ((certificate = PEM_read_bio_X509(bio, NULL, tls_library_no_password, NULL)) != NULL) {
        if (!pair->leaf)
            pair->leaf = certificate;
        else
            invariant(sk_X509_push(pair->issuers, certificate) > 0);
    }
    if (!tls_library_reader_is_at_end())
        return TLS_PAIR_BAD_CERTIFICATE;
    return pair->leaf ? TLS_PAIR_OK : TLS_PAIR_NO_CERTIFICATE;
}

static EVP_PKEY *key_read_any(struct span pem)
{
    SCOPED(BIO_free_allp) BIO *bio = tls_library_reader(pem);

    return PEM_read_bio_PrivateKey(bio, NULL, tls_library_no_password, NULL);
}

/* The leaf must be there. */
static int key_read(struct span pem, struct tls_pair *pair)
{
    const EVP_PKEY *leaf_key = X509_get0_pubkey(pair->leaf);

    if (!leaf_key) /* of a kind that OpenSSL does not know, or malformed */
        return TLS_PAIR_BAD_CERTIFICATE;
    if (pem.len > TLS_PEM_BYTES_MAX)
        return TLS_PAIR_BAD_KEY;
    if (!span_contains(pem, SPAN("PRIVATE KEY-----")))
        return TLS_PAIR_NO_KEY;
    /* With the kind named, OpenSSL sets up a third of the decoders, which is most of what reading a pair
     * costs. A good key of another kind is not found so, and is told from a bad one next. */
    pair->key = tls_library_pem_read(pem, EVP_PKEY_get0_type_name(leaf_key), EVP_PKEY_KEYPAIR);
    if (!pair->key)
        pair->key = key_read_any(pem);
    return pair->key ? TLS_PAIR_OK : TLS_PAIR_BAD_KEY;
}

static int pair_read(struct span chain_pem, struct span key_pem, struct tls_pair *pair)
{
    int r = chain_read(chain_pem, pair);

    if (r != TLS_PAIR_OK)
        return r;
    r = key_read(key_pem, pair);
    if (r != TLS_PAIR_OK)
        return r;
    return X509_check_private_key(pair->leaf, pair->key) == 1 ? TLS_PAIR_OK : TLS_PAIR_MISMATCH;
}

int tls_pair_parse(struct span chain_pem, struct span key_pem, struct tls_pair *ret_pair)
{
    SCOPED(tls_pair_deinit) struct tls_pair pair = { 0 };

    tls_library_init();
    pair.issuers = sk_X509_new_null();
    invariant(pair.issuers != NULL);
    int r = pair_read(chain_pem, key_pem, &pair);
    ERR_clear_error();
    if (r != TLS_PAIR_OK)
        return r;
    *ret_pair = pair;
    pair = (struct tls_pair){ 0 };
    return TLS_PAIR_OK;
}

void tls_pair_deinit(struct tls_pair *pair)
{
    X509_free(pair->leaf);
    sk_X509_pop_free(pair->issuers, X509_free);
    EVP_PKEY_free(pair->key);
    *pair = (struct tls_pair){ 0 };
}
