/* test/unit/http/h2_by_hand.h
 *
 * Purpose    HTTP/2 frames written by hand, for what no honest session says, and read again.
 * Ownership  All is appended to the caller's buffers; what is read borrows from its bytes.
 * See        RFC 9113, 4 and 6; RFC 7541 */
#ifndef YETT_TEST_HTTP_H2_BY_HAND_H
#define YETT_TEST_HTTP_H2_BY_HAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PRIORITY,
    FRAME_RST_STREAM,
    FRAME_SETTINGS,
    FRAME_PUSH_PROMISE,
    FRAME_PING,
    FRAME_GOAWAY,
    FRAME_WINDOW_UPDATE,
    FRAME_CONTINUATION,
};
enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8 };

static inline void frame_put(struct buf *out, unsigned type, unsigned flags, uint32_t stream,
                             struct span payload)
{
    const unsigned char head[] = {
        (unsigned char)(payload.len >> 16),
        (unsigned char)(payload.len >> 8),
        (unsigned char)payload.len,
        (unsigned char)type,
        (unsigned char)flags,
        (unsigned char)(stream >> 24),
        (unsigned char)(stream >> 16),
        (unsigned char)(stream >> 8),
        (unsigned char)stream,
    };

    buf_append(out, span_of((const char *)head, sizeof(head)));
    buf_append(out, payload);
}

static inline void frame_put_u32(struct buf *out, unsigned type, uint32_t stream, uint32_t value)
{
    const char bytes[] = { (char)(value >> 24), (char)(value >> 16), (char)(value >> 8),
                           (char)value };

    frame_put(out, type, 0, stream, span_of(bytes, sizeof(bytes)));
}

struct frame {
    unsigned type, flags;
    uint32_t stream;
    struct span payload;
};

/* The frame at the start of `*rest`, which then begins behind it. False: no whole one is there. */
static inline bool frame_take(struct span *rest, struct frame *ret_frame)
{
    const unsigned char *head = (const unsigned char *)rest->ptr;

    if (rest->len < 9)
        return false;
    size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    if (rest->len - 9 < len)
        return false;
    *ret_frame = (struct frame){
        .type = head[3],
        .flags = head[4],
        .stream =
            (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8],
        .payload = span_of(rest->ptr + 9, len),
    };
    *rest = span_from(*rest, 9 + len);
    return true;
}

/* A field, never indexed: RFC 7541, 6.2.2, with texts as they are, of up to 126 bytes each. */
static inline void field_put(struct buf *block, struct span name, struct span value)
{
    buf_append_byte(block, 0);
    buf_append_byte(block, (char)name.len);
    buf_append(block, name);
    buf_append_byte(block, (char)value.len);
    buf_append(block, value);
}

static inline void field_append(struct buf *block, const char *name, const char *value)
{
    field_put(block, span_from_str(name), span_from_str(value));
}

static inline void request_block(struct buf *block, const char *method, const char *path)
{
    field_append(block, ":method", method);
    field_append(block, ":scheme", "http");
    field_append(block, ":authority", "a.test");
    field_append(block, ":path", path);
}

static inline void request_put(struct buf *out, uint32_t stream, unsigned flags)
{
    struct buf block = { 0 };

    request_block(&block, "GET", "/");
    frame_put(out, FRAME_HEADERS, FLAG_END_HEADERS | flags, stream, buf_span(&block));
    buf_deinit(&block);
}

#endif
