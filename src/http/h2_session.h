/* http/h2_session.h
 *
 * Purpose    One HTTP/2 connection without I/O, in either role: bytes go in and become events, what streams
 *            say comes out as bytes. Windows are opened by the user alone, as content is passed on, so that
 *            a slow side slows the other down.
 * Ownership  The session owns its streams' places, the user each stream that an event or a request gave it,
 *            until h2_stream_free(). Heads and pieces borrow until the event returns.
 * Lifetime   h2_session_new() … h2_session_free(), by when all streams must have been freed. Events come
 *            from within h2_session_feed(), h2_session_pull() and h2_stream_write(); they may call all
 *            h2_stream functions but h2_stream_write(), and of the session's h2_session_request(),
 *            _shutdown_begin(), _shutdown() and _ping(). Even the stream that is being written may be freed.
 * Units      Milliseconds of any clock that does not go back.
 * Limits     http/h2_limits.h; past one the session says GOAWAY ENHANCE_YOUR_CALM and is over.
 * Errors     What the peer did wrong becomes on_reset, or H2_OVER.
 * See        RFC 9113, RFC 8441; docs/internals/http2.md */
#ifndef YETT_HTTP_H2_SESSION_H
#define YETT_HTTP_H2_SESSION_H

#include "http/h1.h"

/* Codes of RST_STREAM and GOAWAY (RFC 9113, 7). */
enum h2_error {
    H2_NO_ERROR,
    H2_PROTOCOL_ERROR,
    H2_INTERNAL_ERROR,
    H2_FLOW_CONTROL_ERROR,
    H2_SETTINGS_TIMEOUT,
    H2_STREAM_CLOSED,
    H2_FRAME_SIZE_ERROR,
    H2_REFUSED_STREAM,
    H2_CANCEL,
    H2_COMPRESSION_ERROR,
    H2_CONNECT_ERROR,
    H2_ENHANCE_YOUR_CALM,
    H2_INADEQUATE_SECURITY,
    H2_HTTP_1_1_REQUIRED,
};

enum h2_role { H2_SERVER, H2_CLIENT };

struct h2_session;
struct h2_stream;

/* on_goaway, on_settings and on_pong may be NULL; so may on_bad_head in the client's role. `ctx` is
 * h2_session_new()'s. */
struct h2_events {
    /* Server: a request; the stream is new and the user's from now on. Client: an answer, or an interim
     * one. head->body is HTTP_BODY_NONE where nothing follows, HTTP_BODY_LENGTH, or HTTP_BODY_CHUNKED where
     * the end is not known; http_head_copy() keeps it. */
    void (*on_head)(void *ctx, struct h2_stream *stream, const struct http_head *head);
    /* Server: a request that was understood as far as to be refused with h1_fault_status(). The stream is
     * the user's likewise. */
    void (*on_bad_head)(void *ctx, struct h2_stream *stream, enum h1_fault fault);
    /* Content, to be kept by the user: never more in all than the window that is open. */
    void (*on_data)(void *ctx, struct h2_stream *stream, struct span piece);
    /* The peer's side of the stream is complete. Not told where that came with the head; told of an answer
     * that cannot have content (head->body is HTTP_BODY_NONE) where it is said apart. Trailers are those that
     * http_may_trail(), HTTP_TRAILERS_MAX at the most. */
    void (*on_end)(void *ctx, struct h2_stream *stream, const struct http_header *trailers,
                   uint32_t trailers_len);
    /* There is room again after h2_stream_write() took less than offered. */
    void (*on_writable)(void *ctx, struct h2_stream *stream);
    /* The stream ended before its time: reset by the peer, or by us for what the peer did, or not accepted
     * (H2_REFUSED_STREAM: nothing of it was processed). Nothing comes of it any more. */
    void (*on_reset)(void *ctx, struct h2_stream *stream, enum h2_error error);
    /* The peer takes no new streams; those that it will not process are reset next. */
    void (*on_goaway)(void *ctx, enum h2_error error);
    /* The peer's SETTINGS came: h2_session_capacity() may have changed. */
    void (*on_settings)(void *ctx);
    void (*on_pong)(void *ctx); /* the answer to h2_session_ping() */
};

