#include "tls/codec_internal.h"

/* What is known about a connection. */

struct span tls_codec_failure(const struct tls_codec *codec)
{
    return span_from_str(codec->failure);
}

struct span tls_codec_protocol(const struct tls_codec *codec)
{
    if (codec->state == CODEC_HANDSHAKE)
        return SPAN_EMPTY;
    return span_from_str(SSL_get_version(codec->ssl));
}

struct span tls_codec_cipher(const struct tls_codec *codec)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(codec->ssl);

    return cipher ? span_from_str(SSL_CIPHER_get_name(cipher)) : SPAN_EMPTY;
}

struct span tls_codec_server_name(const struct tls_codec *codec)
{
    return span_of(codec->server_name ? codec->server_name : "", codec->server_name_len);
}

enum tls_alpn tls_codec_alpn(const struct tls_codec *codec)
{
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(codec->ssl, &name, &len);
    struct span chosen = len > 0 ? span_of((const char *)name, len) : SPAN_EMPTY;
    if (span_eq(chosen, SPAN("h2")))
        return TLS_ALPN_HTTP2;
    return span_eq(chosen, SPAN("http/1.1")) ? TLS_ALPN_HTTP1 : TLS_ALPN_NONE;
}
