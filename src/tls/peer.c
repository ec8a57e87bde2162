#include "tls/peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/bug.h"
#include "tls/codec_internal.h"

/* That no CA of ours stands behind a certificate; the same list as nginx has for optional_no_ca. */
static bool is_only_untrusted(long error)
{
    return error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_CERT_UNTRUSTED;
}

/* A resumed session brings its verdict along, from the time when it began. */
static long error_of(const struct tls_codec *codec, const X509 *certificate)
{
    long error = SSL_get_verify_result(codec->ssl);

    if (error == X509_V_OK && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return X509_V_ERR_CERT_HAS_EXPIRED;
    return error;
}

/* What was written into `bio`; false: more than `max`. */
static bool text_take(BIO *bio, size_t max, struct arena *arena, struct span *ret_text)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    if (len < 0 || (size_t)len > max)
        return false;
    *ret_text = arena_dup(arena, span_of(bytes, (size_t)len));
    return true;
}

/* Control bytes, and those beyond ASCII, are escaped: it is fit for a header field. */
static bool name_print(const X509_NAME *name, struct arena *arena, struct span *ret_text)
{
    SCOPED(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

    invariant(bio != NULL);
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0 &&
           text_take(bio, TLS_PEER_NAME_MAX, arena, ret_text);
}

static const char capital_digits[] = "0123456789ABCDEF", small_digits[] = "0123456789abcdef";

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static size_t uri_escaped_bytes(struct span text)
{
    size_t bytes = 0;

    for (size_t i = 0; i < text.len; i++)
        bytes += is_unreserved(text.ptr[i]) ? 1 : 3;
    return bytes;
}

static char *hex_put(char *at, unsigned char byte, const char digits[16])
{
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
    return at;
}

static struct span uri_escape(struct span text, struct arena *arena)
{
    size_t bytes = uri_escaped_bytes(text);
    char *at = arena_alloc(arena, bytes), *to = at;

    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i])) {
            *to++ = text.ptr[i];
            continue;
        }
        *to++ = '%';
        to = hex_put(to, (unsigned char)text.ptr[i], capital_digits);
    }
    return span_of(at, bytes);
}

/* Its PEM, in OpenSSL's memory; "" where there is none to be had. */
static struct span pem_write(X509 *certificate, BIO *bio)
{
    char *bytes;

    invariant(bio != NULL);
    if (PEM_write_bio_X509(bio, certificate) != 1)
        return SPAN_EMPTY;
    long len = BIO_get_mem_data(bio, &bytes);
    return span_of(bytes, (size_t)len);
}

static bool pem_fits(struct span pem)
{
    return pem.len > 0 && uri_escaped_bytes(pem) <= TLS_PEER_CERTIFICATE_MAX;
}

static bool certificate_fits(X509 *certificate)
{
    SCOPED(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

    return pem_fits(pem_write(certificate, bio));
}

struct span tls_codec_peer_certificate(const struct tls_codec *codec, struct arena *arena)
{
    SCOPED(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

    struct span pem = pem_write(SSL_get0_peer_certificate(codec->ssl), bio);

    return pem_fits(pem) ? uri_escape(pem, arena) : SPAN_EMPTY;
}

/* As nginx prints it, but on one line however long it is. */
static bool serial_print(const X509 *certificate, struct arena *arena, struct span *ret_text)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    size_t len = (size_t)ASN1_STRING_length(serial);

    if (2 * len + 1 > TLS_PEER_NAME_MAX)
        return false;
    char *at = arena_alloc(arena, 2 * len + 1), *to = at;
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        *to++ = '-';
    for (size_t i = 0; i < len; i++)
        to = hex_put(to, ASN1_STRING_get0_data(serial)[i], capital_digits);
    *ret_text = len > 0 ? span_of(at, (size_t)(to - at)) : SPAN("00");
    return true;
}

static bool fingerprint_print(const X509 *certificate, struct arena *arena, struct span *ret_text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;

    if (X509_digest(certificate, EVP_sha1(), digest, &len) != 1)
        return false;
    char *at = arena_alloc(arena, 2 * (size_t)len), *to = at;
    for (unsigned i = 0; i < len; i++)
        to = hex_put(to, digest[i], small_digits);
    *ret_text = span_of(at, (size_t)(to - at));
    return true;
}

/* Whether what was shown in the handshake satisfies `context` as well. */
static bool verifies_now(const struct tls_codec *codec, const struct tls_context *context,
                         X509 *certificate)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();

    invariant(store != NULL &&
              X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context->ssl_ctx), certificate,
                                  SSL_get_peer_cert_chain(codec->ssl)) == 1 &&
              X509_STORE_CTX_set_default(store, "ssl_client") == 1);
    X509_STORE_CTX_set_depth(store, SSL_CTX_get_verify_depth(context->ssl_ctx));
    /* Of its own, it would take keys that a handshake refuses as too small. */
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(store),
                                     SSL_CTX_get_security_level(context->ssl_ctx));
    bool good = X509_verify_cert(store) == 1;
    X509_STORE_CTX_free(store);
    return good;
}

