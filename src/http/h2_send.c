#include "base/bug.h"
#include "base/mem.h"
#include "base/num.h"
#include "http/h2_internal.h"
#include "http/h2_limits.h"

/* Content goes from where it lies into the user's output in one copy: h2_stream_write() lends the piece to
 * its stream for the time of a pull, nghttp2 asks for it when windows and turns allow, and the frame is
 * written by send_data(). A stream that is asked while nothing is lent is put off (deferred), and its user
 * told, where he waits for that. */

enum { FIELDS_OUT_MAX = HTTP_HEADERS_MAX + 40 };

/* ---- heads ---- */

struct fields_out {
    nghttp2_nv nv[FIELDS_OUT_MAX];
    size_t len;
};

static void field_put(struct fields_out *out, struct span name, struct span value)
{
    invariant(out->len < FIELDS_OUT_MAX);
    out->nv[out->len++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.ptr,
        .value = (uint8_t *)(uintptr_t)value.ptr,
        .namelen = name.len,
        .valuelen = value.len,
    };
}

static void headers_put(struct fields_out *out, const struct http_header *headers, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        field_put(out, http_header_name(&headers[i]), http_header_value(&headers[i]));
}

static ssize_t on_read(nghttp2_session *ng, int32_t stream_id, uint8_t *buf, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *ctx);

static const nghttp2_data_provider content = { .read_callback = on_read };

struct h2_stream *h2_session_request(struct h2_session *session, const struct h2_request *request,
                                     void *owner)
{
    struct fields_out out = { .len = 0 };
    struct h2_stream *stream = h2_stream_new(session, 0);

    invariant(h2_session_capacity(session) > 0);
    field_put(&out, SPAN(":method"), request->method_text);
    field_put(&out, SPAN(":scheme"), request->scheme);
    field_put(&out, SPAN(":authority"), request->authority);
    field_put(&out, SPAN(":path"), request->path);
    headers_put(&out, request->headers, request->headers_len);
    stream->id = nghttp2_submit_request(session->ng, NULL, out.nv, out.len,
                                        request->ends ? NULL : &content, stream);
    invariant(stream->id > 0);
    stream->owner = owner;
    stream->method = request->method;
    stream->is_ending = request->ends;
    h2_stream_give(stream);
    return stream;
}

void h2_stream_respond(struct h2_stream *stream, uint16_t status, const struct http_header *headers,
                       uint32_t headers_len, bool ends)
{
    nghttp2_session *ng = stream->session->ng;
    struct fields_out out = { .len = 0 };
    char digits[20];
    int r;

    invariant(status >= 100 && status < 600 && status != 101);
    if (stream->is_closed || stream->is_ending)
        return;
    field_put(&out, SPAN(":status"), span_of(digits, num_format_u64(digits, status)));
    headers_put(&out, headers, headers_len);
    if (status < 200) {
        r = nghttp2_submit_headers(ng, NGHTTP2_FLAG_NONE, stream->id, NULL, out.nv, out.len, NULL);
    } else {
        r = nghttp2_submit_response(ng, stream->id, out.nv, out.len, ends ? NULL : &content);
        stream->is_ending = ends;
    }
    invariant(r == 0);
}

/* ---- content ---- */

static size_t room_left(const struct h2_session *session)
{
    size_t room = (size_t)(session->out_end - session->out);

    return room > H2_FRAME_HEAD_BYTES ? room - H2_FRAME_HEAD_BYTES : 0;
}

static void room_tell(struct h2_stream *stream)
{
    if (!stream->wants_room || !stream->is_given)
        return;
    stream->wants_room = false;
    stream->session->events->on_writable(stream->session->ctx, stream);
}

/* The last of a stream: nothing, or trailers, which nghttp2 wants to be given right now. */
static ssize_t end_read(struct h2_stream *stream, uint32_t *flags)
{
    struct fields_out out = { .len = 0 };

    if (room_left(stream->session) == 0)
        return NGHTTP2_ERR_PAUSE;
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->trailers_len > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        headers_put(&out, stream->trailers, stream->trailers_len);
        invariant(nghttp2_submit_trailer(stream->session->ng, stream->id, out.nv, out.len) == 0);
    }
    return 0;
}

static ssize_t on_read(nghttp2_session *ng, int32_t stream_id, uint8_t *buf, size_t length,
                       uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct h2_stream *stream = h2_stream_find(ctx, stream_id);

    (void)ng, (void)buf, (void)source;
    if (!stream)
        return NGHTTP2_ERR_DEFERRED;
    if (stream->offer.len > 0) {
        size_t room = room_left(stream->session);
        size_t piece = MIN(stream->offer.len, length);
        if (room < MIN(piece, (size_t)H2_PULL_ROOM_MIN))
            return NGHTTP2_ERR_PAUSE;
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        return (ssize_t)MIN(piece, room);
    }
    if (stream->is_ending)
        return end_read(stream, flags);
    room_tell(stream);
    return NGHTTP2_ERR_DEFERRED;
}

static void out_put(struct h2_session *session, const void *bytes, size_t len)
{
    invariant(len <= (size_t)(session->out_end - session->out));
    if (len > 0)
        memcpy(session->out, bytes, len);
    session->out += len;
}

