/* proxy/stream/iobuf.h
 *
 * Purpose    Buffers of a connection: bytes [start, end) of `data` are used. Taken when bytes come,
 *            given back when none are left, so that an idle connection holds none. What need not be
 *            looked at may take a pipe instead (pipe.h).
 * Ownership  The pool lends; iobuf_put() returns one and yields NULL.
 * Limits     Two sizes: PROXY_BUFFER_BYTES and PROXY_BUFFER_LARGE_BYTES. */
#ifndef YETT_PROXY_STREAM_IOBUF_H
#define YETT_PROXY_STREAM_IOBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "proxy/stream/pipe.h"

struct iobuf {
    struct iobuf *next; /* in the pool */
    uint32_t start, end, cap;
    char data[];
};

struct iobuf_pool {
    struct iobuf *free;
    uint32_t free_len;
    uint32_t lent; /* all sizes */
    size_t lent_bytes;
    struct pipe_pool pipes; /* none, unless pipe_pool_init() was called */
};

void iobuf_pool_deinit(struct iobuf_pool *pool);
struct iobuf *iobuf_take(struct iobuf_pool *pool);
struct iobuf *iobuf_take_large(struct iobuf_pool *pool);
/* The smaller one that has room for `bytes`, which are no more than fit into a large one. */
struct iobuf *iobuf_take_for(struct iobuf_pool *pool, size_t bytes);
struct iobuf *iobuf_put(struct iobuf_pool *pool, struct iobuf *buf);

/* Moves the content into a large buffer and gives `buf` back; a large one is only compacted. */
struct iobuf *iobuf_enlarge(struct iobuf_pool *pool, struct iobuf *buf);

static inline struct span iobuf_span(const struct iobuf *buf)
{
    return span_of(buf->data + buf->start, buf->end - buf->start);
}

static inline size_t iobuf_len(const struct iobuf *buf)
{
    return buf ? buf->end - buf->start : 0;
}

static inline size_t iobuf_room(const struct iobuf *buf)
{
    return buf->cap - buf->end;
}

/* Drops `len` bytes from the front. */
static inline void iobuf_consume(struct iobuf *buf, size_t len)
{
    buf->start += (uint32_t)len;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}

/* Moves the content to the front, to make room at the end. */
void iobuf_compact(struct iobuf *buf);
/* Appends all of `bytes`, for which there must be room. */
void iobuf_append(struct iobuf *buf, struct span bytes);

#endif
