/* proc/sandbox.h
 *
 * Purpose    Take away from a role what it does not need, for good.
 * Roles      worker (after it has inherited its descriptors and read resolv.conf), controller,
 *            keeper, supervisor.
 * Errors     -errno only where a fence that the kernel has could not be put up: the role must not
 *            go on. A kernel without Landlock or seccomp is logged as a warning, once; one that lets
 *            written memory be made executable (before 6.3) is not: the worker's filter does not.
 * See        docs/security.md: seccomp(2), landlock(7), capabilities(7) */
#ifndef YETT_PROC_SANDBOX_H
#define YETT_PROC_SANDBOX_H

#include "base/compiler.h"
#include "proc/inherit.h"

/* What a role keeps of what proc_sandbox_enter() takes. */
enum sandbox_right {
    SANDBOX_NOTHING,
    SANDBOX_EXEC, /* controller: for the exec plugin of a kubeconfig; what it runs is behind the same fences */
    SANDBOX_BIND, /* supervisor: low ports (CAP_NET_BIND_SERVICE) while it runs. A child has it only where
                   * the program's file gives it, until it enters its own sandbox */
};

/* All: no capabilities, no new privileges; all but the supervisor: no core dump. Worker: no files (Landlock),
 * no exec, no executable memory, only the system calls of an event loop over sockets (seccomp). Controller:
 * none of the system calls that only an attacker would make, exec first of all. Keeper: as the controller, and
 * no sockets, nor written memory that becomes executable. */
YETT_MUST_USE int proc_sandbox_enter(enum proc_role role, enum sandbox_right right);

/* Keeper, once its directory is open: no file but those below `dir`, and no TCP (Landlock). */
YETT_MUST_USE int proc_sandbox_files_below(int dir);

#endif
