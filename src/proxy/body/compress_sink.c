#include "proxy/body/compress_sink.h"

#include "base/mem.h"
#include "proxy/body/body_source.h"
#include "proxy/limits.h"

/* Coded bytes gather in a buffer until it is full, a flush is due or the end has come: what the next sink
 * makes frames of are pieces of its own size, not the encoder's. */

/* Hands on what is coded. SINK_OK: there is none left. */
static int coded_hand_on(struct compress_sink *sink)
{
    while (iobuf_len(sink->coded) > 0) {
        size_t taken;
        int r = sink->next->ops->write(sink->next, iobuf_span(sink->coded), &taken);

        iobuf_consume(sink->coded, taken);
        sink->sent_bytes += taken;
        if (r != SINK_OK)
            return r;
    }
    sink->coded = iobuf_put(sink->pool, sink->coded);
    return SINK_OK;
}

/* Room for the encoder, if need be by handing on what is there. */
static int room_make(struct compress_sink *sink)
{
    if (sink->coded && iobuf_room(sink->coded) < COMPRESS_ROOM_MIN) {
        int r = coded_hand_on(sink);
        if (r != SINK_OK)
            return r;
    }
    if (!sink->coded)
        sink->coded = iobuf_take(sink->pool);
    return SINK_OK;
}

/* Codes once, into the room that there is. Returns a compress_result. */
static int encode(struct compress_sink *sink, enum compress_then then, struct span bytes,
                  size_t *ret_taken)
{
    struct iobuf *coded = sink->coded;
    size_t made;
    int r = compress_encode(sink->encoder, then, bytes, coded->data + coded->end, iobuf_room(coded),
                            ret_taken, &made);

    coded->end += (uint32_t)made;
    return r;
}

/* Has the encoder give out all that it holds. SINK_OK: done, though it may not be handed on yet. */
static int encode_out(struct compress_sink *sink, enum compress_then then)
{
    size_t none;
    int r;

    do {
        r = room_make(sink);
        if (r != SINK_OK)
            return r;
    } while (encode(sink, then, SPAN_EMPTY, &none) == COMPRESS_FULL);
    return SINK_OK;
}

static int flush_encode(struct compress_sink *sink)
{
    if (!sink->is_behind)
        return SINK_OK;
    sink->is_flushing = true;
    int r = encode_out(sink, COMPRESS_FLUSH);
    if (r == SINK_OK)
        sink->is_behind = sink->is_flushing = false;
    return r;
}

static int sink_write(struct body_sink *base, struct span piece, size_t *ret_taken)
{
    struct compress_sink *sink = container_of(base, struct compress_sink, base);

    *ret_taken = 0;
    int r =
        sink->is_flushing ? flush_encode(sink) : SINK_OK; /* one that was begun is ended first */
    if (r == SINK_OK)
        r = room_make(sink);
    if (r != SINK_OK)
        return r;
    /* What has no room yet is offered again. */
    (void)!encode(sink, COMPRESS_MORE, span_upto(piece, PROXY_COMPRESS_STEP_BYTES), ret_taken);
    sink->is_behind = true;
    return SINK_OK;
}

/* Leaves out what speaks of the content as it was before it was coded. */
static size_t trailers_keep(const struct http_header *trailers, size_t len,
                            struct http_header kept[static HTTP_TRAILERS_MAX])
{
    size_t kept_len = 0;

    for (size_t i = 0; i < len; i++) {
        if (trailers[i].id != HTTP_ETAG && trailers[i].id != HTTP_ACCEPT_RANGES)
            kept[kept_len++] = trailers[i];
    }
    return kept_len;
}

static int sink_end(struct body_sink *base, const struct http_header *trailers, size_t trailers_len)
{
    struct http_header kept[HTTP_TRAILERS_MAX];
    struct compress_sink *sink = container_of(base, struct compress_sink, base);
    int r = sink->is_flushing ? flush_encode(sink) : SINK_OK;

    if (r == SINK_OK && sink->encoder)
        r = encode_out(sink, COMPRESS_END);
    if (r != SINK_OK)
        return r;
    sink->encoder = compress_encoder_free(sink->encoder);
    sink->is_behind = false;
    r = coded_hand_on(sink);
    if (r != SINK_OK)
        return r;
    return sink->next->ops->end(sink->next, kept, trailers_keep(trailers, trailers_len, kept));
}

static int sink_flush(struct body_sink *base)
{
    struct compress_sink *sink = container_of(base, struct compress_sink, base);
    int r = flush_encode(sink);

    if (r == SINK_OK)
        r = coded_hand_on(sink);
    return r == SINK_OK ? sink->next->ops->flush(sink->next) : r;
}

static const struct body_sink_ops compress_sink_ops = {
    .write = sink_write,
    .end = sink_end,
    .flush = sink_flush,
};

struct compress_sink *compress_sink_new(struct compress_encoder *encoder,
                                        enum compress_coding coding, struct iobuf_pool *pool,
                                        struct body_sink *next)
{
    struct compress_sink *sink = mem_alloc(sizeof(*sink));

    *sink = (struct compress_sink){
        .base = { &compress_sink_ops },
        .next = next,
        .encoder = encoder,
        .pool = pool,
        .coding = coding,
    };
    return sink;
}

struct compress_sink *compress_sink_free(struct compress_sink *sink)
{
    if (!sink)
        return NULL;
    compress_encoder_free(sink->encoder);
    iobuf_put(sink->pool, sink->coded);
    return mem_free(sink);
}
