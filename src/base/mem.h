/* base/mem.h
 *
 * Purpose    The heap. Out of memory is a bug of sizing, not an outcome: these never return NULL.
 * Ownership  The caller frees with mem_free().
 * Limits     Anything sized by a peer must draw on a budget of its own before it comes here. */
#ifndef YETT_BASE_MEM_H
#define YETT_BASE_MEM_H

#include <stddef.h>

#include "base/compiler.h"

YETT_MUST_USE void *mem_alloc(size_t size);      /* uninitialised */
YETT_MUST_USE void *mem_alloc_zero(size_t size); /* all bytes zero */
YETT_MUST_USE void *mem_realloc(void *ptr, size_t size);
YETT_MUST_USE void *mem_dup(const void *from, size_t size); /* a copy of that many bytes */

/* Frees `ptr` (NULL is fine) and returns NULL, so that `x = mem_free(x)`. */
void *mem_free(void *ptr);

static inline void mem_freep(void *pp)
{
    void **p = (void **)pp;
    *p = mem_free(*p);
}

#endif