static bool is_same_client_auth(const struct tls_context *a, const struct tls_context *b)
{
    return memcmp(a->client_auth, b->client_auth, TLS_DIGEST_BYTES) == 0;
}

static bool was_asked(const struct tls_codec *codec)
{
    return SSL_CTX_get_verify_mode(codec->context->ssl_ctx) != SSL_VERIFY_NONE;
}

static bool facts_print(X509 *certificate, struct arena *arena, struct tls_peer *peer)
{
    return certificate_fits(certificate) &&
           name_print(X509_get_subject_name(certificate), arena, &peer->subject_dn) &&
           name_print(X509_get_issuer_name(certificate), arena, &peer->issuer_dn) &&
           serial_print(certificate, arena, &peer->serial) &&
           fingerprint_print(certificate, arena, &peer->fingerprint);
}

static struct tls_peer peer_of(enum tls_peer_verdict verdict, struct span verify)
{
    return (struct tls_peer){ .verdict = verdict,
                              .verify = verify,
                              .subject_dn = SPAN_EMPTY,
                              .issuer_dn = SPAN_EMPTY,
                              .serial = SPAN_EMPTY,
                              .fingerprint = SPAN_EMPTY };
}

static struct tls_peer peer_judge(const struct tls_codec *codec, const struct tls_context *context,
                                  X509 *certificate, struct arena *arena)
{
    struct tls_peer peer = peer_of(TLS_PEER_VERIFIED, SPAN("SUCCESS"));
    long error = error_of(codec, certificate);

    if (!facts_print(certificate, arena, &peer))
        return peer_of(TLS_PEER_BAD, SPAN("FAILED:certificate too large"));
    if (!is_same_client_auth(codec->context, context)) {
        if (!verifies_now(codec, context, certificate))
            return peer_of(TLS_PEER_STALE, SPAN("NONE"));
    } else if (error != X509_V_OK) {
        peer.verdict = is_only_untrusted(error) ? TLS_PEER_UNTRUSTED : TLS_PEER_BAD;
        peer.verify = arena_printf(arena, "FAILED:%s", X509_verify_cert_error_string(error));
    }
    return peer;
}

void tls_codec_peer(const struct tls_codec *codec, const struct tls_context *context,
                    struct arena *arena, struct tls_peer *ret_peer)
{
    X509 *certificate = SSL_get0_peer_certificate(codec->ssl);

    if (certificate)
        *ret_peer = peer_judge(codec, context, certificate, arena);
    else if (was_asked(codec) || is_same_client_auth(codec->context, context))
        *ret_peer = peer_of(TLS_PEER_NONE, SPAN("NONE"));
    else
        *ret_peer = peer_of(TLS_PEER_STALE, SPAN("NONE"));
    ERR_clear_error();
}
