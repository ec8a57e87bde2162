/* proxy/body/body_source.h
 *
 * Purpose    Where the content of a message comes from, piece by piece, whatever carries it.
 * Ownership  The source belongs to its side (downstream.h, upstream.h); pieces and trailers borrow from it.
 * Errors     A source_result each. */
#ifndef YETT_PROXY_BODY_BODY_SOURCE_H
#define YETT_PROXY_BODY_BODY_SOURCE_H

#include "base/compiler.h"
#include "http/message.h"

enum source_result {
    SOURCE_PIECE = 0, /* content: *ret_piece */
    SOURCE_WAIT,      /* nothing now: its owner runs the exchange when there is */
    SOURCE_END,       /* all came */
    SOURCE_BAD,       /* malformed framing */
    SOURCE_CUT,       /* ended before it was complete */
    SOURCE_FAILED,    /* the connection is broken, or the stream was reset */
};

struct body_source;
struct stream;

struct body_source_ops {
    /* Looks at what comes next; may read for it. The piece stays where it is until it is consumed. */
    int (*peek)(struct body_source *source, struct span *ret_piece);
    /* Drops `len` bytes of that piece. */
    void (*consume)(struct body_source *source, size_t len);
    /* Where has_trailers is set at SOURCE_END: those that may be passed on (http_may_trail()), at most
     * `max`. They borrow until the source's side goes on. */
    size_t (*trailers)(struct body_source *source, struct http_header *headers, size_t max);
    /* Where is_bulk is set: moves up to `max` bytes of content to a stream past us (stream_splice()) and drops them.
     * Returns how many; 0: peek(). */
    size_t (*splice)(struct body_source *source, struct stream *to, size_t max);
};

struct body_source {
    const struct body_source_ops *ops;
    bool begun;   /* bytes were consumed, content or framing: it cannot be read anew */
    bool is_over; /* where it is known already that peek() says SOURCE_END */
    bool has_trailers;
    bool is_bulk; /* content comes in large amounts that need not be looked at */
};

/* Content that lies in memory, which stays where it is. Never waits. */
struct memory_source {
    struct body_source base;
    struct span rest;
};

void memory_source_init(struct memory_source *source, struct span content);

#endif
