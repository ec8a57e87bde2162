/* proxy/stream/h2_link.h
 *
 * Purpose    A session of HTTP/2 on a stream, towards clients and towards backends alike: what comes is fed
 *            to the session, what its streams say is gathered and sent once a turn.
 * Ownership  Owns the session, borrows the stream. Whoever embeds the link is told by `run` when there is
 *            something to send, and calls h2_link_read() and h2_link_flush() then, as for the stream's own
 *            events.
 * Lifetime   h2_link_init() … h2_link_deinit(), by when all streams of the session must have been freed.
 * Limits     Nothing is read while output waits for a peer that does not take it: answers to PINGs do not
 *            pile up. PROXY_H2_READ_BURST reads in a row.
 * Errors     enum stream_result. */
#ifndef YETT_PROXY_STREAM_H2_LINK_H
#define YETT_PROXY_STREAM_H2_LINK_H

#include "http/h2_session.h"
#include "proxy/stream/stream.h"

struct h2_link {
    struct stream *stream;
    struct h2_session *session;
    struct loop_task task; /* runs after others had their turn */
    bool is_over;          /* the session said so: what is left is to be sent, nothing is read */
};

void h2_link_init(struct h2_link *link, struct stream *stream, const struct h2_options *options,
                  const struct h2_events *events, void *ctx, void (*run)(struct loop_task *task));
void h2_link_deinit(struct h2_link *link);

/* There is something to send, or to read: `run` is called this turn. */
void h2_link_rouse(struct h2_link *link);

/* Reads and feeds, which brings events. STREAM_OK: there may be more, others first. After link->is_over
 * nothing is read any more: STREAM_END. */
YETT_MUST_USE int h2_link_read(struct h2_link *link);
/* Sends what the session has to say. STREAM_OK: all of it. */
YETT_MUST_USE int h2_link_flush(struct h2_link *link);

/* Frames what there is into the stream's output, as far as there is room, without sending it. */
void h2_link_frame(struct h2_link *link);
/* Frames content into the stream's output, which is sent where it is full; *ret_taken of it was taken.
 * STREAM_OK: all. STREAM_WAIT: on_writable tells when to offer the rest. */
YETT_MUST_USE int h2_link_write(struct h2_link *link, struct h2_stream *stream, struct span piece,
                                size_t *ret_taken);

#endif
