#include "compress/encoder.h"

#include "base/bug.h"
#include "base/mem.h"
#include "compress/coding.h"

struct compress_encoder {
    const struct compress_coder *coder;
    void *state; /* the library's */
    struct compress_memory memory;
};

/* Each block begins with its size, since libraries free without one. */
struct block {
    _Alignas(16) size_t bytes;
    _Alignas(16) char data[];
};

static const struct compress_coder *const coders[] = {
    [COMPRESS_GZIP] = &compress_gzip,
    [COMPRESS_BROTLI] = &compress_brotli,
};

void *compress_memory_take(struct compress_memory *memory, size_t size)
{
    struct block *block = mem_alloc(sizeof(*block) + size);

    block->bytes = sizeof(*block) + size;
    memory->held_bytes += block->bytes;
    if (memory->held_bytes > memory->charged_bytes) {
        memory->budget->used_bytes += memory->held_bytes - memory->charged_bytes;
        memory->charged_bytes = memory->held_bytes;
    }
    return block->data;
}

void compress_memory_give(struct compress_memory *memory, void *data)
{
    if (!data)
        return;
    struct block *block = container_of(data, struct block, data);
    memory->held_bytes -= block->bytes;
    mem_free(block);
}

static unsigned window_bits_for(const struct compress_coder *coder, uint64_t content_bytes)
{
    unsigned bits = coder->window_bits_min;

    while (bits < coder->window_bits_max && 1ull << bits < content_bytes)
        bits++;
    return bits;
}

uint64_t compress_encoder_cost(enum compress_coding coding, uint32_t level, uint64_t content_bytes)
{
    const struct compress_coder *coder = coders[coding];

    return sizeof(struct compress_encoder) +
           coder->cost(level, window_bits_for(coder, content_bytes));
}

struct compress_encoder *compress_encoder_new(struct compress_budget *budget,
                                              enum compress_coding coding, uint32_t level,
                                              uint64_t content_bytes)
{
    uint64_t cost = compress_encoder_cost(coding, level, content_bytes);

    if (budget->used_bytes + cost > budget->max_bytes)
        return NULL;
    budget->used_bytes += cost;

    struct compress_encoder *encoder = mem_alloc(sizeof(*encoder));
    *encoder = (struct compress_encoder){
        .coder = coders[coding],
        .memory = { budget, sizeof(*encoder), cost },
    };
    encoder->state = encoder->coder->open(&encoder->memory, level,
                                          window_bits_for(encoder->coder, content_bytes));
    return encoder;
}

struct compress_encoder *compress_encoder_free(struct compress_encoder *encoder)
{
    if (!encoder)
        return NULL;
    encoder->coder->close(&encoder->memory, encoder->state);
    encoder->memory.budget->used_bytes -= encoder->memory.charged_bytes;
    return mem_free(encoder);
}

int compress_encode(struct compress_encoder *encoder, enum compress_then then, struct span bytes,
                    char *out, size_t room, size_t *ret_taken, size_t *ret_made)
{
    struct span rest = bytes;
    char *at = out;

    invariant(room >= COMPRESS_ROOM_MIN);
    int r = encoder->coder->encode(encoder->state, then, &rest, &at, &room);
    *ret_taken = bytes.len - rest.len;
    *ret_made = (size_t)(at - out);
    return r;
}

struct span compress_coding_name(enum compress_coding coding)
{
    return coders[coding]->name;
}
