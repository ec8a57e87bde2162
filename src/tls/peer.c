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

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static struct span uri_escape(struct span text, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *at = arena_alloc(arena, 3 * text.len), *to = at;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (is_unreserved(text.ptr[i])) {
            *to++ = text.ptr[i];
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return span_of(at, (size_t)(to - at));
}

static bool pem_escape(X509 *certificate, struct arena *arena, struct span *ret_text)
{
    SCOPED(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;

    invariant(bio != NULL);
    if (i2d_X509(certificate, NULL) > TLS_PEER_CERTIFICATE_MAX ||
        PEM_write_bio_X509(bio, certificate) != 1)
        return false;
    long len = BIO_get_mem_data(bio, &bytes);
    *ret_text = uri_escape(span_of(bytes, (size_t)len), arena);
    return true;
}

static void verdict_set(struct tls_peer *peer, enum tls_peer_verdict verdict, const char *reason,
                        struct arena *arena)
{
    peer->verdict = verdict;
    peer->verify = arena_printf(arena, "FAILED:%s", reason);
}

void tls_codec_peer(const struct tls_codec *codec, struct arena *arena, struct tls_peer *ret_peer)
{
    X509 *certificate = SSL_get0_peer_certificate(codec->ssl);
    struct tls_peer peer = { .verdict = TLS_PEER_NONE, .verify = SPAN("NONE") };

    *ret_peer = peer;
    if (!certificate)
        return;
    bool fits = name_print(X509_get_subject_name(certificate), arena, &peer.subject_dn) &&
                name_print(X509_get_issuer_name(certificate), arena, &peer.issuer_dn) &&
                pem_escape(certificate, arena, &peer.escaped_pem);
    ERR_clear_error();
    long error = error_of(codec, certificate);
    if (!fits) {
        peer = (struct tls_peer){ 0 };
        verdict_set(&peer, TLS_PEER_BAD, "certificate too large", arena);
    } else if (error != X509_V_OK) {
        verdict_set(&peer, is_only_untrusted(error) ? TLS_PEER_UNTRUSTED : TLS_PEER_BAD,
                    X509_verify_cert_error_string(error), arena);
    } else {
        peer.verdict = TLS_PEER_VERIFIED;
        peer.verify = SPAN("SUCCESS");
    }
    *ret_peer = peer;
}
