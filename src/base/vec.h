/* base/vec.h
 *
 * Purpose    A growing array of one type: VEC(int) numbers = { 0 };
 * Ownership  The vec owns its items array on the heap; vec_deinit() frees it, not what items own. */
#ifndef YETT_BASE_VEC_H
#define YETT_BASE_VEC_H

#include "base/bug.h"
#include "base/mem.h"

#define VEC(type)        \
    struct {             \
        type *items;     \
        size_t len, cap; \
    }

#define vec_push(v, item)                                                           \
    do {                                                                            \
        if ((v)->len == (v)->cap) {                                                 \
            (v)->cap = (v)->cap ? (v)->cap * 2 : 8;                                 \
            (v)->items = mem_realloc((v)->items, (v)->cap * sizeof((v)->items[0])); \
        }                                                                           \
        (v)->items[(v)->len++] = (item);                                            \
    } while (0)

/* Gives back the room for items that are not there. */
#define vec_trim(v)                                                                           \
    do {                                                                                      \
        if ((v)->len < (v)->cap) {                                                            \
            (v)->cap = (v)->len;                                                              \
            (v)->items = (v)->len ? mem_realloc((v)->items, (v)->len * sizeof((v)->items[0])) \
                                  : mem_free((v)->items);                                     \
        }                                                                                     \
    } while (0)

#define vec_last(v) (&(v)->items[(v)->len - 1])

/* The items from `at` on, of which there may be none. An empty vec has no array to point into. */
#define vec_from(v, at) ((v)->items ? (v)->items + (at) : NULL)

#define vec_deinit(v)                      \
    do {                                   \
        (v)->items = mem_free((v)->items); \
        (v)->len = (v)->cap = 0;           \
    } while (0)

/* `it` is a pointer to each item in turn. An empty vec has no array to point past the end of. */
#define vec_for_each(it, v) \
    for (__typeof__(*(v)->items) *it = (v)->items; (v)->len && it != (v)->items + (v)->len; it++)

#endif
