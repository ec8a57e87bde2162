#include "http/h2_frames.h"

#include "base/compiler.h"

enum { TYPE_HEADERS = 1, TYPE_PRIORITY = 2 };

static uint32_t number_at(const uint8_t *at, unsigned bytes)
{
    uint32_t number = 0;

    for (unsigned i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

/* Streams are begun in ascending order; those passed over are closed thereby. nghttp2 takes a HEADERS frame for
 * one of these for a late one of a stream that is over, which it cannot remember. */
static bool is_passed_over(const struct h2_frames *frames, uint32_t stream)
{
    for (unsigned i = 0; i < H2_FRAME_GAPS; i++) {
        if (stream >= frames->gaps[i].first && stream <= frames->gaps[i].last)
            return true;
    }
    return false;
}

static void headers_note(struct h2_frames *frames, uint32_t stream)
{
    if (stream <= frames->newest) {
        frames->is_unexpected = frames->is_unexpected || is_passed_over(frames, stream);
        return;
    }
    if (stream > frames->newest + 2 && stream > 1) {
        frames->gaps[frames->gaps_at] = (struct h2_frame_gap){ frames->newest + 1, stream - 1 };
        frames->gaps_at = (uint8_t)((frames->gaps_at + 1) % H2_FRAME_GAPS);
    }
    frames->newest = stream;
}

static void head_note(struct h2_frames *frames)
{
    uint32_t stream = number_at(frames->head + 5, 4) & INT32_MAX;

    frames->payload_left = number_at(frames->head, 3);
    if (frames->head[3] == TYPE_HEADERS && !frames->are_answers)
        headers_note(frames, stream);
    else if (frames->head[3] == TYPE_PRIORITY && stream == 0)
        frames->is_unexpected = true;
}

uint32_t h2_frames_read(struct h2_frames *frames, struct span bytes)
{
    uint32_t count = 0;

    while (bytes.len > 0) {
        bool in_payload = frames->payload_left > 0;
        size_t wanted =
            in_payload ? frames->payload_left : (size_t)(H2_FRAME_HEAD_BYTES - frames->head_len);
        size_t len = MIN(bytes.len, wanted);

        if (in_payload) {
            frames->payload_left -= (uint32_t)len;
        } else {
            memcpy(frames->head + frames->head_len, bytes.ptr, len);
            frames->head_len = (uint8_t)(frames->head_len + len);
        }
        bytes = span_from(bytes, len);
        if (frames->head_len == H2_FRAME_HEAD_BYTES) {
            frames->head_len = 0;
            head_note(frames);
            count++;
        }
    }
    return count;
}
