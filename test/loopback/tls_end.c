#include "tls_end.h"

#include <stdlib.h>

#include "base/clock.h"

enum { PATIENCE_NS = 2000000000 };

static void ciphertext_send(struct rig *rig, struct tls_end *tls)
{
    struct span pending = tls_codec_pending(tls->codec);

    if (pending.len > 0)
        end_send_bytes(rig, &tls->end, pending);
    tls_codec_sent(tls->codec, pending.len);
}

/* True: something came. */
static bool ciphertext_take(struct rig *rig, struct tls_end *tls)
{
    rig_settle(rig);
    end_receive(&tls->end);
    size_t taken = tls_codec_feed(tls->codec, buf_span(&tls->end.got));
    bool came = tls->end.got.len > 0;
    assert_int_equal(taken, tls->end.got.len);
    tls->end.got.len = 0;
    return came;
}

void tls_end_open(struct rig *rig, struct tls_end *tls, const char *server_name,
                  const struct tls_pair_pem *pair)
{
    const struct tls_client client = {
        .server_name = span_from_str(server_name),
        .pair = pair ? *pair : (struct tls_pair_pem){ SPAN_EMPTY, SPAN_EMPTY },
    };
    struct tls_context *context = NULL;
    uint64_t start_ns = clock_mono_ns();
    int r;

    *tls = (struct tls_end){ .end = rig_client(rig, PROC_LISTEN_HTTPS) };
    assert_int_equal(tls_context_new_client(&client, &context), TLS_CONTEXT_OK);
    tls->codec = tls_codec_new_client(context, 0);
    tls_context_unref(context);
    while ((r = tls_codec_step(tls->codec)) == TLS_CODEC_WANT_INPUT &&
           clock_mono_ns() - start_ns < PATIENCE_NS) {
        ciphertext_send(rig, tls);
        ciphertext_take(rig, tls);
    }
    assert_int_equal(r, TLS_CODEC_OK);
    ciphertext_send(rig, tls);
}

void tls_end_close(struct tls_end *tls)
{
    tls->codec = tls_codec_free(tls->codec);
    buf_deinit(&tls->plain);
    end_close(&tls->end);
}

void tls_end_send(struct rig *rig, struct tls_end *tls, const char *text)
{
    size_t taken = 0;

    assert_int_equal(tls_codec_write(tls->codec, span_from_str(text), &taken), TLS_CODEC_OK);
    assert_int_equal(taken, strlen(text));
    ciphertext_send(rig, tls);
}

static void plain_take(struct tls_end *tls)
{
    size_t len;

    while (tls_codec_read(tls->codec, buf_reserve(&tls->plain, 4096), 4096, &len) == TLS_CODEC_OK)
        tls->plain.len += len;
}

/* A head, and as much of a body as it says. */
static bool is_whole(const struct tls_end *tls)
{
    struct span got = buf_span(&tls->plain);
    const char *end = memmem(got.ptr, got.len, "\r\n\r\n", 4);
    const char *length = memmem(got.ptr, got.len, "Content-Length: ", 16);

    return end && length && got.len >= (size_t)(end - got.ptr) + 4 + strtoul(length + 16, NULL, 10);
}

unsigned tls_end_answer(struct rig *rig, struct tls_end *tls)
{
    uint64_t start_ns = clock_mono_ns();

    tls->plain.len = 0;
    while (!is_whole(tls) && clock_mono_ns() - start_ns < PATIENCE_NS) {
        ciphertext_take(rig, tls);
        plain_take(tls);
    }
    if (!is_whole(tls))
        fail_msg("no whole answer: \"%.*s\"", (int)tls->plain.len, tls->plain.ptr);
    return (unsigned)strtoul(tls->plain.ptr + sizeof("HTTP/1.1 ") - 1, NULL, 10);
}
