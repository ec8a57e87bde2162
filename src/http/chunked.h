/* http/chunked.h
 *
 * Purpose    The chunked transfer coding, without I/O and without copies (RFC 9112, 7.1).
 * Ownership  Pieces borrow from the bytes given in.
 * Lifetime   A zeroed struct is ready for one body.
 * Limits     CHUNKED_LINE_MAX for a chunk's size line with its extensions (which are dropped),
 *            CHUNKED_TRAILERS_MAX for the trailer section, INT64_MAX for a chunk. */
#ifndef YETT_HTTP_CHUNKED_H
#define YETT_HTTP_CHUNKED_H

#include <stdint.h>

#include "base/compiler.h"
#include "http/h1.h"

enum {
    CHUNKED_LINE_MAX = 256,
    CHUNKED_TRAILERS_MAX = 8192,
    CHUNKED_HEAD_MAX = 20, /* room for chunked_encode_head() */
};

enum chunked_state { CHUNKED_SIZE, CHUNKED_DATA, CHUNKED_DATA_END, CHUNKED_TRAILERS, CHUNKED_DONE };

struct chunked {
    enum chunked_state state;
    uint64_t left;             /* of the chunk that is being read */
    struct h1_parser trailers; /* finds their end */
};

enum chunked_result {
    CHUNKED_PIECE = 0, /* *ret_piece: content bytes */
    CHUNKED_MORE,      /* all usable bytes are consumed; more are needed */
    CHUNKED_END,       /* the body is over; *ret_piece: the trailer section's lines, "" for none */
    CHUNKED_BAD,
};

/* Consumes from the start of `bytes`: *ret_consumed is always set, also for MORE. Unconsumed bytes
 * must be given again, with more after them. The lines of a trailer section are well-formed. */
YETT_MUST_USE int chunked_decode(struct chunked *decoder, struct span bytes, size_t *ret_consumed,
                                 struct span *ret_piece);

/* Parses a trailer section that CHUNKED_END returned. Fields that may not be trailers (RFC 9110,
 * 6.5.1: framing, routing, authentication, …) are left out. Returns how many remain, at most `max`.
 */
size_t chunked_trailers_parse(struct span lines, struct http_header *headers, size_t max);

/* "<size in hex>\r\n" at `at`; returns its length. The data and "\r\n" follow; "0\r\n", trailer
 * lines and "\r\n" end the body. */
size_t chunked_encode_head(char *at, uint64_t size);

#endif
