#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/scope.h"
#include "tls/context_internal.h"

/* Ingress-nginx's default. The order counts, since the server's preference does. The DHE suites
 * stand for the day when DH parameters can be set; until then OpenSSL leaves them out. TLS 1.3 has
 * its own list, and OpenSSL's default of it is what we want. */
static const char ciphers_default[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                      "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256";

/* 80 bits: refuses RSA below 1024 bits and SHA-1 signatures. Distributions set 1 or 2; a gate must
 * not turn away on one machine what it serves on another. */
enum { SECURITY_LEVEL = 1 };

/* A client that offers nothing that we speak is served without ALPN, as nginx does, and not refused
 * with no_application_protocol: odd lists come from odd clients that speak HTTP/1.1 all the same.
 */
static int on_alpn(SSL *ssl, const unsigned char **ret_choice, unsigned char *ret_choice_len,
                   const unsigned char *offered, unsigned offered_len, void *ctx)
{
    struct span rest = span_of((const char *)offered, offered_len);

    (void)ssl, (void)ctx;
    while (rest.len > 0) { /* each name is preceded by its length; OpenSSL checked the form */
        struct span name = span_upto(span_from(rest, 1), (unsigned char)rest.ptr[0]);

        if (span_eq(name, SPAN("http/1.1"))) {
            *ret_choice = (const unsigned char *)name.ptr;
            *ret_choice_len = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
        rest = span_from(rest, 1 + name.len);
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static void ssl_ctx_set_policy(SSL_CTX *ssl_ctx)
{
    invariant(SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) == 1);
    invariant(SSL_CTX_set_cipher_list(ssl_ctx, ciphers_default) == 1);
    SSL_CTX_set_security_level(ssl_ctx, SECURITY_LEVEL);
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(ssl_ctx, 0); /* NO_TICKET alone leaves TLS 1.3 its stateful ones */
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ssl_ctx, on_alpn, NULL);
    SSL_CTX_set_tlsext_servername_callback(ssl_ctx, tls_codec_on_server_name);
}

static void context_unrefp(struct tls_context **context)
{
    *context = tls_context_unref(*context);
}

static SSL_CTX *ssl_ctx_new(void)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());

    invariant(ssl_ctx != NULL);
    ssl_ctx_set_policy(ssl_ctx);
    return ssl_ctx;
}

/* All trials share a context: to make one takes a third of the time that judging a pair takes. */
bool tls_context_accepts(const struct tls_pair *pair)
{
    static SSL_CTX *trial;

    if (!trial)
        trial = ssl_ctx_new();
    SSL *ssl = SSL_new(trial);
    invariant(ssl != NULL);
    int used = SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->issuers, 1);
    SSL_free(ssl);
    ERR_clear_error();
    return used == 1;
}

int tls_context_new(struct span chain_pem, struct span key_pem, struct tls_context **ret_context)
{
    SCOPED(tls_pair_deinit) struct tls_pair pair = { 0 };
    SCOPED(context_unrefp) struct tls_context *context = NULL;

    if (tls_pair_parse(chain_pem, key_pem, &pair) != TLS_PAIR_OK)
        return TLS_CONTEXT_BAD_PAIR;
    context = mem_alloc_zero(sizeof(*context));
    context->refs = 1;
    context->ssl_ctx = ssl_ctx_new();
    int used = SSL_CTX_use_cert_and_key(context->ssl_ctx, pair.leaf, pair.key, pair.issuers, 1);
    ERR_clear_error();
    if (used != 1)
        return TLS_CONTEXT_BAD_PAIR;
    *ret_context = TAKE(context);
    return TLS_CONTEXT_OK;
}

static void biop_free(BIO **bio)
{
    BIO_free(*bio);
}

/* Each of them, for verifying and, so that a client knows which of its certificates to send, for naming. */
static size_t authorities_add(SSL_CTX *ssl_ctx, struct span pem)
{
    SCOPED(biop_free) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    size_t count = 0;
    X509 *authority;

    invariant(bio != NULL);
    while ((authority = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl_ctx), authority) == 1 &&
                 SSL_CTX_add_client_CA(ssl_ctx, authority) == 1;
        X509_free(authority);
    }
    ERR_clear_error();
    return count;
}

int tls_context_require_client(struct tls_context *context, struct span authorities_pem)
{
    if (authorities_pem.len > TLS_PEM_BYTES_MAX ||
        authorities_add(context->ssl_ctx, authorities_pem) == 0)
        return TLS_CONTEXT_BAD_AUTHORITIES;
    SSL_CTX_set_verify(context->ssl_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return TLS_CONTEXT_OK;
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
        mem_free(context);
    }
    return NULL;
}
