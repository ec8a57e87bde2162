/* api/watch_frame.h
 *
 * Purpose    A watch's bytes, in whatever pieces they come → its events, one JSON text a line.
 * Ownership  Holds what of a line has come so far, and nothing between lines. An event borrows until the
 *            callback returns.
 * Lifetime   watch_frame_init() … watch_frame_deinit(), not from within a callback.
 * Limits     A line longer than `line_max` is passed over and told as such.
 * See        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
#ifndef YETT_API_WATCH_FRAME_H
#define YETT_API_WATCH_FRAME_H

#include "base/buf.h"

struct watch_frame_events {
    void (*on_event)(void *ctx, struct span json);
    void (*on_oversized)(void *ctx);
};

struct watch_frame {
    struct buf partial;
    size_t line_max;
    bool is_skipping; /* the rest of an oversized line */
    bool is_stopped;
};

void watch_frame_init(struct watch_frame *frame, size_t line_max);
void watch_frame_deinit(struct watch_frame *frame);
/* Forgets a line that was cut off: for another connection. */
void watch_frame_reset(struct watch_frame *frame);
/* Until the next reset, nothing more is told; from within a callback too. */
void watch_frame_stop(struct watch_frame *frame);

void watch_frame_feed(struct watch_frame *frame, struct span bytes,
                      const struct watch_frame_events *events, void *ctx);

#endif
