#include "tls/library.h"

#include <limits.h>

#include "base/bug.h"

void tls_library_init(void)
{
    invariant(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
}

BIO *tls_library_reader(struct span bytes)
{
    invariant(bytes.len <= INT_MAX);
    BIO *bio = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
    invariant(bio != NULL);
    return bio;
}
