#include "base/bug.h"
#include "base/mem.h"
#include "http/h2_internal.h"
#include "http/h2_limits.h"

/* nghttp2 knows frames, HPACK, the states of streams and the windows. The session around it knows what a
 * message is and what a peer may cost: h2_receive.c makes events of what comes, h2_send.c frames of what
 * streams say, h2_flood.c keeps the accounts. */

struct h2_stream *h2_stream_find(struct h2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session->ng, id);
}

struct h2_stream *h2_stream_new(struct h2_session *session, int32_t id)
{
    struct h2_stream *stream = mem_alloc_zero(sizeof(*stream));

    stream->session = session;
    stream->id = id;
    stream->offer = SPAN_EMPTY;
    list_push_back(&session->streams, &stream->link);
    return stream;
}

void h2_stream_give(struct h2_stream *stream)
{
    stream->is_given = true;
    stream->session->streams_len++;
}

static void taken_back(struct h2_stream *stream)
{
    if (stream->is_given)
        stream->session->streams_len--;
    stream->is_given = false;
}

void h2_stream_let_go(struct h2_stream *stream)
{
    taken_back(stream);
    stream->is_let_go = true;
}

struct h2_stream *h2_stream_drop(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;

    if (session->head_stream == stream)
        h2_session_head_drop(session);
    if (!stream->is_closed)
        nghttp2_session_set_stream_user_data(session->ng, stream->id, NULL);
    taken_back(stream);
    list_remove(&stream->link);
    mem_free(stream->trailers);
    return mem_free(stream);
}

void h2_session_head_drop(struct h2_session *session)
{
    session->head_stream = NULL;
    if (!session->head)
        return;
    h2_head_deinit(session->head);
    session->head = mem_free(session->head);
}

/* ---- life ---- */

static nghttp2_option *options_make(void)
{
    nghttp2_option *option;

    invariant(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    /* Closed streams are kept for the sake of priorities, which RFC 9113 has dropped. */
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, H2_STREAMS_BEFORE_SETTINGS);
    nghttp2_option_set_max_outbound_ack(option, H2_ACKS_MAX);
    nghttp2_option_set_max_continuations(option, H2_CONTINUATIONS_MAX);
    nghttp2_option_set_max_send_header_block_length(option, H2_HEAD_OUT_BYTES_MAX);
    /* h2_flood.c counts resets by what they cost; nghttp2's own count knows no honest ones. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX / 2, UINT64_MAX / 2);
    return option;
}

static void session_make(struct h2_session *session)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option = options_make();

    invariant(nghttp2_session_callbacks_new(&callbacks) == 0);
    h2_receive_callbacks_set(callbacks);
    h2_send_callbacks_set(callbacks);
    int r = session->options.role == H2_SERVER
                ? nghttp2_session_server_new2(&session->ng, callbacks, session, option)
                : nghttp2_session_client_new2(&session->ng, callbacks, session, option);
    invariant(r == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
}

/* What we tell the peer first. */
static void settings_say(struct h2_session *session)
{
    const struct h2_options *options = &session->options;
    nghttp2_settings_entry entries[5] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options->stream_window_bytes },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)options->head.head_bytes },
    };
    size_t len = 2;

    if (options->role == H2_SERVER) {
        entries[len++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                                   options->streams_max };
        entries[len++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 };
        if (options->extended_connect)
            entries[len++] =
                (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 };
    } else {
        entries[len++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
    }
    invariant(nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, entries, len) == 0);
    invariant(nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0,
                                                    (int32_t)options->connection_window_bytes) ==
              0);
}

struct h2_session *h2_session_new(const struct h2_options *options, const struct h2_events *events,
                                  void *ctx)
{
    struct h2_session *session = mem_alloc_zero(sizeof(*session));

    session->options = *options;
    session->events = events;
    session->ctx = ctx;
    session->pending = SPAN_EMPTY;
    if (options->role == H2_SERVER)
        session->frames.payload_left = NGHTTP2_CLIENT_MAGIC_LEN;
    else
        session->frames.are_answers = true;
    list_init(&session->streams);
    session_make(session);
    settings_say(session);
    return session;
}

