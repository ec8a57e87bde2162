/* h2_end.h
 *
 * Purpose    The test's end of a connection where HTTP/2 is spoken: a session of the role that the worker does
 *            not have, which logs what it is told (unit/http/h2_pair.h).
 * Lifetime   h2_end_init() … h2_end_close(). */
#ifndef YETT_TEST_LOOPBACK_H2_END_H
#define YETT_TEST_LOOPBACK_H2_END_H

#include "../unit/http/h2_pair.h"
#include "base/clock.h"
#include "rig.h"

struct h2_end {
    struct end end;
    struct side side;
};

static inline void h2_end_init(struct h2_end *h2, struct end end, enum h2_role role)
{
    h2->end = end;
    side_init(&h2->side, role);
}

static inline void h2_end_close(struct rig *rig, struct h2_end *h2)
{
    side_deinit(&h2->side);
    end_close(&h2->end);
    rig_settle(rig);
}

/* Says and hears what there is. False: nothing. */
static inline bool h2_end_exchange(struct rig *rig, struct h2_end *h2)
{
    struct buf out = { 0 };

    side_say(&h2->side, &out);
    if (out.len > 0)
        end_send_bytes(rig, &h2->end, buf_span(&out));
    rig_settle(rig);
    end_receive(&h2->end);
    bool moved = out.len > 0 || h2->end.got.len > 0;
    side_hear(&h2->side, buf_span(&h2->end.got));
    h2->end.got.len = 0;
    buf_deinit(&out);
    return moved;
}

/* Lets it and the worker talk until neither has anything to say. */
static inline void h2_end_settle(struct rig *rig, struct h2_end *h2)
{
    for (unsigned silent = 0; silent < 3;)
        silent = h2_end_exchange(rig, h2) ? 0 : silent + 1;
}

/* Says a piece, as much as windows let through; returns that. */
static inline size_t h2_end_tell(struct rig *rig, struct h2_end *h2, struct h2_stream *stream,
                                 struct span piece)
{
    size_t taken = 0;

    for (;;) {
        char out[20000];
        size_t written;
        size_t len = h2_stream_write(stream, span_from(piece, taken), out, sizeof(out), &written);

        end_send_bytes(rig, &h2->end, span_of(out, written));
        h2_end_settle(rig, h2);
        taken += len;
        if (taken == piece.len || len == 0)
            return taken;
    }
}

/* Ends a stream with a trailer "x-sum" of `len` bytes. */
static inline void h2_end_finish(struct rig *rig, struct h2_end *h2, struct h2_stream *stream,
                                 size_t len)
{
    char *value = mem_alloc(len);
    struct http_header trailer = {
        .name = "x-sum", .name_len = 5, .value = value, .value_len = (uint32_t)len
    };

    memset(value, 'v', len);
    h2_stream_end(stream, &trailer, 1);
    h2_end_settle(rig, h2);
    mem_free(value);
}

/* What its session told since, and no more. */
static inline void h2_end_expect(struct rig *rig, struct h2_end *h2, const char *log)
{
    uint64_t start_ns = clock_mono_ns();

    h2_end_settle(rig, h2);
    while (h2->side.log.len < strlen(log) && rig_wait(rig, start_ns))
        h2_end_settle(rig, h2);
    side_expect(&h2->side, log);
}

#endif
