/* http/h2_frames.h
 *
 * Purpose    What can be told from the heads of frames alone, as they come by: how many there are, those
 *            that nghttp2 passes over in silence too, and two violations among these.
 * Lifetime   A zeroed struct is ready for a client's; `payload_left` may be set at the beginning, to skip a
 *            preface, and `are_answers` for a server's.
 * See        RFC 9113 4.1, 5.1.1, 6.3 */
#ifndef YETT_HTTP_H2_FRAMES_H
#define YETT_HTTP_H2_FRAMES_H

#include <stdint.h>

#include "base/span.h"

enum { H2_FRAME_HEAD_BYTES = 9, H2_FRAME_GAPS = 4 };

/* Identifiers of streams that a peer passed over. */
struct h2_frame_gap {
    uint32_t first, last;
};

struct h2_frames {
    uint32_t payload_left; /* of the frame whose head was read last */
    uint8_t head_len;      /* bytes of the next one's that came */
    uint8_t head[H2_FRAME_HEAD_BYTES];
    bool are_answers; /* HEADERS begin no streams, and come in any order */
    uint32_t newest;  /* stream that a HEADERS frame named */
    struct h2_frame_gap gaps[H2_FRAME_GAPS];
    uint8_t gaps_at; /* where the next one goes, in place of the oldest */
    bool
        is_unexpected; /* a stream was begun below the newest, or PRIORITY named none: PROTOCOL_ERROR */
};

/* Returns how many frames begin in `bytes`, which follow those of the last call. */
uint32_t h2_frames_read(struct h2_frames *frames, struct span bytes);

#endif