struct h2_session *h2_session_free(struct h2_session *session)
{
    if (!session)
        return NULL;
    invariant(session->streams_len == 0);
    h2_session_head_drop(session);
    list_for_each_safe (it, &session->streams)
        h2_stream_drop(list_entry(it, struct h2_stream, link));
    nghttp2_session_del(session->ng);
    return mem_free(session);
}

/* ---- bytes in ---- */

static enum h2_error error_of(const struct h2_session *session, ssize_t fault)
{
    if (session->is_flooded || fault == NGHTTP2_ERR_FLOODED ||
        fault == NGHTTP2_ERR_TOO_MANY_SETTINGS || fault == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        return H2_ENHANCE_YOUR_CALM;
    if (fault == NGHTTP2_ERR_BAD_CLIENT_MAGIC || session->frames.is_unexpected)
        return H2_PROTOCOL_ERROR;
    return H2_INTERNAL_ERROR;
}

static void session_fail(struct h2_session *session, enum h2_error error)
{
    if (session->is_failed)
        return;
    session->is_failed = true;
    (void)nghttp2_session_terminate_session(session->ng, (uint32_t)error);
}

int h2_session_feed(struct h2_session *session, struct span bytes, uint64_t now_ms)
{
    session->now_ms = now_ms;
    if (session->is_failed)
        return H2_OVER;

    session->flood.frames += h2_frames_read(&session->frames, bytes);
    ssize_t taken = nghttp2_session_mem_recv(session->ng, (const uint8_t *)bytes.ptr, bytes.len);
    if (!h2_flood_settle(&session->flood, now_ms))
        session->is_flooded = true;
    if (taken < 0 || session->is_flooded || session->frames.is_unexpected) {
        session_fail(session, error_of(session, taken));
        return H2_OVER;
    }
    return nghttp2_session_want_read(session->ng) ? H2_OK : H2_OVER;
}

/* ---- bytes out ---- */

static void pending_take(struct h2_session *session)
{
    size_t len = MIN(session->pending.len, (size_t)(session->out_end - session->out));

    if (len == 0)
        return;
    memcpy(session->out, session->pending.ptr, len);
    session->out += len;
    session->pending = span_from(session->pending, len);
}

size_t h2_session_pull(struct h2_session *session, char *at, size_t room)
{
    ssize_t len = 0;

    session->out = at;
    session->out_end = at + room;
    do {
        const uint8_t *bytes;

        pending_take(session);
        if (session->pending.len > 0)
            break;
        /* DATA is written by h2_send.c itself, meanwhile. */
        len = nghttp2_session_mem_send(session->ng, &bytes);
        if (len > 0)
            session->pending = span_of((const char *)bytes, (size_t)len);
    } while (len > 0);
    if (len < 0 || session->is_flooded)
        session_fail(session, error_of(session, len));
    return (size_t)(session->out - at);
}

bool h2_session_has_output(const struct h2_session *session)
{
    return session->pending.len > 0 || nghttp2_session_want_write(session->ng);
}

bool h2_session_is_over(const struct h2_session *session)
{
    if (h2_session_has_output(session))
        return false;
    return session->is_failed || !nghttp2_session_want_read(session->ng);
}

/* ---- the end ---- */

void h2_session_shutdown_begin(struct h2_session *session)
{
    (void)nghttp2_submit_shutdown_notice(session->ng);
}

void h2_session_shutdown(struct h2_session *session, enum h2_error error)
{
    if (error != H2_NO_ERROR)
        session_fail(session, error);
    else
        (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(session->ng),
                                    NGHTTP2_NO_ERROR, NULL, 0);
}

void h2_session_ping(struct h2_session *session)
{
    (void)nghttp2_submit_ping(session->ng, NGHTTP2_FLAG_NONE, NULL);
}

uint32_t h2_session_streams(const struct h2_session *session)
{
    return session->streams_len;
}

uint32_t h2_session_capacity(const struct h2_session *session)
{
    uint32_t max =
        nghttp2_session_get_remote_settings(session->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    if (session->is_failed || !nghttp2_session_check_request_allowed(session->ng))
        return 0;
    return max > session->streams_len ? max - session->streams_len : 0;
}
