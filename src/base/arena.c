#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bug.h"
#include "base/mem.h"

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t block_bytes)
{
    *arena = (struct arena){ .block_bytes = block_bytes };
}

static void blocks_free(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

void arena_deinit(struct arena *arena)
{
    blocks_free(arena->newest);
    arena_init(arena, arena->block_bytes);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->newest;

    if (!kept)
        return;
    blocks_free(kept->older);
    kept->older = NULL;
    arena->at = kept->bytes;
    arena->end = kept->bytes + kept->size;
    arena->total_bytes = kept->size;
}

static void block_add(struct arena *arena, size_t size)
{
    size = MAX(size, arena->block_bytes);
    struct arena_block *block = mem_alloc(sizeof(*block) + size);

    block->older = arena->newest;
    block->size = size;
    arena->newest = block;
    arena->at = block->bytes;
    arena->end = block->bytes + size;
    arena->total_bytes += size;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
    size_t gap = -(uintptr_t)arena->at & (align - 1);

    invariant(size <= SIZE_MAX / 2);
    if (!arena->at || (size_t)(arena->end - arena->at) < gap + size) {
        block_add(arena, size);
        gap = 0;
    }
    char *ptr = arena->at + gap;
    arena->at = ptr + size;
    return ptr;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return take(arena, size, alignof(max_align_t));
}

void *arena_alloc_zero(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

struct span arena_dup(struct arena *arena, struct span s)
{
    char *copy = take(arena, s.len + 1, 1);

    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return span_of(copy, s.len);
}

struct span arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    invariant(len >= 0);
    char *text = take(arena, (size_t)len + 1, 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    return span_of(text, (size_t)len);
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->total_bytes;
}
