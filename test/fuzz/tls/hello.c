/* The server name of a hello: any split reads alike, and whoever reads it without answering reads what the
 * server that answers reads: else a connection would be passed on by one name and served by another. The
 * first byte of the input says how it is split. */
#include <stdint.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "base/scope.h"
#include "tls/certificate.h"
#include "tls/codec.h"
#include "tls/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    int result;
    char text[TLS_HELLO_NAME_MAX];
    struct span name;
};

static void read_by(struct span bytes, size_t step, struct reading *reading)
{
    struct tls_hello_scan scan = { 0 };

    *reading = (struct reading){ .result = TLS_HELLO_MORE, .name = SPAN_EMPTY };
    for (size_t len = 0; reading->result == TLS_HELLO_MORE && len < bytes.len;) {
        len = MIN(len + step, bytes.len);
        SCOPED(mem_freep) char *block = mem_alloc(len);
        memcpy(block, bytes.ptr, len);
        reading->result = tls_hello_read(&scan, span_of(block, len), reading->text, &reading->name);
    }
}

/* What the server's role was asked for. */
struct asked {
    struct tls_context *context;
    bool was;
    char text[TLS_HELLO_NAME_MAX];
    size_t len;
};

static struct tls_context *choose(void *ctx, struct span server_name)
{
    struct asked *asked = ctx;

    asked->was = true;
    asked->len = server_name.len;
    memcpy(asked->text, server_name.ptr, server_name.len);
    return asked->context;
}

static struct tls_context *context_make(void)
{
    struct buf chain = { 0 }, key = { 0 };
    struct tls_context *context;

    invariant(tls_pair_generate(&chain, &key) == 0);
    invariant(tls_context_new_server(
                  &(struct tls_server){ .pairs = { { buf_span(&chain), buf_span(&key) } },
                                        .pairs_len = 1 },
                  &context) == TLS_CONTEXT_OK);
    buf_deinit(&chain);
    buf_deinit(&key);
    return context;
}

static void check_server(struct span bytes, const struct reading *reading)
{
    static struct tls_context *context;

    if (!context)
        context = context_make();
    struct asked asked = { .context = context };
    struct tls_codec *codec = tls_codec_new(context, choose, &asked);
    int r = TLS_CODEC_WANT_INPUT;
    while (bytes.len > 0 && r == TLS_CODEC_WANT_INPUT) {
        bytes = span_from(bytes, tls_codec_feed(codec, bytes));
        r = tls_codec_step(codec);
    }
    if (asked.was && reading->result == TLS_HELLO_OK)
        invariant(span_eq(reading->name, span_of(asked.text, asked.len)));
    /* Nothing is answered that waits for more. */
    invariant(!asked.was || reading->result != TLS_HELLO_MORE);
    tls_codec_free(codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading whole, split;

    if (size < 2)
        return 0;
    struct span bytes = span_of((const char *)data + 1, size - 1);
    read_by(bytes, bytes.len, &whole);
    read_by(bytes, data[0] % 64 + 1u, &split);
    invariant(whole.result == split.result && span_eq(whole.name, split.name));
    check_server(bytes, &whole);
    return 0;
}
