#include "tls/policy.h"

#include <openssl/err.h>

#include "base/bug.h"
#include "tls/policy_internal.h"

/* Ingress-nginx's default. The order counts, since the server's preference does. The DHE suites take
 * part where there are DH parameters; else OpenSSL leaves them out. */
static const char ciphers_default[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                      "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256";

enum {
    /* 80 bits: refuses RSA below 1024 bits and SHA-1 signatures. Distributions set 1 or 2; a gate must
     * not turn away on one machine what it serves on another. "@SECLEVEL=" in a list is obeyed. */
    SECURITY_LEVEL = 1,
    SESSION_TIMEOUT_S = 600,
    PEM_BYTES_MAX = 1 << 16, /* parameters of 16,384 bits take 3 KB */
};

static bool ciphers_apply(SSL_CTX *ssl_ctx, struct span list)
{
    char text[TLS_POLICY_TEXT_MAX + 1];

    if (list.len == 0)
        return SSL_CTX_set_cipher_list(ssl_ctx, ciphers_default) == 1;
    return tls_library_text(list, text, sizeof(text)) &&
           SSL_CTX_set_cipher_list(ssl_ctx, text) == 1;
}

static bool groups_apply(SSL_CTX *ssl_ctx, struct span list)
{
    char text[TLS_POLICY_TEXT_MAX + 1];

    if (list.len == 0 || span_eq(list, SPAN("auto")))
        return true;
    return tls_library_text(list, text, sizeof(text)) &&
           SSL_CTX_set1_groups_list(ssl_ctx, text) == 1;
}

static bool dh_apply(SSL_CTX *ssl_ctx, struct span pem)
{
    if (pem.len == 0)
        return true;
    EVP_PKEY *parameters = NULL;
    if (pem.len <= PEM_BYTES_MAX)
        parameters = tls_library_pem_read(pem, "DH", EVP_PKEY_KEY_PARAMETERS);
    if (parameters && SSL_CTX_set0_tmp_dh_pkey(ssl_ctx, parameters) == 1)
        return true; /* the context owns them now */
    EVP_PKEY_free(parameters);
    return false;
}

static void versions_apply(SSL_CTX *ssl_ctx, uint32_t versions)
{
    bool any = versions == 0;
    int min = any || versions & TLS_VERSION_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    int max = any || versions & TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

    invariant(SSL_CTX_set_min_proto_version(ssl_ctx, min) == 1 &&
              SSL_CTX_set_max_proto_version(ssl_ctx, max) == 1);
}

bool tls_policy_apply(SSL_CTX *ssl_ctx, const struct tls_policy *policy)
{
    uint32_t timeout_s = policy->session_timeout_s ? policy->session_timeout_s : SESSION_TIMEOUT_S;

    versions_apply(ssl_ctx, policy->versions);
    SSL_CTX_set_security_level(ssl_ctx, SECURITY_LEVEL);
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_timeout(ssl_ctx, (long)timeout_s);
    bool good = ciphers_apply(ssl_ctx, policy->ciphers) && groups_apply(ssl_ctx, policy->groups) &&
                dh_apply(ssl_ctx, policy->dh_pem);
    ERR_clear_error();
    return good;
}

/* Making a context takes longer than anything that is done with it here, and a list is judged for each Ingress
 * that has it: one is kept for good. A policy sets anew all that a verdict goes by. */
static bool is_valid(const struct tls_policy *policy)
{
    static SSL_CTX *judge;

    if (!judge) {
        tls_library_init();
        judge = SSL_CTX_new(TLS_method());
        invariant(judge != NULL);
    }
    return tls_policy_apply(judge, policy);
}

bool tls_ciphers_are_valid(struct span list)
{
    return list.len > 0 && is_valid(&(struct tls_policy){ .ciphers = list });
}

bool tls_groups_are_valid(struct span list)
{
    return list.len > 0 && is_valid(&(struct tls_policy){ .groups = list });
}

bool tls_dh_is_valid(struct span pem)
{
    return pem.len > 0 && is_valid(&(struct tls_policy){ .dh_pem = pem });
}
