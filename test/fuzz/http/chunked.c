/* The chunked coding: any split decodes alike, and what was encoded comes back. The first two bytes
 * of the input say how it is split. */
#include "http/chunked.h"
#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct decoded {
    int result;
    struct buf content, trailers;
    size_t consumed;
};

static void decoded_deinit(struct decoded *d)
{
    buf_deinit(&d->content);
    buf_deinit(&d->trailers);
}

static void decode_arrived(struct chunked *decoder, struct span arrived, struct decoded *d)
{
    do {
        struct span rest = span_from(arrived, d->consumed);
        SCOPED(mem_freep) char *block = mem_alloc(rest.len + 1);
        memcpy(block + 1, rest.ptr, rest.len);
        size_t consumed;
        struct span piece;
        d->result = chunked_decode(decoder, span_of(block + 1, rest.len), &consumed, &piece);
        invariant(consumed <= rest.len);
        d->consumed += consumed;
        if (d->result == CHUNKED_PIECE)
            buf_append(&d->content, piece);
        if (d->result == CHUNKED_END)
            buf_append(&d->trailers, piece);
    } while (d->result == CHUNKED_PIECE);
}

static void decode(struct span bytes, size_t first, size_t step, struct decoded *d)
{
    struct chunked decoder = { 0 };
    d->result = CHUNKED_MORE;
    for (size_t len = first; len < bytes.len && d->result == CHUNKED_MORE; len += step)
        decode_arrived(&decoder, span_upto(bytes, len), d);
    if (d->result == CHUNKED_MORE)
        decode_arrived(&decoder, bytes, d);
}

static void check_splits(struct span bytes, size_t first, size_t step)
{
    SCOPED(decoded_deinit) struct decoded whole = { 0 };
    SCOPED(decoded_deinit) struct decoded split = { 0 };

    decode(bytes, bytes.len, 1, &whole);
    decode(bytes, first, step, &split);
    invariant(whole.result == split.result);
    invariant(span_eq(buf_span(&whole.content), buf_span(&split.content)));
    invariant(span_eq(buf_span(&whole.trailers), buf_span(&split.trailers)));
    invariant(whole.result == CHUNKED_BAD || whole.consumed == split.consumed);

    struct http_header headers[16];
    size_t len = chunked_trailers_parse(buf_span(&whole.trailers), headers, ARRAY_LEN(headers));
    for (size_t i = 0; i < len; i++)
        invariant(http_is_token(http_header_name(&headers[i])) && headers[i].id == HTTP_NAME_OTHER);
}

static void check_round_trip(struct span content, size_t first, size_t step)
{
    SCOPED(buf_deinit) struct buf body = { 0 };
    SCOPED(decoded_deinit) struct decoded d = { 0 };

    for (size_t at = 0; at < content.len; at += step) {
        struct span piece = span_upto(span_from(content, at), step);
        char head[CHUNKED_HEAD_MAX];
        buf_append(&body, span_of(head, chunked_encode_head(head, piece.len)));
        buf_append(&body, piece);
        buf_append(&body, SPAN("\r\n"));
    }
    buf_append(&body, SPAN("0\r\n\r\n"));
    decode(buf_span(&body), first, step, &d);
    invariant(d.result == CHUNKED_END);
    invariant(span_eq(buf_span(&d.content), content));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span bytes = span_of((const char *)data + 2, size - 2);
    size_t first = data[0], step = (size_t)data[1] % 32 + 1;

    check_splits(bytes, first, step);
    check_round_trip(bytes, first, step);
    return 0;
}
