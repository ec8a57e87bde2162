/* compress/encoder.h
 *
 * Purpose    Content codings as a stream without I/O: content in, coded bytes out, in pieces of any
 *            size (only user of zlib and of brotli's encoder).
 * Ownership  The caller owns the encoder, which borrows its budget.
 * Lifetime   compress_encoder_new() … compress_encoder_free(). After COMPRESS_END is done, nothing more
 *            may be encoded.
 * Limits     What an encoder takes at the most is known by coding, level and content length
 *            (compress_encoder_cost()) and is drawn from the budget as a whole before it starts: one that
 *            would not fit is refused, one that was begun never fails for want of memory.
 * Units      Bytes. Levels are the library's own: 1 to 9 for gzip, 0 to 11 for br.
 * See        RFC 1952 (gzip), RFC 7932 (br), RFC 9110 8.4 */
#ifndef YETT_COMPRESS_ENCODER_H
#define YETT_COMPRESS_ENCODER_H

#include <stdint.h>

#include "base/span.h"

enum compress_coding { COMPRESS_GZIP, COMPRESS_BROTLI };

/* Memory of all encoders that share it. */
struct compress_budget {
    uint64_t used_bytes, max_bytes;
};

/* What follows the bytes that are given. */
enum compress_then {
    COMPRESS_MORE,  /* more, soon: the coder gathers as it likes */
    COMPRESS_FLUSH, /* more, some time: what was given can be decoded by whoever has the output */
    COMPRESS_END,   /* nothing */
};

enum compress_result {
    COMPRESS_OK = 0, /* all bytes are taken, and what `then` asks for is in the output */
    COMPRESS_FULL,   /* the output is: give the rest, with the same `then`, and room */
};

struct compress_encoder;

/* Room that compress_encode() needs at least, so that zlib's marker of a flush is written once. */
enum { COMPRESS_ROOM_MIN = 64 };

/* Lengths that are not known; as long as the window reaches. */
#define COMPRESS_LENGTH_UNKNOWN UINT64_MAX

/* What an encoder of this kind takes at the most. */
uint64_t compress_encoder_cost(enum compress_coding coding, uint32_t level, uint64_t content_bytes);

/* NULL: the budget has no room for one more. `content_bytes`: how much will be encoded, or
 * COMPRESS_LENGTH_UNKNOWN; short content gets by with a smaller window. */
struct compress_encoder *compress_encoder_new(struct compress_budget *budget,
                                              enum compress_coding coding, uint32_t level,
                                              uint64_t content_bytes);
struct compress_encoder *compress_encoder_free(struct compress_encoder *encoder);

/* Encodes from the start of `bytes` to `out`, of `room` bytes. *ret_taken and *ret_made are always set.
 * COMPRESS_FLUSH and COMPRESS_END, once asked for, are asked for until they are COMPRESS_OK, with the
 * bytes that are left and no others. */
YETT_MUST_USE int compress_encode(struct compress_encoder *encoder, enum compress_then then,
                                  struct span bytes, char *out, size_t room, size_t *ret_taken,
                                  size_t *ret_made);

/* As Content-Encoding and Accept-Encoding name it. */
struct span compress_coding_name(enum compress_coding coding);

#endif
