#include "api/watch_frame.h"

/* A line that came in one piece is told from where it lies; only what is cut is copied. */

void watch_frame_init(struct watch_frame *frame, size_t line_max)
{
    *frame = (struct watch_frame){ .line_max = line_max };
}

void watch_frame_deinit(struct watch_frame *frame)
{
    buf_deinit(&frame->partial);
}

void watch_frame_reset(struct watch_frame *frame)
{
    buf_deinit(&frame->partial);
    frame->is_skipping = frame->is_stopped = false;
}

void watch_frame_stop(struct watch_frame *frame)
{
    frame->is_stopped = true;
}

/* A piece of a line that is not its last. */
static void piece_keep(struct watch_frame *frame, struct span piece,
                       const struct watch_frame_events *events, void *ctx)
{
    if (frame->is_skipping || span_is_empty(piece))
        return;
    if (frame->partial.len + piece.len <= frame->line_max) {
        buf_append(&frame->partial, piece);
        return;
    }
    frame->is_skipping = true;
    buf_deinit(&frame->partial);
    events->on_oversized(ctx);
}

static void line_tell(struct watch_frame *frame, struct span last,
                      const struct watch_frame_events *events, void *ctx)
{
    struct buf whole = frame->partial;

    if (whole.len) {
        piece_keep(frame, last, events, ctx);
        whole = frame->partial;
        last = buf_span(&whole);
    } else if (last.len > frame->line_max && !frame->is_skipping) {
        piece_keep(frame, last, events, ctx);
    }
    frame->partial = (struct buf){ 0 };
    if (!frame->is_skipping && span_trim(last).len)
        events->on_event(ctx, last);
    frame->is_skipping = false;
    buf_deinit(&whole);
}

void watch_frame_feed(struct watch_frame *frame, struct span bytes,
                      const struct watch_frame_events *events, void *ctx)
{
    while (!frame->is_stopped && bytes.len) {
        size_t end = span_find(bytes, '\n');
        if (end == SPAN_NOT_FOUND) {
            piece_keep(frame, bytes, events, ctx);
            return;
        }
        line_tell(frame, span_upto(bytes, end), events, ctx);
        bytes = span_from(bytes, end + 1);
    }
}
