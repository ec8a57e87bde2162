#include "proc/sandbox_fences.h"

const struct sandbox_build sandbox_build = { .controller_is_traced = false };

void sandbox_build_prepare(enum proc_role role)
{
    (void)role; /* nothing to do ahead of the fences */
}
