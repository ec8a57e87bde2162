/* base/scope.h
 *
 * Purpose    Clean-up bound to a scope: SCOPED(fn) calls fn(&variable) when the variable dies.
 * Ownership  TAKE() moves a value out, so that the guard then finds NULL (or -1). */
#ifndef YETT_BASE_SCOPE_H
#define YETT_BASE_SCOPE_H

#include <unistd.h>

#include "base/compiler.h"

#define SCOPED(fn) __attribute__((cleanup(fn)))

#define TAKE(ptr)                       \
    ({                                  \
        __typeof__(ptr) taken_ = (ptr); \
        (ptr) = NULL;                   \
        taken_;                         \
    })

#define TAKE_FD(fd)        \
    ({                     \
        int taken_ = (fd); \
        (fd) = -1;         \
        taken_;            \
    })

static inline void fd_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#endif
