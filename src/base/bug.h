/* base/bug.h
 *
 * Purpose    Stop at a bug. A process that lost an invariant ends; the supervisor starts another. */
#ifndef YETT_BASE_BUG_H
#define YETT_BASE_BUG_H

#include "base/compiler.h"

/* Never compiled out. `cond` must be free of side effects all the same. */
#define invariant(cond)                          \
    do {                                         \
        if (unlikely(!(cond)))                   \
            bug_stop(__FILE__, __LINE__, #cond); \
    } while (0)

#define unreachable() bug_stop(__FILE__, __LINE__, "unreachable")

/* Writes one line to standard error and aborts. */
YETT_NORETURN YETT_COLD void bug_stop(const char *file, int line, const char *what);

#endif
