#include <brotli/encode.h>

#include "base/bug.h"
#include "compress/coding.h"

/* A window of 64 KB costs web content 1 % in size; past it, levels from 5 on take a multiple of the memory
 * and of the time. */
enum { BROTLI_WINDOW_BITS_MAX = 16, BROTLI_WINDOW_BITS_MIN = 12 };

/* From contents of 1 MB on, level 4 would take 4 MB for its hash table. */
enum { BROTLI_SIZE_HINT = 1 << 19 };

/* What the encoder takes at the most, by level, rounded up from what was measured with any window up to
 * that: a ring, hash tables, and what it knows of a block until that is written. */
static const uint32_t peak_kilobytes[] = {
    [0] = 320,  [1] = 768,  [2] = 1536, [3] = 1536, [4] = 2048,  [5] = 2304,
    [6] = 2304, [7] = 2304, [8] = 2304, [9] = 3072, [10] = 4096, [11] = 6656,
};

static uint64_t brotli_cost(uint32_t level, unsigned window_bits)
{
    (void)window_bits;
    return (uint64_t)peak_kilobytes[level] << 10;
}

static void *brotli_take(void *memory, size_t size)
{
    return compress_memory_take(memory, size);
}

static void brotli_give(void *memory, void *block)
{
    compress_memory_give(memory, block);
}

static void *brotli_open(struct compress_memory *memory, uint32_t level, unsigned window_bits)
{
    BrotliEncoderState *state = BrotliEncoderCreateInstance(brotli_take, brotli_give, memory);

    invariant(state != NULL && BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, level) &&
              BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, window_bits) &&
              BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, BROTLI_SIZE_HINT));
    return state;
}

static void brotli_close(struct compress_memory *memory, void *state)
{
    (void)memory;
    BrotliEncoderDestroyInstance(state);
}

static const BrotliEncoderOperation operations[] = {
    [COMPRESS_MORE] = BROTLI_OPERATION_PROCESS,
    [COMPRESS_FLUSH] = BROTLI_OPERATION_FLUSH,
    [COMPRESS_END] = BROTLI_OPERATION_FINISH,
};

static int brotli_encode(void *state, enum compress_then then, struct span *bytes, char **out,
                         size_t *room)
{
    size_t left = bytes->len;
    const uint8_t *in = (const uint8_t *)bytes->ptr;
    uint8_t *to = (uint8_t *)*out;

    BROTLI_BOOL ok =
        BrotliEncoderCompressStream(state, operations[then], &left, &in, room, &to, NULL);
    invariant(ok); /* it fails for want of memory and for wrong use, and neither happens */
    *bytes = span_from(*bytes, bytes->len - left);
    *out = (char *)to;
    return left > 0 || (then != COMPRESS_MORE && BrotliEncoderHasMoreOutput(state)) ? COMPRESS_FULL
                                                                                    : COMPRESS_OK;
}

const struct compress_coder compress_brotli = {
    .name = { "br", 2 },
    .window_bits_max = BROTLI_WINDOW_BITS_MAX,
    .window_bits_min = BROTLI_WINDOW_BITS_MIN,
    .cost = brotli_cost,
    .open = brotli_open,
    .close = brotli_close,
    .encode = brotli_encode,
};
