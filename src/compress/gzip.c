#include <limits.h>
#include <zlib.h>

#include "base/bug.h"
#include "compress/coding.h"

/* zlib takes all its memory at the start: two windows with a look-back each, the heads of its hash
 * chains, and the literals of a block (zconf.h, "The memory requirements for deflate"). A window of
 * 8 KB costs web content some 3 % in size against the usual 32 KB, and a third of the memory. */
enum { GZIP_WINDOW_BITS_MAX = 13, GZIP_WINDOW_BITS_MIN = 9, GZIP_STATE_BYTES = 8192 };

/* Adding 16 asks for gzip's head and checksum instead of zlib's. */
enum { GZIP_FORMAT = 16 };

static int memory_level(unsigned window_bits)
{
    return (int)window_bits - 6; /* hash chains as many as the window's bytes, twice over */
}

static uint64_t gzip_cost(uint32_t level, unsigned window_bits)
{
    (void)level;
    return (1ull << (window_bits + 2)) + (1ull << (memory_level(window_bits) + 9)) +
           GZIP_STATE_BYTES;
}

static voidpf gzip_take(voidpf memory, uInt items, uInt size)
{
    return compress_memory_take(memory, (size_t)items * size);
}

static void gzip_give(voidpf memory, voidpf block)
{
    compress_memory_give(memory, block);
}

static void *gzip_open(struct compress_memory *memory, uint32_t level, unsigned window_bits)
{
    z_stream *stream = compress_memory_take(memory, sizeof(*stream));

    *stream = (z_stream){ .zalloc = gzip_take, .zfree = gzip_give, .opaque = memory };
    int r = deflateInit2(stream, (int)level, Z_DEFLATED, (int)window_bits + GZIP_FORMAT,
                         memory_level(window_bits), Z_DEFAULT_STRATEGY);
    invariant(r == Z_OK); /* memory is never refused, and the numbers are ours */
    return stream;
}

static void gzip_close(struct compress_memory *memory, void *state)
{
    deflateEnd(state);
    compress_memory_give(memory, state);
}

static const int flushes[] = {
    [COMPRESS_MORE] = Z_NO_FLUSH,
    [COMPRESS_FLUSH] = Z_SYNC_FLUSH,
    [COMPRESS_END] = Z_FINISH,
};

static int gzip_encode(void *state, enum compress_then then, struct span *bytes, char **out,
                       size_t *room)
{
    z_stream *stream = state;
    uInt given = (uInt)MIN(bytes->len, (size_t)UINT_MAX),
         room_given = (uInt)MIN(*room, (size_t)UINT_MAX);

    stream->next_in = (z_const Bytef *)bytes->ptr;
    stream->avail_in = given;
    stream->next_out = (Bytef *)*out;
    stream->avail_out = room_given;
    int r = deflate(stream, given < bytes->len ? Z_NO_FLUSH : flushes[then]);
    invariant(r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR); /* the last: nothing to do */

    *bytes = span_from(*bytes, given - stream->avail_in);
    *out += room_given - stream->avail_out;
    *room -= room_given - stream->avail_out;
    if (bytes->len > 0 || (then == COMPRESS_END && r != Z_STREAM_END))
        return COMPRESS_FULL;
    /* A flush is whole only where room was left behind it. */
    return then == COMPRESS_FLUSH && stream->avail_out == 0 ? COMPRESS_FULL : COMPRESS_OK;
}

const struct compress_coder compress_gzip = {
    .name = { "gzip", 4 },
    .window_bits_max = GZIP_WINDOW_BITS_MAX,
    .window_bits_min = GZIP_WINDOW_BITS_MIN,
    .cost = gzip_cost,
    .open = gzip_open,
    .close = gzip_close,
    .encode = gzip_encode,
};
