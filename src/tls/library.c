#include "tls/library.h"

#include <limits.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/bug.h"

void tls_library_init(void)
{
    invariant(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
}

bool tls_library_text(struct span text, char *at, size_t room)
{
    if (text.len >= room || span_find(text, '\0') != SPAN_NOT_FOUND)
        return false;
    memcpy(at, text.ptr, text.len);
    at[text.len] = '\0';
    return true;
}

BIO *tls_library_reader(struct span bytes)
{
    invariant(bytes.len <= INT_MAX);
    BIO *bio = BIO_new_mem_buf(bytes.ptr ? bytes.ptr : "", (int)bytes.len);
    invariant(bio != NULL);
    return bio;
}

bool tls_library_reader_is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

EVP_PKEY *tls_library_pem_read(struct span pem, const char *kind, int selection)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, kind, selection, NULL, NULL);
    SCOPED(BIO_free_allp) BIO *bio = tls_library_reader(pem);

    invariant(decoder != NULL);
    OSSL_DECODER_CTX_set_pem_password_cb(decoder, tls_library_no_password, NULL);
    if (OSSL_DECODER_from_bio(decoder, bio) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    return key;
}

/* As a difference, which OpenSSL computes itself: timegm() would have the C library open
 * /etc/localtime. */
bool tls_library_time_read(const ASN1_TIME *time, int64_t *ret_unix_s)
{
    SCOPED(ASN1_TIME_freep) ASN1_TIME *epoch = ASN1_TIME_new();
    int days, seconds;

    invariant(epoch != NULL);
    if (ASN1_TIME_set_string(epoch, "700101000000Z") != 1 ||
        ASN1_TIME_diff(&days, &seconds, epoch, time) != 1)
        return false;
    *ret_unix_s = (int64_t)days * 86400 + seconds;
    return true;
}

int tls_library_no_password(char *at, int room, int writing, void *ctx)
{
    (void)at, (void)room, (void)writing, (void)ctx;
    return -1;
}
