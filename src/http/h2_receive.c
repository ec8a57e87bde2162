#include "base/bug.h"
#include "base/mem.h"
#include "http/h2_internal.h"
#include "http/h2_limits.h"

static void cancel_count(struct h2_session *session)
{
    if (session->options.role == H2_SERVER && !h2_flood_cancel(&session->flood, session->now_ms))
        session->is_flooded = true;
}

/* ---- heads ---- */

static struct h2_stream *stream_for_head(struct h2_session *session, const nghttp2_frame *frame)
{
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return h2_stream_find(session, frame->hd.stream_id);
    struct h2_stream *stream = h2_stream_new(session, frame->hd.stream_id);
    invariant(nghttp2_session_set_stream_user_data(session->ng, stream->id, stream) == 0);
    return stream;
}

static enum h2_head_kind head_kind(const struct h2_stream *stream)
{
    if (stream->heard_head)
        return H2_HEAD_TRAILERS;
    return stream->session->options.role == H2_SERVER ? H2_HEAD_REQUEST : H2_HEAD_RESPONSE;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct h2_session *session = ctx;

    (void)ng;
    h2_session_head_drop(session);
    struct h2_stream *stream = stream_for_head(session, frame);
    if (!stream)
        return 0;
    session->head_stream = stream;
    session->head = mem_alloc(sizeof(*session->head));
    h2_head_begin(session->head, head_kind(stream), &session->options.head);
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *ctx)
{
    struct h2_session *session = ctx;

    (void)flags;
    if (!session->head)
        return 0;
    if (h2_head_add(session->head, span_of((const char *)name, name_len),
                    span_of((const char *)value, value_len)))
        return 0;
    for (unsigned i = 1; i < H2_HEAD_EXCESS_CANCELS; i++) /* the last is counted when it closes */
        cancel_count(session);
    /* Given a code here, nghttp2 does not choose its own. */
    (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                    NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* A field that nghttp2 would leave out. Two programs that see different fields are what smuggling is made
 * of: the whole message is refused. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                             void *ctx)
{
    (void)ng, (void)frame, (void)name, (void)name_len;
    (void)value, (void)value_len, (void)flags, (void)ctx;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void malformed(struct h2_session *session, struct h2_stream *stream)
{
    (void)nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, stream->id,
                                    NGHTTP2_PROTOCOL_ERROR);
}

static void request_take(struct h2_session *session, struct h2_stream *stream, bool ends)
{
    struct http_head head;
    int r = h2_head_end_request(session->head, ends, &head);

    if (r == H2_HEAD_MALFORMED) {
        malformed(session, stream);
        return;
    }
    stream->heard_head = true;
    stream->heard_end = ends;
    h2_stream_give(stream);
    if (r == H2_HEAD_OK)
        session->events->on_head(session->ctx, stream, &head);
    else
        session->events->on_bad_head(session->ctx, stream, session->head->fault);
}

static void response_take(struct h2_session *session, struct h2_stream *stream, bool ends)
{
    struct http_head head;

    if (h2_head_end_response(session->head, ends, stream->method, &head) != H2_HEAD_OK) {
        malformed(session, stream);
        return;
    }
    stream->heard_head = head.status >= 200;
    stream->heard_end = ends;
    session->events->on_head(session->ctx, stream, &head);
}

static void trailers_take(struct h2_session *session, struct h2_stream *stream)
{
    uint32_t len;

    if (h2_head_end_trailers(session->head, &len) != H2_HEAD_OK) {
        malformed(session, stream);
        return;
    }
    stream->heard_end = true;
    if (stream->is_given)
        session->events->on_end(session->ctx, stream, session->head->headers, len);
}

static void head_take(struct h2_session *session, bool ends)
{
    struct h2_stream *stream = session->head_stream;

    if (!session->head)
        return;
    h2_flood_earn_head(&session->flood);
    switch (session->head->kind) {
    case H2_HEAD_REQUEST:
        request_take(session, stream, ends);
        break;
    case H2_HEAD_RESPONSE:
        response_take(session, stream, ends);
        break;
    case H2_HEAD_TRAILERS:
        trailers_take(session, stream);
        break;
    }
    h2_session_head_drop(session);
}

/* ---- content, and the rest ---- */

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t stream_id, const uint8_t *data,
                         size_t len, void *ctx)
{
    struct h2_session *session = ctx;
    struct h2_stream *stream = h2_stream_find(session, stream_id);

    (void)flags;
    if (!stream || !stream->is_given) {
        (void)nghttp2_session_consume_connection(ng, len);
        return 0;
    }
    stream->unconsumed += len;
    h2_flood_earn_received(&session->flood);
    session->events->on_data(session->ctx, stream, span_of((const char *)data, len));
    return 0;
}

static void data_take(struct h2_session *session, const nghttp2_frame *frame)
{
    struct h2_stream *stream = h2_stream_find(session, frame->hd.stream_id);
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (!ends || !stream)
        return;
    stream->heard_end = true;
    if (frame->hd.length <= frame->data.padlen)
        h2_flood_earn_received(&session->flood);
    if (stream->is_given)
        session->events->on_end(session->ctx, stream, NULL, 0);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *ctx)
{
    struct h2_session *session = ctx;
    const struct h2_events *events = session->events;
    bool is_ack = frame->hd.flags & NGHTTP2_FLAG_ACK;

    (void)ng;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        head_take(session, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
        break;
    case NGHTTP2_DATA:
        data_take(session, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (!is_ack && events->on_settings)
            events->on_settings(session->ctx);
        break;
    case NGHTTP2_PING:
        if (is_ack && events->on_pong)
            events->on_pong(session->ctx);
        break;
    case NGHTTP2_GOAWAY:
        if (events->on_goaway)
            events->on_goaway(session->ctx, (enum h2_error)frame->goaway.error_code);
        break;
    default:
        break;
    }
    return 0;
}

/* A frame that nghttp2 answers with a reset although there is no stream of ours: a request past the limit
 * of streams, say. */
static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *ctx)
{
    struct h2_session *session = ctx;

    (void)ng, (void)error;
    if (!h2_stream_find(session, frame->hd.stream_id))
        cancel_count(session);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t stream_id, uint32_t error, void *ctx)
{
    struct h2_session *session = ctx;
    struct h2_stream *stream = h2_stream_find(session, stream_id);

    (void)ng;
    if (!stream)
        return 0;
    stream->is_closed = true;
    bool is_complete = h2_stream_is_complete(stream);
    if (is_complete)
        h2_flood_earn_end(&session->flood);
    else
        cancel_count(session);
    if (!stream->is_given)
        h2_stream_drop(stream);
    else if (!is_complete)
        session->events->on_reset(session->ctx, stream, (enum h2_error)error);
    return 0;
}

void h2_receive_callbacks_set(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
