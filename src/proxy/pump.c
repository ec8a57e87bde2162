#include "proxy/pump.h"

#include "proxy/limits.h"

/* Pieces this large go to the socket from where they lie; smaller ones are gathered. */
enum { PUMP_DIRECT_BYTES = 4096 };

void pump_init(struct pump *pump, struct stream *from, struct stream *to, enum http_body_kind in,
               uint64_t length, enum http_body_kind out)
{
    *pump = (struct pump){ .from = from, .to = to, .framing = out };
    body_reader_init(&pump->reader, in, length);
}

static int flush_result(int stream_result)
{
    switch ((enum stream_result)stream_result) {
    case STREAM_OK:
        return PUMP_DONE;
    case STREAM_WAIT:
        return PUMP_WAIT_SINK;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    return PUMP_SINK_FAILED;
}

/* Sends a piece from where it lies. */
static int piece_send(struct pump *pump, struct span piece)
{
    size_t taken;
    int r = stream_send(pump->to, piece, &taken);

    body_consume(&pump->reader, pump->from->in, taken);
    pump->bytes += taken;
    return flush_result(r);
}

/* Gathers (part of) a piece into the sink's buffer; sends that first when it is full. */
static int piece_gather(struct pump *pump, struct span piece)
{
    struct iobuf *out = stream_out(pump->to);
    size_t room = body_writer_room(pump->framing, out);

    if (room == 0)
        return flush_result(stream_flush(pump->to));
    piece = span_upto(piece, room);
    body_write(pump->framing, out, piece);
    body_consume(&pump->reader, pump->from->in, piece.len);
    pump->bytes += piece.len;
    return PUMP_DONE;
}

static int end_write(struct pump *pump)
{
    struct http_header trailers[BODY_TRAILERS_MAX];
    size_t len = 0;

    if (pump->reader.trailers.len > 0 && pump->framing == HTTP_BODY_CHUNKED)
        len = chunked_trailers_parse(pump->reader.trailers, trailers, BODY_TRAILERS_MAX);
    if (iobuf_room(stream_out(pump->to)) < (len ? BODY_END_MAX : 8)) {
        int r = flush_result(stream_flush(pump->to));
        if (r != PUMP_DONE)
            return r;
    }
    body_write_end(pump->framing, stream_out(pump->to), trailers, len);
    pump->ended = true;
    return PUMP_DONE;
}

/* Reads more from the source. PUMP_DONE: there is more. */
static int source_fill(struct pump *pump)
{
    if (pump->from->in && iobuf_room(pump->from->in) == 0)
        iobuf_compact(pump->from->in);
    if (pump->from->in && iobuf_room(pump->from->in) == 0)
        return PUMP_SOURCE_BAD; /* framing that does not fit into a buffer */

    switch ((enum stream_result)stream_fill(pump->from)) {
    case STREAM_OK:
        return PUMP_DONE;
    case STREAM_WAIT:
        return PUMP_WAIT_SOURCE;
    case STREAM_END:
        if (pump->reader.kind != HTTP_BODY_TO_END)
            return PUMP_SOURCE_ENDED;
        pump->reader.done = true;
        return PUMP_DONE;
    case STREAM_FAILED:
        break;
    }
    return PUMP_SOURCE_FAILED;
}

/* One step towards the end of the body. PUMP_DONE: go on. */
static int pump_step(struct pump *pump)
{
    struct span piece = SPAN_EMPTY;
    int r = pump->from->in || pump->reader.done ? body_read(&pump->reader, pump->from->in, &piece)
                                                : BODY_MORE;

    switch ((enum body_result)r) {
    case BODY_PIECE:
        if (pump->bytes_max && piece.len > pump->bytes_max - pump->bytes)
            return PUMP_TOO_LARGE;
        if (pump->framing != HTTP_BODY_CHUNKED && piece.len >= PUMP_DIRECT_BYTES &&
            !stream_has_output(pump->to))
            return piece_send(pump, piece);
        return piece_gather(pump, piece);
    case BODY_END:
        return end_write(pump);
    case BODY_MORE:
        break;
    case BODY_BAD:
        return PUMP_SOURCE_BAD;
    }
    r = source_fill(pump);
    if (r != PUMP_WAIT_SOURCE)
        return r;
    /* Nothing more for now: what was gathered must not wait for it. */
    r = flush_result(stream_flush(pump->to));
    return r == PUMP_DONE ? PUMP_WAIT_SOURCE : r;
}

int pump_run(struct pump *pump)
{
    for (unsigned steps = 0; !pump->ended; steps++) {
        if (steps == 4 * PROXY_PUMP_BURST)
            return PUMP_AGAIN;
        int r = pump_step(pump);
        if (r != PUMP_DONE)
            return r;
    }
    return flush_result(stream_flush(pump->to));
}
