#include "tls/library.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/bug.h"

void tls_library_init(void)
{
    invariant(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
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

int tls_library_no_password(char *at, int room, int writing, void *ctx)
{
    (void)at, (void)room, (void)writing, (void)ctx;
    return -1;
}
