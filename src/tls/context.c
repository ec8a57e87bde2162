#include "tls/context_internal.h"

#include <openssl/err.h>

#include "base/bug.h"
#include "base/mem.h"
#include "tls/policy_internal.h"

/* What all contexts are made of, whatever their role: a reference count, pairs, authorities. */

struct tls_context *tls_context_make(const SSL_METHOD *method)
{
    struct tls_context *context = mem_alloc_zero(sizeof(*context));

    tls_library_init();
    context->refs = 1;
    context->ssl_ctx = SSL_CTX_new(method);
    invariant(context->ssl_ctx != NULL);
    return context;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    invariant(context->refs > 0);
    context->refs++;
    return context;
}

struct tls_context *tls_context_unref(struct tls_context *context)
{
    if (!context)
        return NULL;
    invariant(context->refs > 0);
    if (--context->refs == 0) {
        SSL_CTX_free(context->ssl_ctx);
        tls_sessions_free(context->sessions);
        mem_free(context->server_name);
        mem_free(context);
    }
    return NULL;
}

bool tls_context_add_pair(struct tls_context *context, const struct tls_pair_pem *pem)
{
    SCOPED(tls_pair_deinit) struct tls_pair pair = { 0 };

    if (tls_pair_parse(pem->chain, pem->key, &pair) != TLS_PAIR_OK)
        return false;
    /* Another of the same kind of key would take the place of the first. */
    int used = SSL_CTX_use_cert_and_key(context->ssl_ctx, pair.leaf, pair.key, pair.issuers, 0);
    ERR_clear_error();
    return used == 1;
}

/* All trials share a context: to make one takes a third of the time that judging a pair takes. */
bool tls_context_accepts(const struct tls_pair *pair)
{
    static struct tls_context *trial;

    if (!trial) {
        trial = tls_context_make(TLS_server_method());
        invariant(tls_policy_apply(trial->ssl_ctx, &(struct tls_policy){ 0 }));
    }
    SSL *ssl = SSL_new(trial->ssl_ctx);
    invariant(ssl != NULL);
    int used = SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->issuers, 1);
    SSL_free(ssl);
    ERR_clear_error();
    return used == 1;
}
