/* http/h2_internal.h
 *
 * Purpose    What the files of the HTTP/2 session share. nghttp2 is seen by them alone.
 * Ownership  A stream's place is found through nghttp2's user data of that stream; it is NULL there as soon
 *            as the user let go, so that nothing of nghttp2's can lead to freed memory. */
#ifndef YETT_HTTP_H2_INTERNAL_H
#define YETT_HTTP_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http/h2_flood.h"
#include "http/h2_frames.h"
#include "http/h2_head.h"
#include "http/h2_session.h"

struct h2_session {
    nghttp2_session *ng;
    struct h2_options options;
    const struct h2_events *events;
    void *ctx;
    struct list streams;  /* all */
    uint32_t streams_len; /* that the user has */
    uint64_t now_ms;
    struct h2_flood flood;
    struct h2_frames frames;
    bool is_flooded;               /* a budget is used up */
    bool is_failed;                /* nothing is read any more */
    struct h2_head *head;          /* that is being read; NULL: none */
    struct h2_stream *head_stream; /* whose it is */
    struct span pending;           /* of nghttp2's output, not taken by the user yet */
    char *out, *out_end;           /* where h2_session_pull() writes now */
    struct h2_stream *writing;     /* whose content is offered now; NULL: nobody's */
};

struct h2_stream {
    struct list link; /* in session->streams */
    struct h2_session *session;
    void *owner;
    int32_t id;
    enum http_method method; /* client: of the request */
    bool is_given;           /* the user has it */
    bool is_let_go;          /* the user had it; only the rest of what he said is to be sent */
    bool is_closed;
    bool heard_head;              /* the request's head, or the final one of an answer */
    bool heard_end;               /* END_STREAM came */
    bool is_ending;               /* the user said the end */
    bool end_is_sent;             /* and it is on its way */
    bool wants_room;              /* on_writable is owed */
    struct span offer;            /* content that is being written, of h2_stream_write()'s caller */
    size_t unconsumed;            /* given to the user, and not credited to the peer yet */
    struct http_header *trailers; /* to be sent, with their texts behind them */
    uint32_t trailers_len;
};

struct h2_stream *h2_stream_new(struct h2_session *session, int32_t id);
/* The user had it. It stays, to send the rest of what he said. */
void h2_stream_let_go(struct h2_stream *stream);
/* Takes it out of the session. */
struct h2_stream *h2_stream_drop(struct h2_stream *stream);
/* The stream behind an id, or NULL. */
struct h2_stream *h2_stream_find(struct h2_session *session, int32_t id);
/* The user has it from now on. */
void h2_stream_give(struct h2_stream *stream);

/* Both sides have said all. */
static inline bool h2_stream_is_complete(const struct h2_stream *stream)
{
    return stream->heard_end && stream->end_is_sent;
}

/* The head that was being read is of no interest any more. */
void h2_session_head_drop(struct h2_session *session);

/* nghttp2's callbacks, of h2_receive.c and h2_send.c. */
void h2_receive_callbacks_set(nghttp2_session_callbacks *callbacks);
void h2_send_callbacks_set(nghttp2_session_callbacks *callbacks);

#endif
