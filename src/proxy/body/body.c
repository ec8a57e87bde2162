#include "proxy/body/body.h"

#include "base/bug.h"

void body_reader_init(struct body_reader *reader, enum http_body_kind kind, uint64_t length)
{
    *reader = (struct body_reader){ .kind = kind };
    if (kind == HTTP_BODY_LENGTH)
        reader->left = length;
    reader->done = kind == HTTP_BODY_NONE || (kind == HTTP_BODY_LENGTH && length == 0);
}

static int chunked_read(struct body_reader *reader, struct iobuf *in, struct span *ret_piece)
{
    struct span bytes = iobuf_span(in), piece = SPAN_EMPTY;
    size_t consumed;

    int r = chunked_decode(&reader->chunked, bytes, &consumed, &piece);
    reader->begun = reader->begun || consumed > 0;
    switch ((enum chunked_result)r) {
    case CHUNKED_PIECE: {
        size_t before = (size_t)(piece.ptr - bytes.ptr);
        iobuf_consume(in, before);
        reader->piece_bytes = piece.len;
        reader->after_bytes = consumed - before - piece.len;
        *ret_piece = piece;
        return BODY_PIECE;
    }
    case CHUNKED_MORE:
        iobuf_consume(in, consumed);
        return BODY_MORE;
    case CHUNKED_END:
        iobuf_consume(in, consumed); /* the bytes stay where they are until more are read */
        reader->trailers = piece;
        reader->done = true;
        return BODY_END;
    case CHUNKED_BAD:
        break;
    }
    return BODY_BAD;
}

int body_read(struct body_reader *reader, struct iobuf *in, struct span *ret_piece)
{
    if (reader->done)
        return BODY_END;
    if (reader->piece_bytes > 0) {
        *ret_piece = span_upto(iobuf_span(in), reader->piece_bytes);
        return BODY_PIECE;
    }
    if (iobuf_len(in) == 0)
        return BODY_MORE;

    switch (reader->kind) {
    case HTTP_BODY_LENGTH:
        reader->piece_bytes = (size_t)MIN((uint64_t)iobuf_len(in), reader->left);
        break;
    case HTTP_BODY_TO_END:
        reader->piece_bytes = iobuf_len(in);
        break;
    case HTTP_BODY_CHUNKED:
        return chunked_read(reader, in, ret_piece);
    case HTTP_BODY_NONE:
        return BODY_END;
    }
    *ret_piece = span_upto(iobuf_span(in), reader->piece_bytes);
    return BODY_PIECE;
}

void body_consume(struct body_reader *reader, struct iobuf *in, size_t len)
{
    invariant(len <= reader->piece_bytes);
    reader->begun = reader->begun || len > 0;
    reader->piece_bytes -= len;
    if (reader->piece_bytes == 0) {
        len += reader->after_bytes;
        reader->after_bytes = 0;
    }
    iobuf_consume(in, len);
    if (reader->kind != HTTP_BODY_LENGTH)
        return;
    reader->left -= len;
    reader->done = reader->left == 0;
}

uint64_t body_plain_bytes(const struct body_reader *reader, const struct iobuf *in)
{
    if (reader->done || iobuf_len(in) > 0)
        return 0;
    switch (reader->kind) {
    case HTTP_BODY_LENGTH:
        return reader->left;
    case HTTP_BODY_TO_END:
        return UINT64_MAX;
    case HTTP_BODY_CHUNKED:
    case HTTP_BODY_NONE:
        break;
    }
    return 0;
}

void body_pass(struct body_reader *reader, size_t len)
{
    reader->begun = true;
    if (reader->kind != HTTP_BODY_LENGTH)
        return;
    reader->left -= len;
    reader->done = reader->left == 0;
}

size_t body_writer_room(enum http_body_kind kind, const struct iobuf *out)
{
    size_t room = iobuf_room(out);
    size_t framing = kind == HTTP_BODY_CHUNKED ? CHUNKED_HEAD_MAX + 2 : 0;

    return room > framing ? room - framing : 0;
}

void body_write(enum http_body_kind kind, struct iobuf *out, struct span piece)
{
    if (kind != HTTP_BODY_CHUNKED) {
        iobuf_append(out, piece);
        return;
    }
    char head[CHUNKED_HEAD_MAX];
    iobuf_append(out, span_of(head, chunked_encode_head(head, piece.len)));
    iobuf_append(out, piece);
    iobuf_append(out, SPAN("\r\n"));
}

enum { LAST_CHUNK_BYTES = 5, FIELD_BYTES = 4 /* around each name and value */ };

size_t body_end_bytes(const struct http_header *trailers, size_t trailers_len)
{
    size_t bytes = LAST_CHUNK_BYTES;

    for (size_t i = 0; i < trailers_len; i++)
        bytes += trailers[i].name_len + (size_t)trailers[i].value_len + FIELD_BYTES;
    return bytes;
}

void body_write_end(struct iobuf *out, const struct http_header *trailers, size_t trailers_len)
{
    iobuf_append(out, SPAN("0\r\n"));
    for (size_t i = 0; i < trailers_len; i++) {
        iobuf_append(out, http_header_name(&trailers[i]));
        iobuf_append(out, SPAN(": "));
        iobuf_append(out, http_header_value(&trailers[i]));
        iobuf_append(out, SPAN("\r\n"));
    }
    iobuf_append(out, SPAN("\r\n"));
}
