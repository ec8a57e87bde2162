#include <openssl/err.h>

#include "base/bug.h"
#include "tls/context_internal.h"
#include "tls/policy_internal.h"

/* The server's role: what ALPN picks, whom clients must be, and what a session stands for. */

enum {
    /* RFC 8446 leaves the number open. Two, as OpenSSL: a browser opens connections in pairs. */
    TICKETS_EACH = 2,
    /* A client's chain: a handful of certificates of 2 KB. OpenSSL's 100 KB are for servers' chains. */
    CLIENT_CHAIN_BYTES_MAX = 32 << 10,
};

static bool offer_find(struct span offers, struct span wanted, struct span *ret_name)
{
    while (offers.len > 0) { /* each name is preceded by its length; OpenSSL checked the form */
        struct span name = span_upto(span_from(offers, 1), (unsigned char)offers.ptr[0]);

        if (span_eq(name, wanted)) {
            *ret_name = name;
            return true;
        }
        offers = span_from(offers, 1 + name.len);
    }
    return false;
}

/* In the order of preference. */
static const struct span protocols[] = { { "h2", 2 }, { "http/1.1", 8 } };

/* `ctx`: the first of the protocols that are spoken. A client that offers none is served without ALPN, as nginx
 * does, and not refused with no_application_protocol: odd lists come from odd clients that speak HTTP/1.1 all
 * the same. */
static int on_alpn(SSL *ssl, const unsigned char **ret_choice, unsigned char *ret_choice_len,
                   const unsigned char *offered, unsigned offered_len, void *ctx)
{
    struct span offers = span_of((const char *)offered, offered_len), name;

    (void)ssl;
    for (const struct span *wanted = ctx; wanted < protocols + ARRAY_LEN(protocols); wanted++) {
        if (!offer_find(offers, *wanted, &name))
            continue;
        *ret_choice = (const unsigned char *)name.ptr;
        *ret_choice_len = (unsigned char)name.len;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

/* The name was weighed with the hello. OpenSSL must hear that it was taken, so that it says so to the
 * client and keeps it with the session. */
static int on_server_name(SSL *ssl, int *ret_alert, void *ctx)
{
    (void)ssl, (void)ret_alert, (void)ctx;
    return SSL_TLSEXT_ERR_OK;
}

/* The handshake goes on whatever is wrong with the certificate: the answer to the request says it. */
static int on_verify_ask(int good, X509_STORE_CTX *ctx)
{
    (void)good, (void)ctx;
    return 1;
}

static void resumption_apply(struct tls_context *context, const struct tls_server *server)
{
    SSL_CTX *ssl_ctx = context->ssl_ctx;

    /* A cache on the server's side would be one for each worker. */
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl_ctx, tls_codec_on_ticket);
    if (server->policy.resumption && server->tickets) {
        context->tickets = server->tickets;
        SSL_CTX_set_num_tickets(ssl_ctx, TICKETS_EACH);
    } else {
        SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ssl_ctx, 0); /* the option leaves TLS 1.3 its stateful ones */
    }
}

static void callbacks_apply(SSL_CTX *ssl_ctx, const struct tls_policy *policy)
{
    SSL_CTX_set_client_hello_cb(ssl_ctx, tls_codec_on_client_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(ssl_ctx, on_server_name);
    SSL_CTX_set_alpn_select_cb(ssl_ctx, on_alpn, (void *)&protocols[policy->http2 ? 0 : 1]);
    if (!policy->prefer_client_ciphers)
        SSL_CTX_set_options(ssl_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
}

static bool client_auth_apply(struct tls_context *context, const struct tls_client_auth *auth)
{
    SSL_CTX *ssl_ctx = context->ssl_ctx;

    SSL_CTX_set_max_cert_list(ssl_ctx, CLIENT_CHAIN_BYTES_MAX);
    switch (auth->mode) {
    case TLS_CLIENT_OFF:
        return true;
    case TLS_CLIENT_ASK:
        SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify_ask);
        break;
    case TLS_CLIENT_REQUIRE:
        SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        break;
    }
    SSL_CTX_set_verify_depth(ssl_ctx, (int)MIN(auth->depth, (uint32_t)INT32_MAX));
    return tls_context_add_authorities(context, auth->ca_pem, auth->crl_pem);
}

/* ---- what a session stands for ---- */

static void digest_text(EVP_MD_CTX *digest, struct span text)
{
    uint64_t len = text.len; /* ahead of it, so that no text runs into the next */

    invariant(EVP_DigestUpdate(digest, &len, sizeof(len)) == 1 &&
              EVP_DigestUpdate(digest, text.ptr, text.len) == 1);
}

static void digest_number(EVP_MD_CTX *digest, uint32_t number)
{
    invariant(EVP_DigestUpdate(digest, &number, sizeof(number)) == 1);
}

static EVP_MD_CTX *digest_begin(void)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    invariant(digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1);
    return digest;
}

static void digest_end(EVP_MD_CTX *digest, unsigned char ret_bytes[TLS_DIGEST_BYTES])
{
    invariant(EVP_DigestFinal_ex(digest, ret_bytes, NULL) == 1);
    EVP_MD_CTX_free(digest);
}

static void client_auth_digest(const struct tls_client_auth *auth,
                               unsigned char ret_bytes[TLS_DIGEST_BYTES])
{
    EVP_MD_CTX *digest = digest_begin();

    digest_number(digest, auth->mode);
    if (auth->mode != TLS_CLIENT_OFF) {
        digest_number(digest, auth->depth);
        digest_text(digest, auth->ca_pem);
        digest_text(digest, auth->crl_pem);
        digest_text(digest, auth->scope);
    }
    digest_end(digest, ret_bytes);
}

/* RFC 8446 and OpenSSL leave it to the server what a session is worth elsewhere: here nothing, unless
 * the client would have been shown, allowed and asked the very same. */
static void session_scope_apply(struct tls_context *context, const struct tls_server *server)
{
    EVP_MD_CTX *digest = digest_begin();
    unsigned char bytes[TLS_DIGEST_BYTES];

    invariant(EVP_DigestUpdate(digest, context->client_auth, TLS_DIGEST_BYTES) == 1);
    for (size_t i = 0; i < server->pairs_len; i++)
        digest_text(digest, server->pairs[i].chain);
    digest_number(digest, server->policy.versions);
    digest_text(digest, server->policy.ciphers);
    digest_text(digest, server->policy.groups);
    digest_end(digest, bytes);
    invariant(SSL_CTX_set_session_id_context(context->ssl_ctx, bytes, sizeof(bytes)) == 1);
}

int tls_context_new_server(const struct tls_server *server, struct tls_context **ret_context)
{
    SCOPED(tls_context_unrefp)
    struct tls_context *context = tls_context_make(TLS_server_method());

    invariant(server->pairs_len >= 1 && server->pairs_len <= ARRAY_LEN(server->pairs));
    if (!tls_policy_apply(context->ssl_ctx, &server->policy))
        return TLS_CONTEXT_BAD_POLICY;
    callbacks_apply(context->ssl_ctx, &server->policy);
    for (size_t i = 0; i < server->pairs_len; i++) {
        if (!tls_context_add_pair(context, &server->pairs[i]))
            return TLS_CONTEXT_BAD_PAIR;
    }
    if (!client_auth_apply(context, &server->client_auth))
        return TLS_CONTEXT_BAD_AUTHORITIES;
    client_auth_digest(&server->client_auth, context->client_auth);
    resumption_apply(context, server);
    session_scope_apply(context, server);
    *ret_context = TAKE(context);
    return TLS_CONTEXT_OK;
}
