#include "tls/client.h"

#include <openssl/err.h>

#include "base/bug.h"
#include "base/ip.h"
#include "base/mem.h"
#include "tls/context_internal.h"
#include "tls/policy_internal.h"

/* RFC 1035, 2.3.4 */
enum { NAME_BYTES_MAX = 253 };

static bool verify_name_apply(SSL_CTX *ssl_ctx, struct span name)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl_ctx);
    char text[NAME_BYTES_MAX + 1];
    struct ip_addr ip;

    if (name.len == 0)
        return true;
    if (!tls_library_text(name, text, sizeof(text)))
        return false;
    if (ip_parse(name, &ip))
        return X509_VERIFY_PARAM_set1_ip_asc(param, text) == 1;
    /* A wildcard stands for a whole label (RFC 6125, 6.4.3). */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, text, 0) == 1;
}

static int verify_apply(struct tls_context *context, const struct tls_client *client)
{
    if (!client->verify)
        return TLS_CONTEXT_OK;
    SSL_CTX_set_verify(context->ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(context->ssl_ctx, (int)MIN(client->depth, (uint32_t)INT32_MAX));
    if (!verify_name_apply(context->ssl_ctx, client->verify_name))
        return TLS_CONTEXT_BAD_POLICY;
    return tls_context_add_authorities(context, client->ca_pem, client->crl_pem)
               ? TLS_CONTEXT_OK
               : TLS_CONTEXT_BAD_AUTHORITIES;
}

/* An address is no name that may be sent (RFC 6066, 3). */
static bool server_name_apply(struct tls_context *context, struct span name)
{
    char text[NAME_BYTES_MAX + 1];
    struct ip_addr ip;

    if (name.len == 0 || ip_parse(name, &ip))
        return true;
    if (!tls_library_text(name, text, sizeof(text)))
        return false;
    context->server_name = mem_alloc(name.len + 1);
    memcpy(context->server_name, text, name.len + 1);
    return true;
}

/* Sessions are ours to keep, by peer: OpenSSL's own cache would not know which server is meant. */
static void resumption_apply(struct tls_context *context)
{
    SSL_CTX_set_session_cache_mode(context->ssl_ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl_ctx, tls_codec_on_session);
    context->sessions = tls_sessions_new();
}

int tls_context_new_client(const struct tls_client *client, struct tls_context **ret_context)
{
    static const unsigned char h2_alone[] = "\x02h2";
    SCOPED(tls_context_unrefp)
    struct tls_context *context = tls_context_make(TLS_client_method());

    if (!tls_policy_apply(context->ssl_ctx, &client->policy) ||
        !server_name_apply(context, client->server_name))
        return TLS_CONTEXT_BAD_POLICY;
    if (client->pair.chain.len > 0 && !tls_context_add_pair(context, &client->pair))
        return TLS_CONTEXT_BAD_PAIR;
    int r = verify_apply(context, client);
    if (r != TLS_CONTEXT_OK)
        return r;
    if (client->policy.http2) /* 0 is success, for once */
        invariant(SSL_CTX_set_alpn_protos(context->ssl_ctx, h2_alone, sizeof(h2_alone) - 1) == 0);
    resumption_apply(context);
    *ret_context = TAKE(context);
    return TLS_CONTEXT_OK;
}
