/* test/unit/proc/skip_why.h
 *
 * Purpose    A test that cannot run here says why: cmocka's skip() takes no words, and is counted as passed. */
#ifndef YETT_TEST_PROC_SKIP_WHY_H
#define YETT_TEST_PROC_SKIP_WHY_H

#include <stdio.h>

static const char *skipped_why; /* NULL: nothing was skipped */

#define skip_because(why)    \
    do {                     \
        skipped_why = (why); \
        skip();              \
    } while (0)

/* The exit status for what cmocka_run_group_tests() returned: 77 is a skip to meson. */
static inline int exit_status(int failures)
{
    if (failures != 0 || !skipped_why)
        return failures;
    fprintf(stderr, "skipped: %s\n", skipped_why);
    return 77;
}

#endif
