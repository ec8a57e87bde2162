/* base/arena.h
 *
 * Purpose    Memory that is freed whole: per request, per connection, per compilation.
 * Ownership  The arena owns what it hands out, until arena_reset() or arena_deinit().
 * Lifetime   arena_init() costs nothing; the first block is taken at the first allocation.
 * Limits     None of its own: a caller that stores what a peer sends counts arena_bytes(). */
#ifndef YETT_BASE_ARENA_H
#define YETT_BASE_ARENA_H

#include "base/compiler.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *newest;
    char *at;  /* next free byte of the newest block */
    char *end; /* past its last byte */
    size_t block_bytes;
    size_t total_bytes;
};

/* Blocks hold at least `block_bytes`; a larger allocation gets a block of its own. */
void arena_init(struct arena *arena, size_t block_bytes);
void arena_deinit(struct arena *arena);

/* Frees all but one block and starts anew. */
void arena_reset(struct arena *arena);

/* Aligned for any type; uninitialised. Never NULL. */
YETT_MUST_USE void *arena_alloc(struct arena *arena, size_t size);
YETT_MUST_USE void *arena_alloc_zero(struct arena *arena, size_t size);

/* Copies, without a gap between one text and the next; the copy is followed by a NUL that its length does
 * not count. */
struct span arena_dup(struct arena *arena, struct span s);
struct span arena_printf(struct arena *arena, const char *fmt, ...) YETT_PRINTF(2, 3);

/* Bytes held in blocks. */
size_t arena_bytes(const struct arena *arena);

#define arena_new(arena, type)          ((type *)arena_alloc_zero((arena), sizeof(type)))
#define arena_new_array(arena, type, n) ((type *)arena_alloc_zero((arena), sizeof(type) * (n)))

#endif
