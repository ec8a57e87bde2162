/* compress/coding.h
 *
 * Purpose    What each coding is to encoder.c.
 * Roles      Inside the room only. */
#ifndef YETT_COMPRESS_CODING_H
#define YETT_COMPRESS_CODING_H

#include "compress/encoder.h"

/* The libraries' memory: counted, and charged to the budget where it is more than was reserved. */
struct compress_memory {
    struct compress_budget *budget;
    uint64_t held_bytes, charged_bytes;
};

void *compress_memory_take(struct compress_memory *memory, size_t size);
void compress_memory_give(struct compress_memory *memory, void *block);

struct compress_coder {
    struct span name;
    /* The largest window worth its memory, and the smallest; as powers of two. */
    unsigned window_bits_max, window_bits_min;
    uint64_t (*cost)(uint32_t level, unsigned window_bits);
    void *(*open)(struct compress_memory *memory, uint32_t level, unsigned window_bits);
    void (*close)(struct compress_memory *memory, void *state);
    int (*encode)(void *state, enum compress_then then, struct span *bytes, char **out,
                  size_t *room);
};

extern const struct compress_coder compress_gzip, compress_brotli;

#endif
