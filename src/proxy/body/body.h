/* proxy/body/body.h
 *
 * Purpose    How a body is framed on the wire, on its way in (reader) and out (writer).
 * Ownership  Plain values; pieces borrow from the bytes that were given.
 * See        RFC 9112, 6 and 7 */
#ifndef YETT_PROXY_BODY_BODY_H
#define YETT_PROXY_BODY_BODY_H

#include "http/chunked.h"
#include "http/message.h"
#include "proxy/body/body_source.h"
#include "proxy/stream/iobuf.h"

struct body_reader {
    enum http_body_kind kind;
    bool begun; /* bytes were consumed, content or framing */
    bool done;
    uint64_t left;      /* HTTP_BODY_LENGTH: still to come */
    size_t piece_bytes; /* content at the front of the buffer, found already */
    size_t after_bytes; /* framing behind that piece, consumed with it */
    struct chunked chunked;
    struct span trailers; /* when done: section's lines; until the buffer changes */
};

enum body_result {
    BODY_PIECE = 0, /* content lies at the front of the buffer */
    BODY_MORE,      /* needs more bytes */
    BODY_END,
    BODY_BAD,
};

void body_reader_init(struct body_reader *reader, enum http_body_kind kind, uint64_t length);

/* Looks at the front of `in`, consuming framing. BODY_PIECE: *ret_piece is content, to be consumed with
 * body_consume(). BODY_END: nothing of this body is left in `in`. */
YETT_MUST_USE int body_read(struct body_reader *reader, struct iobuf *in, struct span *ret_piece);
/* Drops `len` bytes of the piece. */
void body_consume(struct body_reader *reader, struct iobuf *in, size_t len);

/* How many bytes behind `in`, not read yet, are content as they are. 0: none, or framing has to be read. */
uint64_t body_plain_bytes(const struct body_reader *reader, const struct iobuf *in);
/* Content of those that was taken past the buffer. */
void body_pass(struct body_reader *reader, size_t len);

/* Content bytes that writing to `out` in this framing has room for; 0: send first. */
size_t body_writer_room(enum http_body_kind kind, const struct iobuf *out);
/* Appends a piece (within that room, not empty) in this framing. */
void body_write(enum http_body_kind kind, struct iobuf *out, struct span piece);
/* Bytes that body_write_end() needs room for. */
size_t body_end_bytes(const struct http_header *trailers, size_t trailers_len);
/* Appends the last chunk, with trailer fields. */
void body_write_end(struct iobuf *out, const struct http_header *trailers, size_t trailers_len);

#endif
