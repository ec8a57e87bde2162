#include "proc/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "proc/sandbox_fences.h"

/* From linux/prctl.h of kernel 6.3; Debian 12's header does not have it yet. */
enum { SET_MDWE = 65, MDWE_REFUSE_EXEC_GAIN = 1 };

static int new_privileges_refuse(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -errno : 0;
}

/* A core file would hold keys and requests; a dumpable process may be read by others of its user.
 */
static int memory_hide(bool may_be_traced)
{
    struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none) == -1)
        return -errno;
    if (may_be_traced)
        return 0;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ? -errno : 0;
}

/* Memory that was writable never becomes executable. A kernel before 6.3 does not know it: the
 * worker's system-call filter says the same, so nobody needs a warning. */
static int executable_memory_refuse(void)
{
    if (prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == -1 && errno != EINVAL)
        return -errno;
    return 0;
}

static int worker_enter(void)
{
    int r = memory_hide(false);
    if (r < 0)
        return r;
    r = executable_memory_refuse();
    if (r < 0)
        return r;
    r = sandbox_landlock_enter(-1);
    if (r < 0)
        return r;
    return sandbox_seccomp_enter_worker(); /* last: it refuses the calls that set up the others */
}

static int controller_enter(bool may_exec)
{
    int r = memory_hide(sandbox_build.controller_is_traced);
    if (r < 0)
        return r;
    return sandbox_seccomp_enter_controller(may_exec);
}

static int keeper_enter(void)
{
    int r = memory_hide(false);
    if (r < 0)
        return r;
    r = executable_memory_refuse();
    if (r < 0)
        return r;
    return sandbox_seccomp_enter_keeper();
}

int proc_sandbox_files_below(int dir)
{
    return sandbox_landlock_enter(dir);
}

int proc_sandbox_enter(enum proc_role role, enum sandbox_right right)
{
    sandbox_build_prepare(role);
    int r = new_privileges_refuse();
    if (r < 0)
        return r;
    r = sandbox_caps_drop(right == SANDBOX_BIND);
    if (r < 0)
        return r;
    switch (role) {
    case PROC_SUPERVISOR:
        return 0;
    case PROC_CONTROLLER:
        return controller_enter(right == SANDBOX_EXEC);
    case PROC_WORKER:
        return worker_enter();
    case PROC_KEEPER:
        return keeper_enter();
    }
    return -EINVAL;
}
