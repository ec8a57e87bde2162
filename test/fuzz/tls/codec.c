/* A codec in either role, and a peer that says anything: it ends or waits, holds no more than its caps, and
 * leaves no error behind for the next connection. The first byte of the input chooses the role, the second
 * how the rest is split. */
#include <openssl/err.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bug.h"
#include "tls/certificate.h"
#include "tls/client.h"
#include "tls/codec.h"
#include "tls/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_context *server, *client;

static struct tls_context *choose(void *ctx, struct span server_name)
{
    (void)server_name;
    return ctx;
}

static void contexts_make(void)
{
    struct buf chain = { 0 }, key = { 0 };

    invariant(tls_pair_generate(&chain, &key) == 0);
    const struct tls_server as_server = {
        .pairs = { { buf_span(&chain), buf_span(&key) } },
        .pairs_len = 1,
        .policy = { .http2 = true, .resumption = true },
        .client_auth = { .mode = TLS_CLIENT_ASK, .depth = 1, .ca_pem = buf_span(&chain) },
        .tickets = tls_tickets_new(),
    };
    const struct tls_client as_client = { .policy = { .http2 = true },
                                          .server_name = SPAN("a.example") };
    invariant(tls_context_new_server(&as_server, &server) == TLS_CONTEXT_OK);
    invariant(tls_context_new_client(&as_client, &client) == TLS_CONTEXT_OK);
    buf_deinit(&chain);
    buf_deinit(&key);
}

static void check_facts(const struct tls_codec *codec)
{
    struct arena arena;
    struct tls_peer peer;

    arena_init(&arena, 256);
    tls_codec_peer(codec, server, &arena, &peer);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char plain[512];
    size_t len;

    if (size < 3)
        return 0;
    if (!server)
        contexts_make();
    struct span bytes = span_of((const char *)data + 2, size - 2);
    size_t step = data[1] + 1u;
    struct tls_codec *codec =
        data[0] & 1 ? tls_codec_new_client(client, 1) : tls_codec_new(server, choose, server);
    while (bytes.len > 0) {
        size_t taken = tls_codec_feed(codec, span_upto(bytes, step));
        int r = tls_codec_read(codec, plain, sizeof(plain), &len);

        invariant(taken <= step && (taken > 0 || r != TLS_CODEC_WANT_INPUT));
        invariant(ERR_peek_error() == 0);
        tls_codec_sent(codec, tls_codec_pending(codec).len);
        if (r == TLS_CODEC_FAILED || r == TLS_CODEC_CLOSED)
            break;
        bytes = span_from(bytes, taken);
    }
    if (tls_codec_step(codec) == TLS_CODEC_OK)
        check_facts(codec);
    tls_codec_relax(codec);
    tls_codec_free(codec);
    return 0;
}
