#include "proxy/stream/h2_link.h"

#include "http/h2_limits.h"
#include "proxy/limits.h"

void h2_link_init(struct h2_link *link, struct stream *stream, const struct h2_options *options,
                  const struct h2_events *events, void *ctx, void (*run)(struct loop_task *task))
{
    *link = (struct h2_link){ .stream = stream, .session = h2_session_new(options, events, ctx) };
    loop_task_init(&link->task, run);
}

void h2_link_deinit(struct h2_link *link)
{
    loop_task_cancel(&link->task);
    link->session = h2_session_free(link->session);
}

void h2_link_rouse(struct h2_link *link)
{
    loop_task_queue(link->stream->loop, &link->task);
}

static void input_feed(struct h2_link *link)
{
    struct stream *stream = link->stream;
    struct span bytes = iobuf_span(stream->in);

    link->is_over = h2_session_feed(link->session, bytes, loop_now_ms(stream->loop)) == H2_OVER;
    iobuf_consume(stream->in, bytes.len);
}

int h2_link_read(struct h2_link *link)
{
    struct stream *stream = link->stream;

    for (unsigned i = 0; i < PROXY_H2_READ_BURST; i++) {
        if (link->is_over)
            return STREAM_END;
        if (stream_has_output(stream)) {
            int sent = stream_flush(stream);
            if (sent != STREAM_OK)
                return sent;
        }
        int r = iobuf_len(stream->in) > 0 ? STREAM_OK : stream_fill(stream);
        if (r != STREAM_OK)
            return r;
        input_feed(link);
        h2_link_frame(link);
    }
    return STREAM_OK;
}

/* Output with room for a frame that is worth its head, or as much as there is. */
static struct iobuf *output_get(struct stream *stream)
{
    struct iobuf *out = stream_out(stream);

    if (iobuf_room(out) < H2_PULL_ROOM_MIN)
        iobuf_compact(out);
    return out;
}

void h2_link_frame(struct h2_link *link)
{
    if (!h2_session_has_output(link->session))
        return;
    struct iobuf *out = output_get(link->stream);
    size_t len = h2_session_pull(link->session, out->data + out->end, iobuf_room(out));
    out->end += (uint32_t)len;
}

int h2_link_flush(struct h2_link *link)
{
    struct stream *stream = link->stream;
    size_t before;

    do {
        h2_link_frame(link);
        before = iobuf_len(stream->out);
        int r = stream_flush(stream);
        if (r != STREAM_OK)
            return r;
        /* A full buffer may have kept more from being framed. */
    } while (before + H2_PULL_ROOM_MIN > PROXY_BUFFER_BYTES);
    if (h2_session_is_over(link->session))
        link->is_over = true;
    return STREAM_OK;
}

int h2_link_write(struct h2_link *link, struct h2_stream *stream, struct span piece,
                  size_t *ret_taken)
{
    *ret_taken = 0;
    for (;;) {
        struct iobuf *out = output_get(link->stream);
        size_t room = iobuf_room(out), written;

        *ret_taken += h2_stream_write(stream, span_from(piece, *ret_taken), out->data + out->end,
                                      room, &written);
        out->end += (uint32_t)written;
        if (*ret_taken == piece.len)
            return STREAM_OK;
        if (room - written >= H2_PULL_ROOM_MIN)
            return STREAM_WAIT; /* the peer's windows are shut */
        int r = stream_flush(link->stream);
        if (r != STREAM_OK)
            return r;
    }
}
