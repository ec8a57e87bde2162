#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"

void *mem_alloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    invariant(ptr != NULL);
    return ptr;
}

void *mem_alloc_zero(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    invariant(ptr != NULL);
    return ptr;
}

void *mem_realloc(void *ptr, size_t size)
{
    ptr = realloc(ptr, size ? size : 1);
    invariant(ptr != NULL);
    return ptr;
}

void *mem_dup(const void *from, size_t size)
{
    void *copy = mem_alloc(size);

    if (size > 0)
        memcpy(copy, from, size);
    return copy;
}

void *mem_free(void *ptr)
{
    free(ptr);
    return NULL;
}
