#include "base/mem.h"

#include <stdlib.h>

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

void *mem_free(void *ptr)
{
    free(ptr);
    return NULL;
}
