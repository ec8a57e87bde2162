#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls/context_internal.h"

/* Bundles of CAs, and what these revoked: one certificate or CRL after the other. */

/* Each for verifying, and, so that a client knows which of its certificates to send, for naming. */
static bool certificates_add(SSL_CTX *ssl_ctx, struct span pem)
{
    SCOPED(BIO_free_allp) BIO *bio = tls_library_reader(pem);
    size_t added = 0;
    X509 *authority;

    while ((authority = PEM_read_bio_X509(bio, NULL, tls_library_no_password, NULL)) != NULL) {
        bool good = X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl_ctx), authority) == 1 &&
                    SSL_CTX_add_client_CA(ssl_ctx, authority) == 1;
        X509_free(authority);
        if (!good)
            return false;
        added++;
    }
    return added > 0 && tls_library_reader_is_at_end();
}

static bool crls_add(SSL_CTX *ssl_ctx, struct span pem)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl_ctx);
    SCOPED(BIO_free_allp) BIO *bio = tls_library_reader(pem);
    size_t added = 0;
    X509_CRL *crl;

    while ((crl = PEM_read_bio_X509_CRL(bio, NULL, tls_library_no_password, NULL)) != NULL) {
        bool good = X509_STORE_add_crl(store, crl) == 1;
        X509_CRL_free(crl);
        if (!good)
            return false;
        added++;
    }
    return added > 0 && tls_library_reader_is_at_end() &&
           X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

bool tls_context_add_authorities(struct tls_context *context, struct span ca_pem,
                                 struct span crl_pem)
{
    if (ca_pem.len > TLS_AUTHORITIES_BYTES_MAX || crl_pem.len > TLS_AUTHORITIES_BYTES_MAX)
        return false;
    ERR_clear_error();
    bool good = certificates_add(context->ssl_ctx, ca_pem);
    ERR_clear_error();
    good = good && (crl_pem.len == 0 || crls_add(context->ssl_ctx, crl_pem));
    ERR_clear_error();
    return good;
}

bool tls_authorities_are_valid(struct span ca_pem, struct span crl_pem)
{
    SCOPED(tls_context_unrefp) struct tls_context *trial = tls_context_make(TLS_method());

    return tls_context_add_authorities(trial, ca_pem, crl_pem);
}
