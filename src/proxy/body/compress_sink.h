/* proxy/body/compress_sink.h
 *
 * Purpose    A sink before another one, which applies a content coding to what passes.
 * Ownership  Owns its encoder, and a buffer while there are coded bytes that the next sink has not taken.
 *            Borrows the next sink and the pool.
 * Lifetime   compress_sink_new() … compress_sink_free(). The encoder is gone once the end is coded, however
 *            slowly that is taken.
 * See        body_sink.h, compress/encoder.h */
#ifndef YETT_PROXY_BODY_COMPRESS_SINK_H
#define YETT_PROXY_BODY_COMPRESS_SINK_H

#include "compress/encoder.h"
#include "proxy/body/body_sink.h"
#include "proxy/stream/iobuf.h"

struct compress_sink {
    struct body_sink base;
    struct body_sink *next;
    struct compress_encoder *encoder; /* NULL: the end is coded */
    struct iobuf_pool *pool;
    struct iobuf *coded; /* NULL: nothing */
    enum compress_coding coding;
    bool is_behind;      /* the encoder may hold back some of what it took */
    bool is_flushing;    /* it was told not to, and is not done */
    uint64_t sent_bytes; /* coded, taken by the next sink */
};

/* Takes the encoder, which is one of `coding`. */
struct compress_sink *compress_sink_new(struct compress_encoder *encoder,
                                        enum compress_coding coding, struct iobuf_pool *pool,
                                        struct body_sink *next);
struct compress_sink *compress_sink_free(struct compress_sink *sink);

#endif