/* Writes the frame that on_read() promised, for which it saw room. */
static int send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *frame_head,
                     size_t length, nghttp2_data_source *source, void *ctx)
{
    struct h2_session *session = ctx;
    struct h2_stream *stream = h2_stream_find(session, frame->hd.stream_id);

    (void)ng, (void)source;
    invariant(stream && length <= stream->offer.len);
    out_put(session, frame_head, H2_FRAME_HEAD_BYTES);
    out_put(session, stream->offer.ptr, length);
    stream->offer = span_from(stream->offer, length);
    h2_flood_earn_sent(&session->flood, length, stream->offer.len == 0);
    return 0;
}

/* The end of our side went out. */
static void end_note(struct h2_stream *stream)
{
    stream->end_is_sent = true;
    room_tell(stream);
    if (stream->is_let_go && !stream->heard_end) {
        h2_stream_reset(stream, H2_NO_ERROR);
        h2_stream_drop(stream);
    }
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    bool has_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;

    (void)ng;
    if (!has_end || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct h2_stream *stream = h2_stream_find(ctx, frame->hd.stream_id);
    if (stream)
        end_note(stream);
    return 0;
}

/* A head that could not be sent: the stream would wait for it for good. Not so a request: nghttp2 closes its
 * stream as refused, and a reset of what the peer never saw would be the end of the connection (RFC 9113, 6.4). */
static int on_frame_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *ctx)
{
    struct h2_stream *stream = h2_stream_find(ctx, frame->hd.stream_id);

    (void)error;
    if (stream && !stream->is_closed && frame->hd.type == NGHTTP2_HEADERS &&
        frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

void h2_send_callbacks_set(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
}

size_t h2_stream_write(struct h2_stream *stream, struct span piece, char *at, size_t room,
                       size_t *ret_written)
{
    struct h2_session *session = stream->session;

    if (stream->is_closed) {
        *ret_written = h2_session_pull(session, at, room);
        return piece.len;
    }
    invariant(!stream->is_ending && !session->writing);
    stream->offer = piece;
    stream->wants_room = false; /* he is here */
    session->writing = stream;
    (void)nghttp2_session_resume_data(session->ng, stream->id);
    *ret_written = h2_session_pull(session, at, room);
    if (!session->writing) /* an event had him let go of it */
        return piece.len;
    session->writing = NULL;
    size_t taken = piece.len - stream->offer.len;
    stream->offer = SPAN_EMPTY;
    stream->wants_room = taken < piece.len;
    return taken;
}

void h2_stream_end(struct h2_stream *stream, const struct http_header *trailers,
                   uint32_t trailers_len)
{
    if (stream->is_closed || stream->is_ending)
        return;
    stream->is_ending = true;
    stream->trailers = http_headers_dup(trailers, trailers_len);
    stream->trailers_len = trailers_len;
    (void)nghttp2_session_resume_data(stream->session->ng, stream->id);
}

bool h2_stream_is_ended(struct h2_stream *stream)
{
    stream->wants_room = !stream->end_is_sent && !stream->is_closed;
    return stream->end_is_sent;
}

/* ---- windows and ends ---- */

bool h2_stream_is_heard(const struct h2_stream *stream)
{
    return stream->heard_end;
}

void h2_stream_consume(struct h2_stream *stream, size_t bytes)
{
    nghttp2_session *ng = stream->session->ng;

    invariant(bytes <= stream->unconsumed);
    stream->unconsumed -= bytes;
    if (bytes == 0)
        return;
    if (stream->is_closed)
        (void)nghttp2_session_consume_connection(ng, bytes);
    else
        (void)nghttp2_session_consume(ng, stream->id, bytes);
}

bool h2_stream_is_open(const struct h2_stream *stream)
{
    return !stream->is_closed;
}

void h2_stream_reset(struct h2_stream *stream, enum h2_error error)
{
    if (stream->is_closed)
        return;
    nghttp2_session_set_stream_user_data(stream->session->ng, stream->id, NULL);
    (void)nghttp2_submit_rst_stream(stream->session->ng, NGHTTP2_FLAG_NONE, stream->id,
                                    (uint32_t)error);
    stream->is_closed = true;
}

struct h2_stream *h2_stream_free(struct h2_stream *stream)
{
    if (!stream)
        return NULL;
    h2_stream_consume(stream, stream->unconsumed);
    stream->offer = SPAN_EMPTY;
    if (stream->session->writing == stream)
        stream->session->writing = NULL;
    if (stream->session->options.role == H2_SERVER && stream->is_ending && !stream->is_closed &&
        !stream->end_is_sent) {
        h2_stream_let_go(stream);
        return NULL;
    }
    if (!h2_stream_is_complete(stream))
        h2_stream_reset(stream, stream->end_is_sent ? H2_NO_ERROR : H2_CANCEL);
    return h2_stream_drop(stream);
}

void *h2_stream_owner(const struct h2_stream *stream)
{
    return stream->owner;
}

void h2_stream_set_owner(struct h2_stream *stream, void *owner)
{
    stream->owner = owner;
}
