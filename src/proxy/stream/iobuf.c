#include "proxy/stream/iobuf.h"

#include "base/bug.h"
#include "base/mem.h"
#include "proxy/limits.h"

static struct iobuf *iobuf_new(uint32_t cap)
{
    struct iobuf *buf = mem_alloc(sizeof(*buf) + cap);

    buf->next = NULL;
    buf->start = buf->end = 0;
    buf->cap = cap;
    return buf;
}

void iobuf_pool_deinit(struct iobuf_pool *pool)
{
    while (pool->free) {
        struct iobuf *buf = pool->free;
        pool->free = buf->next;
        mem_free(buf);
    }
    pool->free_len = 0;
    pipe_pool_deinit(&pool->pipes);
}

struct iobuf *iobuf_take(struct iobuf_pool *pool)
{
    struct iobuf *buf = pool->free;

    pool->lent++;
    pool->lent_bytes += PROXY_BUFFER_BYTES;
    if (!buf)
        return iobuf_new(PROXY_BUFFER_BYTES);
    pool->free = buf->next;
    pool->free_len--;
    buf->start = buf->end = 0;
    return buf;
}

struct iobuf *iobuf_take_large(struct iobuf_pool *pool)
{
    pool->lent++;
    pool->lent_bytes += PROXY_BUFFER_LARGE_BYTES;
    return iobuf_new(PROXY_BUFFER_LARGE_BYTES);
}

struct iobuf *iobuf_take_for(struct iobuf_pool *pool, size_t bytes)
{
    return bytes <= PROXY_BUFFER_BYTES ? iobuf_take(pool) : iobuf_take_large(pool);
}

struct iobuf *iobuf_put(struct iobuf_pool *pool, struct iobuf *buf)
{
    if (!buf)
        return NULL;
    pool->lent--;
    pool->lent_bytes -= buf->cap;
    if (buf->cap != PROXY_BUFFER_BYTES || pool->free_len >= PROXY_BUFFERS_KEPT)
        return mem_free(buf);
    buf->next = pool->free;
    pool->free = buf;
    pool->free_len++;
    return NULL;
}

struct iobuf *iobuf_enlarge(struct iobuf_pool *pool, struct iobuf *buf)
{
    if (buf->cap == PROXY_BUFFER_LARGE_BYTES) {
        iobuf_compact(buf);
        return buf;
    }
    struct iobuf *large = iobuf_take_large(pool);
    iobuf_append(large, iobuf_span(buf));
    iobuf_put(pool, buf);
    return large;
}

void iobuf_compact(struct iobuf *buf)
{
    if (buf->start == 0)
        return;
    memmove(buf->data, buf->data + buf->start, buf->end - buf->start);
    buf->end -= buf->start;
    buf->start = 0;
}

void iobuf_append(struct iobuf *buf, struct span bytes)
{
    invariant(bytes.len <= iobuf_room(buf));
    if (bytes.len)
        memcpy(buf->data + buf->end, bytes.ptr, bytes.len);
    buf->end += (uint32_t)bytes.len;
}
