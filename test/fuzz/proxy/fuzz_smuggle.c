/* Requests by HTTP/2, made of the input so that they are likely to be taken, and what a backend of HTTP/1.1 gets
 * of them: never more requests than streams, and nothing that is not a request.
 *
 * A stream is a byte of flags, then what they ask for, each text with its length before it:
 *
 *   0x01  END_STREAM with the head        0x02  method         0x04  path
 *   0x08  authority                       0x30  so many fields 0x40  trailers (a field each) */
#include <sys/socket.h>

#include "base/buf.h"
#include "base/bug.h"
#include "http/chunked.h"
#include "http/h1.h"
#include "scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS_MAX = 4, GOT_MAX = 1 << 20 };

enum { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_SETTINGS = 4 };
enum { END_STREAM = 1, END_HEADERS = 4 };

/* Names whose meaning is framing, or looks like it. */
static const char *const names[] = {
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "te",
    "upgrade",
    "expect",
    "cookie",
    "trailer",
    "x",
    "http2-settings",
    "content_length",
    "content-length ",
    "proxy",
    ":path",
    ":method",
    "keep-alive",
    "Content-Length",
    "x-request-id",
    "transfer-encoding\r\nx",
    "content-type",
    "x-forwarded-for",
    ":protocol",
    "authorization",
};

struct input {
    struct span rest;
};

static uint8_t byte_take(struct input *input)
{
    uint8_t byte = input->rest.len > 0 ? (uint8_t)input->rest.ptr[0] : 0;

    input->rest = span_from(input->rest, 1);
    return byte;
}

static struct span text_take(struct input *input)
{
    size_t len = byte_take(input) & 0x7f;
    struct span text = span_upto(input->rest, len);

    input->rest = span_from(input->rest, text.len);
    return text;
}

/* A field of HPACK, never indexed, its texts as they are. */
static void field_put(struct buf *block, struct span name, struct span value)
{
    buf_append_byte(block, 0);
    buf_append_byte(block, (char)name.len);
    buf_append(block, name);
    buf_append_byte(block, (char)value.len);
    buf_append(block, value);
}

static void fields_put(struct buf *block, struct input *input, unsigned count)
{
    while (count-- > 0) {
        uint8_t which = byte_take(input);
        struct span name =
            which < 0x80 ? span_from_str(names[which % ARRAY_LEN(names)]) : text_take(input);

        field_put(block, name, text_take(input));
    }
}

static void frame_put(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                      struct span payload)
{
    const char head[] = { (char)(payload.len >> 16),
                          (char)(payload.len >> 8),
                          (char)payload.len,
                          (char)type,
                          (char)flags,
                          0,
                          0,
                          (char)(stream >> 8),
                          (char)stream };

    buf_append(out, span_of(head, sizeof(head)));
    buf_append(out, payload);
}

static void stream_put(struct buf *out, struct input *input, uint32_t stream)
{
    struct buf block = { 0 };
    uint8_t flags = byte_take(input);

    field_put(&block, SPAN(":method"), flags & 2 ? text_take(input) : SPAN("POST"));
    field_put(&block, SPAN(":scheme"), SPAN("http"));
    field_put(&block, SPAN(":path"), flags & 4 ? text_take(input) : SPAN("/"));
    field_put(&block, SPAN(":authority"), flags & 8 ? text_take(input) : SPAN("a.test"));
    fields_put(&block, input, flags >> 4 & 3);
    frame_put(out, FRAME_HEADERS, (uint8_t)(END_HEADERS | (flags & 1)), stream, buf_span(&block));
    block.len = 0;
    if (!(flags & 1)) {
        frame_put(out, FRAME_DATA, flags & 0x40 ? 0 : END_STREAM, stream, text_take(input));
        fields_put(&block, input, 1);
        if (flags & 0x40)
            frame_put(out, FRAME_HEADERS, END_HEADERS | END_STREAM, stream, buf_span(&block));
    }
    buf_deinit(&block);
}

/* Length of the body of `head` at the start of `bytes`; all of them where it is not whole. */
static size_t body_bytes(const struct http_head *head, struct span bytes)
{
    struct chunked chunked = { 0 };
    size_t at = 0;

    if (head->body == HTTP_BODY_LENGTH)
        return MIN((size_t)head->content_length, bytes.len);
    if (head->body == HTTP_BODY_NONE)
        return 0;
    for (;;) {
        struct span piece;
        size_t consumed;
        int r = chunked_decode(&chunked, span_from(bytes, at), &consumed, &piece);

        at += consumed;
        invariant(r != CHUNKED_BAD);
        if (r != CHUNKED_PIECE)
            return at;
    }
}

/* What one connection got, taken for what it is: HTTP/1.1, and nothing else. Returns how many requests. */
static unsigned requests_count(struct span got)
{
    const struct h1_limits limits = { .head_bytes = GOT_MAX, .target_bytes = 4096, .headers = 100 };
    unsigned count = 0;

    while (got.len > 0) {
        struct http_header headers[HTTP_HEADERS_MAX];
        struct h1_parser parser = { 0 };
        struct http_head head;
        size_t head_bytes;
        int r = h1_request_parse(&parser, got, &limits, headers, &head, &head_bytes);

        invariant(r != H1_BAD);
        if (r == H1_PARTIAL)
            return count + 1;
        count++;
        got = span_from(got, head_bytes);
        got = span_from(got, body_bytes(&head, got));
    }
    return count;
}

static void connection_read(int fd, struct buf *got)
{
    ssize_t n;

    do {
        n = recv(fd, buf_reserve(got, 65536), 65536, MSG_DONTWAIT);
        got->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { span_of((const char *)data, MIN(size, (size_t)4096)) };
    struct buf got[SCENE_CONNECTIONS_MAX] = { 0 };
    struct buf out = { 0 };
    unsigned streams = 0, requests = 0;

    if (!scene.loop)
        scene_begin();
    for (unsigned i = 0; i < SCENE_CLIENTS; i++)
        scene_client_begin(i);
    buf_append(&out, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    frame_put(&out, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
    while (input.rest.len > 0 && streams < STREAMS_MAX)
        stream_put(&out, &input, 2 * streams++ + 1);
    scene_say(scene.clients[0], buf_span(&out));
    scene_settle();

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < scene.connections_len; i++) {
            size_t before = got[i].len;
            connection_read(scene.connections[i], &got[i]);
            if (got[i].len > before) /* so that it is kept, and used for the next */
                scene_say(scene.connections[i],
                          SPAN("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        }
        scene_settle();
    }
    for (unsigned i = 0; i < scene.connections_len; i++)
        requests += requests_count(buf_span(&got[i]));
    invariant(requests <= streams);
    for (unsigned i = 0; i < SCENE_CONNECTIONS_MAX; i++)
        buf_deinit(&got[i]);
    buf_deinit(&out);
    scene_clear();
    return 0;
}
