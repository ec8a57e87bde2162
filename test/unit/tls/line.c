#include "line.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct gate gate;

struct tls_context *gate_choose(void *ctx, struct span name)
{
    assert_ptr_equal(ctx, &gate);
    gate.asked++;
    if (gate.only)
        return gate.only;
    if (span_eq(name, SPAN("ec.example")))
        return gate.ec;
    if (span_eq(name, SPAN("ed.example")))
        return gate.ed25519;
    if (span_eq(name, SPAN("refused.example")))
        return NULL;
    return gate.rsa;
}

struct tls_context *gate_context_make(enum fixture_key key, const char *cn)
{
    struct fixture_recipe recipe = { key, cn, NULL, -1, 1, 0 };
    struct buf chain = { 0 }, key_pem = { 0 };
    struct tls_context *context = NULL;

    fixture_pair(&recipe, &chain, &key_pem);
    assert_int_equal(
        tls_context_new_server(
            &(struct tls_server){ .pairs = { { buf_span(&chain), buf_span(&key_pem) } },
                                  .pairs_len = 1 },
            &context),
        TLS_CONTEXT_OK);
    buf_deinit(&chain);
    buf_deinit(&key_pem);
    return context;
}

struct tls_context *gate_server_make(const struct tls_server *server)
{
    struct tls_context *context = NULL;

    assert_int_equal(tls_context_new_server(server, &context), TLS_CONTEXT_OK);
    return context;
}

int gate_open(void **state)
{
    (void)state;
    gate.rsa = gate_context_make(FIXTURE_RSA, "rsa.example");
    gate.ec = gate_context_make(FIXTURE_EC, "ec.example");
    gate.ed25519 = gate_context_make(FIXTURE_ED25519, "ed.example");
    return 0;
}

int gate_close(void **state)
{
    (void)state;
    gate.rsa = tls_context_unref(gate.rsa);
    gate.ec = tls_context_unref(gate.ec);
    gate.ed25519 = tls_context_unref(gate.ed25519);
    gate.only = NULL;
    return 0;
}

void line_open(struct line *line, const char *server_name)
{
    line->piece = SIZE_MAX;
    line->codec = tls_codec_new(gate.only ? gate.only : gate.rsa, gate_choose, &gate);
    line->client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(line->client_ctx, 0);
    line->client = SSL_new(line->client_ctx);
    line->from_client = BIO_new(BIO_s_mem());
    line->to_client = BIO_new(BIO_s_mem());
    SSL_set_bio(line->client, line->to_client, line->from_client);
    SSL_set_connect_state(line->client);
    if (server_name)
        SSL_set_tlsext_host_name(line->client, server_name);
}

void line_open_on(struct line *line, struct tls_context *only, const char *server_name)
{
    gate.only = only;
    line_open(line, server_name);
}

void line_close(struct line *line)
{
    SSL_set_shutdown(line->client,
                     SSL_SENT_SHUTDOWN); /* else its session would be taken for broken */
    SSL_free(line->client);
    SSL_CTX_free(line->client_ctx);
    line->codec = tls_codec_free(line->codec);
    ERR_clear_error(); /* the client's */
}

bool carry_to_codec(struct line *line)
{
    char *bytes;
    long len = BIO_get_mem_data(line->from_client, &bytes);
    size_t taken = tls_codec_feed(line->codec, span_of(bytes, MIN((size_t)len, line->piece)));

    for (char skip[4096]; taken > 0;) {
        int n = BIO_read(line->from_client, skip, (int)MIN(taken, sizeof(skip)));
        assert_true(n > 0);
        taken -= (size_t)n;
        len = -1;
    }
    return len == -1;
}

bool carry_to_client(struct line *line)
{
    struct span pending = tls_codec_pending(line->codec);
    size_t n = MIN(pending.len, line->piece);

    if (n == 0)
        return false;
    assert_int_equal(BIO_write(line->to_client, pending.ptr, (int)n), n);
    tls_codec_sent(line->codec, n);
    return true;
}

int line_handshake(struct line *line)
{
    bool moved = true;
    int r = TLS_CODEC_WANT_INPUT;

    while (moved) {
        ERR_clear_error();
        SSL_do_handshake(line->client);
        ERR_clear_error();
        moved = carry_to_codec(line);
        r = tls_codec_step(line->codec);
        assert_int_equal(ERR_peek_error(), 0); /* nothing for the next connection to stumble on */
        moved |= carry_to_client(line);
    }
    return r;
}

void line_open_established(struct line *line, int protocol)
{
    line_open(line, "ec.example");
    SSL_set_max_proto_version(line->client, protocol);
    assert_int_equal(line_handshake(line), TLS_CODEC_OK);
    assert_true(SSL_is_init_finished(line->client));
}

void client_says(struct line *line, struct span text)
{
    ERR_clear_error();
    assert_int_equal(SSL_write(line->client, text.ptr, (int)text.len), text.len);
    while (carry_to_codec(line))
        ;
}

void codec_hears(struct line *line, struct span expected)
{
    char at[256];
    size_t len = 0;

    assert_int_equal(tls_codec_read(line->codec, at, sizeof(at), &len), TLS_CODEC_OK);
    assert_int_equal(len, expected.len);
    assert_memory_equal(at, expected.ptr, len);
}

void codec_says(struct line *line, struct span text)
{
    size_t taken = 0;

    assert_int_equal(tls_codec_write(line->codec, text, &taken), TLS_CODEC_OK);
    assert_int_equal(taken, text.len);
    while (carry_to_client(line))
        ;
}

void client_hears(struct line *line, struct span expected)
{
    char at[256];

    ERR_clear_error();
    assert_int_equal(SSL_read(line->client, at, sizeof(at)), expected.len);
    assert_memory_equal(at, expected.ptr, expected.len);
}

int client_failure(struct line *line)
{
    char at[16];

    while (carry_to_client(line))
        ;
    ERR_clear_error();
    SSL_read(line->client, at, sizeof(at));
    return ERR_GET_REASON(ERR_peek_error());
}

void assert_span(struct span s, const char *expected)
{
    assert_true(span_eq(s, span_from_str(expected)));
}
