/* base/compiler.h
 *
 * Purpose    The GNU extensions that the tree uses, under one set of names. */
#ifndef YETT_BASE_COMPILER_H
#define YETT_BASE_COMPILER_H

#include <stddef.h>

#define YETT_MUST_USE               __attribute__((warn_unused_result))
#define YETT_NORETURN               __attribute__((noreturn))
#define YETT_PRINTF(fmt_at, arg_at) __attribute__((format(printf, fmt_at, arg_at), nonnull(fmt_at)))
/* Seldom called, and never part of its caller, which would save registers for it each time. */
#define YETT_COLD                   __attribute__((cold, noinline))
#define YETT_INLINE                 inline __attribute__((always_inline))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of `type` whose member `member` lies at `ptr`. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MIN(a, b)                          \
    ({                                     \
        __typeof__(a) min_a_ = (a);        \
        __typeof__(b) min_b_ = (b);        \
        min_a_ < min_b_ ? min_a_ : min_b_; \
    })
#define MAX(a, b)                          \
    ({                                     \
        __typeof__(a) max_a_ = (a);        \
        __typeof__(b) max_b_ = (b);        \
        max_a_ > max_b_ ? max_a_ : max_b_; \
    })

#endif
