/* proc/spawn.h
 *
 * Purpose    Start a role: the same binary again, with exactly the descriptors that it is meant
 *            to have.
 * Ownership  The child gets duplicates; the caller keeps what it passes.
 * Roles      supervisor, single-threaded: nothing that another thread could hold is held at the
 *            fork.
 * Errors     -errno of the fork; a child that cannot be exec'd logs why and exits with
 *            PROC_EXEC_FAILED.
 * See        proc/inherit.h, which is the other side */
#ifndef YETT_PROC_SPAWN_H
#define YETT_PROC_SPAWN_H

#include <sys/types.h>

#include "base/compiler.h"
#include "proc/inherit.h"

#define PROC_ROLE_ENV "YETT_ROLE"

enum {
    PROC_EXEC_FAILED = 127,
    PROC_SPAWN_FDS_MAX =
        8 + (PROC_WORKERS_MAX > PROC_LISTENERS_MAX ? PROC_WORKERS_MAX : PROC_LISTENERS_MAX),
};

/* `fd` of the caller becomes number `at` of the child. */
struct proc_spawn_fd {
    int at;
    int fd;
};

/* "supervisor", "controller", "worker", "keeper": the values of YETT_ROLE. */
const char *proc_role_name(enum proc_role role);

/* Runs /proc/self/exe with `argv` and YETT_ROLE set. The child has standard output and error, what
 * `fds` says (each number once, none of them 1 or 2), and nothing else. It dies with its parent.
 * Its signal mask is empty; signals that a terminal or a service manager sends to everyone are
 * ignored, since they are the supervisor's to answer: INT, QUIT, HUP, PIPE, and TERM in workers and
 * the keeper.
 */
YETT_MUST_USE int proc_spawn(enum proc_role role, char *const argv[],
                             const struct proc_spawn_fd *fds, size_t fds_len, pid_t *ret_pid);

#endif
