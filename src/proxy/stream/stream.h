/* proxy/stream/stream.h
 *
 * Purpose    One connection's bytes, in the clear or under TLS: fill `in`, send through `out`. Knows
 *            nothing of HTTP.
 * Ownership  The stream owns its descriptor, codec and buffers; it borrows loop and pool.
 * Lifetime   stream_init() … stream_close(). Embedded in client and upstream connections.
 * Errors     enum stream_result; a socket's error ends as STREAM_FAILED with stream->error set. */
#ifndef YETT_PROXY_STREAM_STREAM_H
#define YETT_PROXY_STREAM_STREAM_H

#include "base/compiler.h"
#include "net/loop.h"
#include "proxy/stream/iobuf.h"
#include "tls/codec.h"

enum stream_result {
    STREAM_OK = 0,
    STREAM_WAIT,   /* nothing more now: the loop will tell */
    STREAM_END,    /* the peer sends no more */
    STREAM_FAILED, /* the connection is broken */
};

struct stream {
    struct loop_watch watch;
    struct loop *loop;
    struct iobuf_pool *pool;
    struct tls_codec *tls;    /* NULL: in the clear */
    struct iobuf *in;         /* received, not consumed yet; NULL: nothing */
    struct pipe *pipe;        /* to be sent before `out`; NULL: nothing */
    struct iobuf *out;        /* to be sent; NULL: nothing */
    int error;                /* -errno of what broke it; 0: none */
    bool may_read, may_write; /* edge-triggered: until EAGAIN or a short count says otherwise */
    bool peer_ended;          /* the kernel said so (or TLS: close_notify) */
    bool output_ended;        /* we sent our end */
    bool output_failed;       /* the error is one of sending: what came before it can be read */
    bool connecting;
    bool handshake_done; /* TLS */
    bool tls_ended;      /* close_notify came */
};

/* Takes `fd`; watches it. Returns 0 or -errno (then `fd` is closed). */
YETT_MUST_USE int stream_init(struct stream *stream, struct loop *loop, struct iobuf_pool *pool,
                              int fd, void (*on_events)(struct loop_watch *watch, uint32_t events));
/* Closes at once; what waits in `out` is lost. May be called twice. */
void stream_close(struct stream *stream);

/* TLS from now on, by `codec`, which is the stream's; what was received already is its first input. False:
 * that is more than can be the beginning of a handshake. */
YETT_MUST_USE bool stream_begin_tls(struct stream *stream, struct tls_codec *codec);

/* Takes note of what the loop told. To be called first in on_events. */
void stream_note_events(struct stream *stream, uint32_t events);

/* Drives a TLS handshake. STREAM_OK: it is done, or there is none to be done. */
YETT_MUST_USE int stream_handshake(struct stream *stream);

/* Reads into `in`, as much as has room: STREAM_OK when bytes were added (or none had room). */
YETT_MUST_USE int stream_fill(struct stream *stream);

/* After STREAM_END under TLS: the peer did not say that this is its end. Anybody on the way may have cut it off
 * (RFC 8446, 6.1). */
static inline bool stream_was_cut(const struct stream *stream)
{
    return stream->tls && !stream->tls_ended;
}

/* Sends `bytes`, after what waits in `out`; *ret_taken of them were taken (sent, or under TLS
 * encrypted). Never queues in `out`. */
YETT_MUST_USE int stream_send(struct stream *stream, struct span bytes, size_t *ret_taken);

/* Moves up to `max` bytes that `from` has received, not read yet, past us into the output of `to`, where
 * nothing may wait: stream_flush() sends them. Both in the clear. Returns how many; 0: that is not the way
 * for what comes next, be it bytes, nothing now, or an end, and stream_fill() tells which. */
YETT_MUST_USE size_t stream_splice(struct stream *to, struct stream *from, size_t max);

/* Sends what waits in pipe and `out` and under TLS. STREAM_OK: all is sent. */
YETT_MUST_USE int stream_flush(struct stream *stream);
/* Bytes of all of these that wait. */
size_t stream_output_bytes(const struct stream *stream);
static inline bool stream_has_output(const struct stream *stream)
{
    return stream_output_bytes(stream) > 0;
}

/* `out`, made if there is none. */
struct iobuf *stream_out(struct stream *stream);
/* Likewise, with room for `bytes` more: a large buffer takes over where needed. */
struct iobuf *stream_out_room(struct stream *stream, size_t bytes);

/* Gives empty buffers back. */
void stream_relax(struct stream *stream);

/* Sends our end (FIN; under TLS close_notify first) once `out` is sent. */
void stream_end_output(struct stream *stream);

#endif
