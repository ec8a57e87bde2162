#include "proxy/body/pump.h"

#include "proxy/limits.h"

void pump_init(struct pump *pump, struct body_source *source, struct body_sink *sink)
{
    *pump = (struct pump){ .source = source, .sink = sink, .ended = !source };
}

static int sink_result(int r)
{
    switch ((enum sink_result)r) {
    case SINK_OK:
        return PUMP_DONE;
    case SINK_WAIT:
        return PUMP_WAIT_SINK;
    case SINK_FAILED:
        break;
    }
    return PUMP_SINK_FAILED;
}

static int piece_move(struct pump *pump, struct span piece)
{
    size_t taken;

    if (pump->bytes_max && piece.len > pump->bytes_max - pump->bytes)
        return PUMP_TOO_LARGE;
    int r = pump->sink->ops->write(pump->sink, piece, &taken);
    if (taken > 0)
        pump->source->ops->consume(pump->source, taken);
    pump->bytes += taken;
    return sink_result(r);
}

/* From socket to socket, past us. PUMP_DONE with 0 moved: what comes next has to be looked at. Apart from
 * pump_step(), which is short for most. */
YETT_COLD static int bulk_move(struct pump *pump, size_t *ret_moved)
{
    struct body_sink *sink = pump->sink;
    struct stream *to = sink->ops->plain ? sink->ops->plain(sink) : NULL;
    uint64_t max = PROXY_SPLICE_BYTES;

    *ret_moved = 0;
    if (!to)
        return PUMP_DONE;
    int r = sink_result(sink->ops->flush(sink));
    if (r != PUMP_DONE)
        return r;
    if (pump->bytes_max)
        max = MIN(max, pump->bytes_max - pump->bytes);
    *ret_moved = pump->source->ops->splice(pump->source, to, (size_t)max);
    pump->bytes += *ret_moved;
    return PUMP_DONE;
}

/* Apart from end_move(), which has no need of so much stack. */
YETT_COLD static int trailers_move(struct pump *pump)
{
    struct http_header trailers[HTTP_TRAILERS_MAX];
    size_t len = pump->source->ops->trailers(pump->source, trailers, HTTP_TRAILERS_MAX), kept = 0;

    for (size_t i = 0; i < len; i++) {
        if (!pump->trailer_passes || pump->trailer_passes(&trailers[i]))
            trailers[kept++] = trailers[i];
    }
    return pump->sink->ops->end(pump->sink, trailers, kept);
}

static int end_move(struct pump *pump)
{
    int r = sink_result(pump->source->has_trailers ? trailers_move(pump)
                                                   : pump->sink->ops->end(pump->sink, NULL, 0));

    pump->ended = r == PUMP_DONE;
    return r;
}

/* One step towards the end of the body; one that moves several buffers' worth counts as so many in *steps.
 * PUMP_DONE: go on. */
static int pump_step(struct pump *pump, unsigned *steps)
{
    struct span piece = SPAN_EMPTY;

    if (pump->source->is_over)
        return end_move(pump);
    if (pump->source->is_bulk) {
        size_t moved;
        int r = bulk_move(pump, &moved);
        *steps += (unsigned)(moved / PROXY_BUFFER_BYTES);
        if (r != PUMP_DONE || moved > 0)
            return r;
    }
    switch ((enum source_result)pump->source->ops->peek(pump->source, &piece)) {
    case SOURCE_PIECE:
        return piece_move(pump, piece);
    case SOURCE_END:
        return end_move(pump);
    case SOURCE_WAIT: {
        /* What was gathered must not wait for what comes next. */
        int r = sink_result(pump->sink->ops->flush(pump->sink));
        return r == PUMP_DONE ? PUMP_WAIT_SOURCE : r;
    }
    case SOURCE_BAD:
        return PUMP_SOURCE_BAD;
    case SOURCE_CUT:
        return PUMP_SOURCE_ENDED;
    case SOURCE_FAILED:
        break;
    }
    return PUMP_SOURCE_FAILED;
}

int pump_run(struct pump *pump)
{
    for (unsigned steps = 0; !pump->ended; steps++) {
        if (steps >= 2 * PROXY_PUMP_BURST)
            return PUMP_AGAIN;
        int r = pump_step(pump, &steps);
        if (r != PUMP_DONE)
            return r;
    }
    return sink_result(pump->sink->ops->flush(pump->sink));
}
