#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void bug_stop(const char *file, int line, const char *what)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "yett: bug at %s:%d: %s\n", file, line, what);

    if (n > 0 && write(STDERR_FILENO, text, MIN((size_t)n, sizeof(text) - 1)) == -1)
        abort(); /* nowhere to say it */
    abort();
}
