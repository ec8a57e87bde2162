/* proc/sandbox_fences.h
 *
 * Purpose    The single fences that proc/sandbox.c puts up, one file each.
 * Roles      proc/sandbox.c only.
 * Errors     -errno where the kernel has the fence and refuses it; a kernel that lacks one is
 *            logged.
 * See        docs/security.md */
#ifndef YETT_PROC_SANDBOX_FENCES_H
#define YETT_PROC_SANDBOX_FENCES_H

#include <stdbool.h>

#include "base/compiler.h"
#include "proc/inherit.h"

/* sandbox_caps.c: no capability is left, nor can one come back; with `keeps_bind` all but
 * CAP_NET_BIND_SERVICE, where that is there, and only for this very program: an exec ends it. */
YETT_MUST_USE int sandbox_caps_drop(bool keeps_bind);

/* sandbox_landlock.c: no file by name but those below `dir` (-1: none at all), no TCP port, no signal
 * to others. */
YETT_MUST_USE int sandbox_landlock_enter(int dir);

/* sandbox_seccomp.c: what a worker may call; what a controller and a keeper may not. */
YETT_MUST_USE int sandbox_seccomp_enter_worker(void);
YETT_MUST_USE int sandbox_seccomp_enter_controller(bool may_exec);
YETT_MUST_USE int sandbox_seccomp_enter_keeper(void);

/* sandbox_build_plain.c or, in a build with sanitizers, sandbox_build_sanitized.c: what such a
 * build needs beyond, so that tests run with the fences up. */
struct sandbox_build {
    bool controller_is_traced; /* by its own leak check, at exit */
};
extern const struct sandbox_build sandbox_build;
void sandbox_build_prepare(enum proc_role role);

#endif
