#include "base/bug.h"
#include "base/mem.h"
#include "tls/codec_internal.h"
#include "tls/hello.h"
#include "tls/tickets_internal.h"

/* What OpenSSL asks of a codec, and tells it, in the middle of a handshake. */

static void server_name_set(struct tls_codec *codec, struct span name)
{
    codec->server_name = mem_alloc(name.len);
    codec->server_name_len = (uint8_t)tls_server_name_fold(name, codec->server_name).len;
}

/* Everything that a connection took from its first context, but for the groups, which are the same for
 * all of a gate. */
static void context_apply(SSL *ssl, SSL_CTX *chosen)
{
    invariant(SSL_set_SSL_CTX(ssl, chosen) == chosen);
    SSL_clear_options(ssl, SSL_get_options(ssl));
    SSL_set_options(ssl, SSL_CTX_get_options(chosen));
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(chosen), SSL_CTX_get_verify_callback(chosen));
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(chosen));
    SSL_set_max_cert_list(ssl, SSL_CTX_get_max_cert_list(chosen));
    invariant(SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(chosen)) == 1 &&
              SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(chosen)) == 1 &&
              SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(chosen)) == 1);
}

/* False: the extension is malformed. *ret_name: empty where there is none. */
static bool hello_server_name(SSL *ssl, struct span *ret_name)
{
    const unsigned char *bytes;
    size_t len;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &len) != 1) {
        *ret_name = SPAN_EMPTY;
        return true;
    }
    return tls_server_name_parse(span_of((const char *)bytes, len), ret_name);
}

/* A hello that is sent again (RFC 8446, 4.1.2) says the same: a name that changed would be served by
 * what was chosen for another. */
static bool is_same_name(const struct tls_codec *codec, struct span name)
{
    char folded[TLS_HELLO_NAME_MAX];

    return span_eq(tls_codec_server_name(codec), tls_server_name_fold(name, folded));
}

int tls_codec_on_client_hello(SSL *ssl, int *ret_alert, void *ctx)
{
    struct tls_codec *codec = codec_of(ssl);
    struct span name;

    (void)ctx;
    *ret_alert = SSL_AD_DECODE_ERROR;
    if (!hello_server_name(ssl, &name))
        return SSL_CLIENT_HELLO_ERROR;
    if (codec->is_chosen) {
        *ret_alert = SSL_AD_ILLEGAL_PARAMETER;
        return is_same_name(codec, name) ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
    }
    server_name_set(codec, name);
    struct tls_context *chosen = codec->choose(codec->choose_ctx, tls_codec_server_name(codec));
    if (!chosen) {
        *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    context_apply(ssl, chosen->ssl_ctx);
    struct tls_context *before = codec->context;
    codec->context = tls_context_ref(chosen);
    codec->is_chosen = true;
    tls_context_unref(before);
    return SSL_CLIENT_HELLO_SUCCESS;
}

int tls_codec_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int protects)
{
    const struct tls_tickets *tickets = codec_of(ssl)->context->tickets;

    invariant(tickets || !protects); /* a context without them sends none */
    int r = tickets ? tls_tickets_key(tickets, name, iv, cipher, mac, protects != 0) : 0;
    /* Clients of TLS 1.3 use a ticket once, so each use brings a new one. */
    return r == 1 && !protects && SSL_version(ssl) == TLS1_3_VERSION ? 2 : r;
}

/* When the first of what the server was verified by runs out. */
static int64_t verified_until_s(const SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    int64_t until_s = INT64_MAX, end_s;

    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
        return INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (!tls_library_time_read(X509_get0_notAfter(sk_X509_value(chain, i)), &end_s))
            return 0;
        until_s = MIN(until_s, end_s);
    }
    return until_s;
}

int tls_codec_on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_codec *codec = codec_of(ssl);

    if (codec->peer == 0)
        return 0; /* the reference stays OpenSSL's */
    /* One that comes of another was verified when that one was. */
    tls_sessions_keep(codec->context->sessions, codec->peer, session,
                      SSL_session_reused(ssl) == 1 ? codec->session_until_s
                                                   : verified_until_s(ssl));
    return 1;
}