struct h2_options {
    enum h2_role role;
    uint32_t streams_max;             /* server: that the client may have open */
    uint32_t stream_window_bytes;     /* content received and not consumed, of a stream */
    uint32_t connection_window_bytes; /* and in all; at least 65535 */
    bool extended_connect;            /* server: RFC 8441 is offered */
    struct h1_limits head;            /* of heads that come */
};

enum h2_result {
    H2_OK = 0,
    H2_OVER, /* an error, a flood, or all is said: send what h2_session_pull() still has, and close */
};

struct h2_session *h2_session_new(const struct h2_options *options, const struct h2_events *events,
                                  void *ctx);
struct h2_session *h2_session_free(struct h2_session *session);

/* Takes all of `bytes`. The server's begin with the client's preface. */
YETT_MUST_USE int h2_session_feed(struct h2_session *session, struct span bytes, uint64_t now_ms);
/* Writes what is to be sent to `at`, up to `room` bytes; returns how many. To be called until 0: with little
 * room (H2_PULL_ROOM_MIN) content waits. */
YETT_MUST_USE size_t h2_session_pull(struct h2_session *session, char *at, size_t room);
/* Whether h2_session_pull() has something to say (it may find that it has not). */
bool h2_session_has_output(const struct h2_session *session);
/* Nothing will be read or said any more, once h2_session_pull() has been emptied. */
bool h2_session_is_over(const struct h2_session *session);

/* Tells the peer to begin no more streams; those that are on their way are still taken (RFC 9113, 6.8). */
void h2_session_shutdown_begin(struct h2_session *session);
/* Tells the peer which streams were the last; later ones are not looked at. With an error the session is
 * over, without one when its streams are. */
void h2_session_shutdown(struct h2_session *session, enum h2_error error);
void h2_session_ping(struct h2_session *session);
uint32_t h2_session_streams(const struct h2_session *session); /* that the user has */

/* ---- client ---- */

/* How many more requests may be begun now; 0 also for good, after on_goaway. */
uint32_t h2_session_capacity(const struct h2_session *session);

struct h2_request {
    enum http_method method; /* of method_text: on it depends how an answer ends */
    struct span method_text, scheme, authority, path;
    const struct http_header *headers; /* in any case; they are sent in lower case */
    uint32_t headers_len;
    bool ends; /* neither content nor trailers follow */
};

/* Begins a stream. All of `request` is copied. There must be capacity. */
struct h2_stream *h2_session_request(struct h2_session *session, const struct h2_request *request,
                                     void *owner);

/* ---- server ---- */

/* Answers: any number of interim heads (status below 200, never 101), then one final. */
void h2_stream_respond(struct h2_stream *stream, uint16_t status, const struct http_header *headers,
                       uint32_t headers_len, bool ends);

/* ---- a stream, in either role ---- */

/* Offers content, and pulls: what is to be sent, of this and other streams, is written to `at` as by
 * h2_session_pull(). *ret_written bytes were; of `piece`, the returned number was taken. Where that is less
 * than offered, for want of room or because the peer's windows are shut, nothing of it is kept: on_writable
 * tells when to offer it again. A stream that is closed, or that an event had its user let go of meanwhile, takes
 * all and drops it. */
YETT_MUST_USE size_t h2_stream_write(struct h2_stream *stream, struct span piece, char *at,
                                     size_t room, size_t *ret_written);
/* All content was written; trailers (copied) follow it. */
void h2_stream_end(struct h2_stream *stream, const struct http_header *trailers,
                   uint32_t trailers_len);
/* Our side is complete: all that was written, and the end, has been pulled. Where not, and the stream is
 * open, on_writable tells when it may be. */
bool h2_stream_is_ended(struct h2_stream *stream);
/* The peer's side is complete. */
bool h2_stream_is_heard(const struct h2_stream *stream);
/* So much of what on_data gave was passed on: the peer may send as much again. */
void h2_stream_consume(struct h2_stream *stream, size_t bytes);
/* No effect on a stream that is closed. No event follows. */
void h2_stream_reset(struct h2_stream *stream, enum h2_error error);
/* Lets go of the stream, and resets it where it is not complete: with NO_ERROR by a server that has answered
 * in full, else with CANCEL. */
struct h2_stream *h2_stream_free(struct h2_stream *stream);

/* Neither reset nor complete in both directions. */
bool h2_stream_is_open(const struct h2_stream *stream);
void *h2_stream_owner(const struct h2_stream *stream);
void h2_stream_set_owner(struct h2_stream *stream, void *owner);

#endif
