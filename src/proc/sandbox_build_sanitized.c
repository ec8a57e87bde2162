#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

#include "proc/sandbox_fences.h"

/* In place of sandbox_build_plain.c in builds with sanitizers. Their run-time library reads its own memory
 * map for a report, and looks for leaks at exit from a helper process that traces this one. A worker's
 * fences and a keeper's do not open for that: there the leak check is off, and leaks are for the unit and loopback
 * tests to find. */

const struct sandbox_build sandbox_build = { .controller_is_traced = true };

static bool leak_check_is_off;

int __lsan_is_turned_off(void)
{
    return leak_check_is_off;
}

void sandbox_build_prepare(enum proc_role role)
{
    __sanitizer_sandbox_arguments none = { 0 };

    __sanitizer_sandbox_on_notify(&none); /* reads /proc/self/maps while it can */
    leak_check_is_off = role == PROC_WORKER || role == PROC_KEEPER;
}
