/* An HTTP/2 server's session: whatever comes, what it gives as a request holds together, and could be written
 * as one request of HTTP/1.1. The first byte of the input says how the rest is cut. */
#include "http/h2_session.h"
#include "base/bug.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS_MAX = 8 };

struct user {
    struct h2_stream *streams[STREAMS_MAX];
    unsigned streams_len;
    size_t held; /* bytes of content */
};

static void check_header(const struct http_header *h)
{
    struct span name = http_header_name(h), value = http_header_value(h);

    invariant(http_is_token(name));
    invariant(h->id == http_name_of(name));
    for (size_t i = 0; i < name.len; i++)
        invariant(name.ptr[i] < 'A' || name.ptr[i] > 'Z');
    invariant(span_find(value, '\r') == SPAN_NOT_FOUND && span_find(value, '\n') == SPAN_NOT_FOUND);
    invariant(span_find(value, '\0') == SPAN_NOT_FOUND);
    invariant(span_eq(value, span_trim(value)));
}

static void check_head(const struct http_head *head)
{
    char at[1024];
    struct span normal;
    struct target target;
    bool extended = head->protocol.len > 0;

    for (uint32_t i = 0; i < head->headers_len; i++)
        check_header(&head->headers[i]);
    invariant(http_is_token(head->method_text));
    invariant(head->host.len > 0 && head->host.len <= sizeof(at));
    invariant(host_normalise(head->host, at, &normal) == TARGET_OK);
    invariant(head->names_seen & 1ull << HTTP_HOST);
    if (head->method == HTTP_CONNECT && !extended)
        return;
    invariant(target_parse(head->target, extended ? HTTP_GET : head->method, &target) == TARGET_OK);
    for (size_t i = 0; i < head->target.len; i++)
        invariant((unsigned char)head->target.ptr[i] > ' ' && head->target.ptr[i] != 0x7f);
}

static void stream_take(struct user *user, struct h2_stream *stream)
{
    h2_stream_respond(stream, 200, NULL, 0, false);
    if (user->streams_len == STREAMS_MAX)
        h2_stream_free(stream);
    else
        user->streams[user->streams_len++] = stream;
}

static void on_head(void *ctx, struct h2_stream *stream, const struct http_head *head)
{
    check_head(head);
    stream_take(ctx, stream);
}

static void on_bad_head(void *ctx, struct h2_stream *stream, enum h1_fault fault)
{
    invariant(h1_fault_status(fault) >= 400);
    stream_take(ctx, stream);
}

static void on_data(void *ctx, struct h2_stream *stream, struct span piece)
{
    struct user *user = ctx;

    user->held += piece.len;
    invariant(user->held <= 65535); /* what the windows allow, as long as nothing is consumed */
    if (user->held > 40000) {
        h2_stream_consume(stream, piece.len);
        user->held -= piece.len;
    }
}

static void on_end(void *ctx, struct h2_stream *stream, const struct http_header *trailers,
                   uint32_t trailers_len)
{
    (void)ctx;
    for (uint32_t i = 0; i < trailers_len; i++) {
        check_header(&trailers[i]);
        invariant(http_may_trail(&trailers[i]));
    }
    h2_stream_end(stream, trailers, trailers_len);
    h2_stream_set_owner(stream, ctx); /* nothing more is written */
}

static void on_any(void *ctx, struct h2_stream *stream)
{
    (void)ctx, (void)stream;
}

static void on_reset(void *ctx, struct h2_stream *stream, enum h2_error error)
{
    (void)ctx, (void)error;
    invariant(!h2_stream_is_open(stream));
}

static const struct h2_events events = {
    .on_head = on_head,
    .on_bad_head = on_bad_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_writable = on_any,
    .on_reset = on_reset,
};

/* Lets go of all streams, after a little content. */
static void streams_finish(struct user *user)
{
    for (unsigned i = 0; i < user->streams_len; i++) {
        struct h2_stream *stream = user->streams[i];
        char out[600];
        size_t written;

        if (!h2_stream_owner(stream))
            (void)!h2_stream_write(stream, SPAN("content"), out, sizeof(out), &written);
        if (i % 2 == 0)
            h2_stream_end(stream, NULL, 0);
        h2_stream_free(stream);
    }
    user->streams_len = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_options options = {
        .role = H2_SERVER,
        .streams_max = 16,
        .stream_window_bytes = 65535,
        .connection_window_bytes = 65535,
        .extended_connect = true,
        .head = { .head_bytes = 4096, .target_bytes = 512, .headers = 32 },
    };
    struct user user = { .streams_len = 0 };
    struct h2_session *session = h2_session_new(&options, &events, &user);
    char out[3000];

    if (size > 0) {
        struct span rest = span_of((const char *)data + 1, size - 1);
        size_t step = data[0] % 64 + 1u;
        int r = h2_session_feed(session, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 1000);

        for (size_t at = 0; r == H2_OK && at < rest.len; at += step)
            r = h2_session_feed(session, span_upto(span_from(rest, at), step), 1000);
    }
    while (h2_session_pull(session, out, sizeof(out)) > 0)
        continue;
    streams_finish(&user);
    while (h2_session_pull(session, out, sizeof(out)) > 0)
        continue;
    h2_session_free(session);
    return 0;
}
