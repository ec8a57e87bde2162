/* tls/library.h
 *
 * Purpose    OpenSSL as this room uses it: its set-up, and scope guards for its objects.
 * Roles      Inside the room only; nobody else includes OpenSSL. */
#ifndef YETT_TLS_LIBRARY_H
#define YETT_TLS_LIBRARY_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>

#include "base/scope.h"
#include "base/span.h"

/* Sets OpenSSL up without its configuration file: what we accept does not depend on the machine,
 * and a worker opens no files. May be called again. */
void tls_library_init(void);

/* Names and lists with a NUL, as OpenSSL wants them. False: `at` has no room, or `text` has a NUL of its own. */
bool tls_library_text(struct span text, char *at, size_t room);

/* A reading BIO over `bytes`, which must outlive it; at most INT_MAX of them. */
BIO *tls_library_reader(struct span bytes);
/* Did the last PEM_read_bio_…() fail because there is nothing more to read? */
bool tls_library_reader_is_at_end(void);

/* A key, or what `selection` names of it, of the kind that OpenSSL calls `kind`; NULL: there is none. */
EVP_PKEY *tls_library_pem_read(struct span pem, const char *kind, int selection);

/* To seconds since 1970; false: it is malformed. */
bool tls_library_time_read(const ASN1_TIME *time, int64_t *ret_unix_s);

/* For encrypted texts, which have no one to ask: without this, OpenSSL would prompt on the terminal. */
int tls_library_no_password(char *at, int room, int writing, void *ctx);

#define TLS_LIBRARY_GUARD(type, release)         \
    static inline void release##p(type **object) \
    {                                            \
        release(*object);                        \
    }

TLS_LIBRARY_GUARD(ASN1_TIME, ASN1_TIME_free)
TLS_LIBRARY_GUARD(BIO, BIO_free_all)
TLS_LIBRARY_GUARD(BIGNUM, BN_free)
TLS_LIBRARY_GUARD(EVP_PKEY, EVP_PKEY_free)
TLS_LIBRARY_GUARD(GENERAL_NAMES, GENERAL_NAMES_free)
TLS_LIBRARY_GUARD(X509, X509_free)
TLS_LIBRARY_GUARD(X509_EXTENSION, X509_EXTENSION_free)

#endif
