#include "proxy/body/stream_body.h"

#include "proxy/limits.h"

/* Pieces this large go to the socket from where they lie; smaller ones are gathered. */
enum { SINK_DIRECT_BYTES = 4096 };

/* ---- source ---- */

/* Content that comes faster than it is read need not come here; small pieces are cheaper to copy. */
static void bulk_note(struct stream_source *source)
{
    struct stream *stream = source->stream;

    if (iobuf_room(stream->in) > 0) {
        source->full_reads = 0;
        source->base.is_bulk = false;
    } else if (source->full_reads < PROXY_BULK_READS) {
        source->full_reads++;
        source->base.is_bulk = source->full_reads == PROXY_BULK_READS && !stream->tls &&
                               source->reader.kind != HTTP_BODY_CHUNKED;
    }
}

/* Reads more from the stream. SOURCE_PIECE: look again. */
static int source_fill(struct stream_source *source)
{
    struct stream *stream = source->stream;

    if (stream->in && iobuf_room(stream->in) == 0)
        iobuf_compact(stream->in);
    if (stream->in && iobuf_room(stream->in) == 0)
        return SOURCE_BAD; /* framing that does not fit into a buffer */

    switch ((enum stream_result)stream_fill(stream)) {
    case STREAM_OK:
        bulk_note(source);
        return SOURCE_PIECE;
    case STREAM_WAIT:
        return SOURCE_WAIT;
    case STREAM_END:
        if (source->reader.kind != HTTP_BODY_TO_END || (stream_was_cut(stream) && !source->is_raw))
            return SOURCE_CUT;
        source->reader.done = true;
        return SOURCE_PIECE;
    case STREAM_FAILED:
        break;
    }
    return SOURCE_FAILED;
}

static int source_peek(struct body_source *base, struct span *ret_piece)
{
    struct stream_source *source = container_of(base, struct stream_source, base);
    struct body_reader *reader = &source->reader;
    int filled = SOURCE_PIECE;

    while (filled == SOURCE_PIECE) {
        int r = BODY_MORE;

        if (source->stream->in || reader->done)
            r = body_read(reader, source->stream->in, ret_piece);
        base->begun = reader->begun;
        switch ((enum body_result)r) {
        case BODY_PIECE:
            return SOURCE_PIECE;
        case BODY_END:
            base->has_trailers = reader->trailers.len > 0;
            return SOURCE_END;
        case BODY_BAD:
            return SOURCE_BAD;
        case BODY_MORE:
            break;
        }
        filled = source_fill(source);
    }
    return filled;
}

static void source_consume(struct body_source *base, size_t len)
{
    struct stream_source *source = container_of(base, struct stream_source, base);

    body_consume(&source->reader, source->stream->in, len);
    base->begun = source->reader.begun;
    base->is_over = source->reader.done;
}

static size_t source_trailers(struct body_source *base, struct http_header *headers, size_t max)
{
    struct stream_source *source = container_of(base, struct stream_source, base);

    return chunked_trailers_parse(source->reader.trailers, headers, max);
}

/* One small amount ends it, but only when what was moved is sent: until then nobody asks again. */
static size_t source_splice(struct body_source *base, struct stream *to, size_t max)
{
    struct stream_source *source = container_of(base, struct stream_source, base);
    struct body_reader *reader = &source->reader;
    uint64_t bytes = MIN(body_plain_bytes(reader, source->stream->in), max);

    base->is_bulk = source->full_reads > 0;
    if (!base->is_bulk || bytes == 0)
        return 0;
    size_t moved = stream_splice(to, source->stream, (size_t)bytes);
    if (moved == 0)
        return 0;
    if (moved < PROXY_BUFFER_BYTES)
        source->full_reads = 0;
    body_pass(reader, moved);
    base->begun = true;
    base->is_over = reader->done;
    return moved;
}

static const struct body_source_ops stream_source_ops = {
    .peek = source_peek,
    .consume = source_consume,
    .trailers = source_trailers,
    .splice = source_splice,
};

void stream_source_init(struct stream_source *source, struct stream *stream,
                        enum http_body_kind kind, uint64_t length)
{
    source->base = (struct body_source){ .ops = &stream_source_ops };
    source->stream = stream;
    source->full_reads = 0;
    source->is_raw = false;
    body_reader_init(&source->reader, kind, length);
}

void stream_source_init_raw(struct stream_source *source, struct stream *stream)
{
    stream_source_init(source, stream, HTTP_BODY_TO_END, 0);
    source->is_raw = true;
}

/* ---- sink ---- */

/* Large pieces go out from where they lie; others are gathered, and sent when there is no room left. */
static int sink_write(struct body_sink *base, struct span piece, size_t *ret_taken)
{
    struct stream_sink *sink = container_of(base, struct stream_sink, base);
    struct stream *stream = sink->stream;

    if (sink->framing != HTTP_BODY_CHUNKED && piece.len >= SINK_DIRECT_BYTES &&
        !stream_has_output(stream))
        return sink_result_of(stream_send(stream, piece, ret_taken));

    struct iobuf *out = stream_out(stream);
    size_t room = body_writer_room(sink->framing, out);

    *ret_taken = 0;
    if (room == 0)
        return sink_result_of(stream_flush(stream));
    piece = span_upto(piece, room);
    body_write(sink->framing, out, piece);
    *ret_taken = piece.len;
    return SINK_OK;
}

static int sink_end(struct body_sink *base, const struct http_header *trailers, size_t trailers_len)
{
    struct stream_sink *sink = container_of(base, struct stream_sink, base);
    struct stream *stream = sink->stream;

    sink->ended = true;
    if (sink->framing != HTTP_BODY_CHUNKED)
        return SINK_OK;
    size_t bytes = body_end_bytes(trailers, trailers_len);
    if (iobuf_room(stream_out(stream)) < bytes) {
        int r = sink_result_of(stream_flush(stream));
        if (r != SINK_OK)
            return r;
    }
    body_write_end(stream_out_room(stream, bytes), trailers, trailers_len);
    return SINK_OK;
}

static int sink_flush(struct body_sink *base)
{
    struct stream_sink *sink = container_of(base, struct stream_sink, base);
    int r = sink_result_of(stream_flush(sink->stream));

    if (r == SINK_OK && sink->ended && sink->ends_output)
        stream_end_output(sink->stream);
    return r;
}

static struct stream *sink_plain(struct body_sink *base)
{
    struct stream_sink *sink = container_of(base, struct stream_sink, base);

    return sink->framing != HTTP_BODY_CHUNKED && !sink->stream->tls ? sink->stream : NULL;
}

static const struct body_sink_ops stream_sink_ops = {
    .write = sink_write,
    .end = sink_end,
    .flush = sink_flush,
    .plain = sink_plain,
};

void stream_sink_init(struct stream_sink *sink, struct stream *stream, enum http_body_kind framing)
{
    *sink = (struct stream_sink){ { &stream_sink_ops }, stream, framing, false, false };
}

void stream_sink_init_raw(struct stream_sink *sink, struct stream *stream)
{
    *sink = (struct stream_sink){ { &stream_sink_ops }, stream, HTTP_BODY_TO_END, true, false };
}
