#include "proxy/stream/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "proxy/limits.h"
#include "stats/page.h"

/* The worker's sandbox allows these flags and no others. */
enum { SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK };

void pipe_pool_init(struct pipe_pool *pool, uint64_t *spliced_bytes)
{
    *pool = (struct pipe_pool){ .max = PROXY_PIPES_MAX, .spliced_bytes = spliced_bytes };
}

static struct pipe *pipe_new(struct pipe_pool *pool)
{
    int fds[2];

    if (pool->made >= pool->max || pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1)
        return NULL;
    struct pipe *pipe = mem_alloc(sizeof(*pipe));
    *pipe = (struct pipe){ .read_fd = fds[0], .write_fd = fds[1] };
    pool->made++;
    return pipe;
}

static struct pipe *pipe_free(struct pipe_pool *pool, struct pipe *pipe)
{
    close(pipe->read_fd);
    close(pipe->write_fd);
    pool->made--;
    return mem_free(pipe);
}

void pipe_pool_deinit(struct pipe_pool *pool)
{
    while (pool->free) {
        struct pipe *pipe = pool->free;

        pool->free = pipe->next;
        pipe_free(pool, pipe);
    }
}

struct pipe *pipe_take(struct pipe_pool *pool)
{
    struct pipe *pipe = pool->free;

    if (!pipe)
        return pipe_new(pool);
    pool->free = pipe->next;
    return pipe;
}

struct pipe *pipe_put(struct pipe_pool *pool, struct pipe *pipe)
{
    if (!pipe)
        return NULL;
    if (pipe->bytes > 0)
        return pipe_free(pool, pipe);
    pipe->next = pool->free;
    pool->free = pipe;
    return NULL;
}

ssize_t pipe_fill(struct pipe *pipe, int socket, size_t max)
{
    invariant(pipe->bytes == 0);
    ssize_t n = splice(socket, NULL, pipe->write_fd, NULL, max, SPLICE_FLAGS);

    if (n == -1)
        return -errno;
    pipe->bytes = (size_t)n;
    return n;
}

ssize_t pipe_drain(struct pipe_pool *pool, struct pipe *pipe, int socket)
{
    ssize_t n = splice(pipe->read_fd, NULL, socket, NULL, pipe->bytes, SPLICE_FLAGS);

    if (n == -1)
        return -errno;
    invariant(n > 0); /* there is something in it */
    pipe->bytes -= (size_t)n;
    stats_add(pool->spliced_bytes, (uint64_t)n);
    return n;
}
