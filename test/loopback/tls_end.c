#include "tls_end.h"

#include <stdlib.h>

#include "base/clock.h"

static struct tls_context *context_choose(void *ctx, struct span server_name)
{
    (void)server_name;
    return ctx;
}

static void pending_send(struct rig *rig, struct tls_end *tls)
{
    struct span pending = tls_codec_pending(tls->codec);

    if (pending.len == 0 || tls->end.ended)
        return;
    end_send_bytes(rig, &tls->end, pending);
    tls_codec_sent(tls->codec, pending.len);
}

/* Hears what came, and says what follows from it. False: nothing came. */
static bool exchange(struct rig *rig, struct tls_end *tls)
{
    size_t len;

    rig_settle(rig);
    end_receive(&tls->end);
    bool came = tls->end.got.len > 0;
    size_t taken = tls_codec_feed(tls->codec, buf_span(&tls->end.got));
    assert_int_equal(taken, tls->end.got.len);
    tls->end.got.len = 0;
    while (tls_codec_read(tls->codec, buf_reserve(&tls->plain, 4096), 4096, &len) == TLS_CODEC_OK)
        tls->plain.len += len;
    pending_send(rig, tls);
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
    while ((r = tls_codec_step(tls->codec)) == TLS_CODEC_WANT_INPUT && rig_wait(rig, start_ns))
        exchange(rig, tls);
    assert_int_equal(r, TLS_CODEC_OK);
    pending_send(rig, tls);
}

void tls_end_accept(struct tls_end *tls, struct end end, struct tls_context *context)
{
    *tls = (struct tls_end){ .end = end, .codec = tls_codec_new(context, context_choose, context) };
}

void tls_end_close(struct tls_end *tls)
{
    tls->codec = tls_codec_free(tls->codec);
    buf_deinit(&tls->plain);
    end_close(&tls->end);
}

void tls_end_settle(struct rig *rig, struct tls_end *tls)
{
    for (unsigned silent = 0; silent < 3;)
        silent = exchange(rig, tls) ? 0 : silent + 1;
}

void tls_end_send(struct rig *rig, struct tls_end *tls, const char *text)
{
    size_t taken = 0;

    assert_int_equal(tls_codec_write(tls->codec, span_from_str(text), &taken), TLS_CODEC_OK);
    assert_int_equal(taken, strlen(text));
    pending_send(rig, tls);
}

void tls_end_expect_head(struct rig *rig, struct tls_end *tls, const char *start)
{
    uint64_t start_ns = clock_mono_ns();

    tls_end_settle(rig, tls);
    while (!span_ends_with(buf_span(&tls->plain), SPAN("\r\n\r\n")) && rig_wait(rig, start_ns))
        exchange(rig, tls);
    struct span got = buf_span(&tls->plain);
    if (!span_starts_with(got, span_from_str(start)) || !span_ends_with(got, SPAN("\r\n\r\n")))
        fail_msg("expected \"%s…\", got \"%.*s\"", start, SPAN_ARG(got));
    tls->plain.len = 0;
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
    while (!is_whole(tls) && rig_wait(rig, start_ns))
        exchange(rig, tls);
    if (!is_whole(tls))
        fail_msg("no whole answer: \"%.*s\"", SPAN_ARG(buf_span(&tls->plain)));
    return (unsigned)strtoul(tls->plain.ptr + sizeof("HTTP/1.1 ") - 1, NULL, 10);
}
