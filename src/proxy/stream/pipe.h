/* proxy/stream/pipe.h
 *
 * Purpose    A buffer that lies in the kernel: bytes of one socket on their way to another, which never
 *            come here (splice(2)).
 * Ownership  The pool lends; pipe_put() returns one and yields NULL. One that still holds bytes is closed,
 *            so that nobody else's stream gets them.
 * Limits     PROXY_PIPES_MAX of a worker, PROXY_SPLICE_BYTES in each. Where there is none to lend, bytes go
 *            through a buffer of ours. */
#ifndef YETT_PROXY_STREAM_PIPE_H
#define YETT_PROXY_STREAM_PIPE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct pipe {
    struct pipe *next; /* in the pool */
    int read_fd, write_fd;
    size_t bytes; /* in it */
};

struct pipe_pool {
    struct pipe *free;
    uint32_t made, max;      /* max 0: lends none */
    uint64_t *spliced_bytes; /* counter of what came out of pipes */
};

void pipe_pool_init(struct pipe_pool *pool, uint64_t *spliced_bytes);
void pipe_pool_deinit(struct pipe_pool *pool);

/* An empty one. NULL: all are lent, or the process is out of descriptors. */
YETT_MUST_USE struct pipe *pipe_take(struct pipe_pool *pool);
struct pipe *pipe_put(struct pipe_pool *pool, struct pipe *pipe);

/* Moves up to `max` bytes from a socket into the pipe, which must be empty: so -EAGAIN is the socket's.
 * Returns their number, 0 where the peer has ended, or -errno. */
YETT_MUST_USE ssize_t pipe_fill(struct pipe *pipe, int socket, size_t max);
/* Moves what is in the pipe to a socket, as much as that takes: more than 0, or -errno. */
YETT_MUST_USE ssize_t pipe_drain(struct pipe_pool *pool, struct pipe *pipe, int socket);

#endif
