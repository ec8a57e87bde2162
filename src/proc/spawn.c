#include "proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"

static int highest_target(const struct proc_spawn_fd *fds, size_t fds_len)
{
    int highest = STDERR_FILENO;

    for (size_t i = 0; i < fds_len; i++)
        highest = MAX(highest, fds[i].at);
    return highest;
}

static bool is_target(int fd, const struct proc_spawn_fd *fds, size_t fds_len)
{
    for (size_t i = 0; i < fds_len; i++) {
        if (fds[i].at == fd)
            return true;
    }
    return fd == STDOUT_FILENO || fd == STDERR_FILENO;
}

/* Sources may sit on numbers that are targets of others; so all move out of the way first. */
static int fds_place(const struct proc_spawn_fd *fds, size_t fds_len)
{
    int moved[PROC_SPAWN_FDS_MAX];
    int highest = highest_target(fds, fds_len);

    invariant(fds_len <= PROC_SPAWN_FDS_MAX);
    for (size_t i = 0; i < fds_len; i++) {
        moved[i] = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, highest + 1);
        if (moved[i] == -1)
            return -errno;
    }
    for (size_t i = 0; i < fds_len; i++) {
        if (dup2(moved[i], fds[i].at) == -1)
            return -errno;
    }
    for (int fd = 0; fd <= highest; fd++) {
        if (!is_target(fd, fds, fds_len))
            close(fd);
    }
    closefrom(highest + 1);
    return 0;
}

static void signals_set(enum proc_role role)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL); /* fails for those that have no choice */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (role != PROC_CONTROLLER)
        signal(SIGTERM, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static YETT_NORETURN void child_exec(enum proc_role role, char *const argv[],
                                     const struct proc_spawn_fd *fds, size_t fds_len, pid_t parent)
{
    signals_set(role);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
        _exit(PROC_EXEC_FAILED); /* orphaned before it could be asked for */
    int r = fds_place(fds, fds_len);
    if (r == 0 && setenv(PROC_ROLE_ENV, proc_role_name(role), true) == -1)
        r = -errno;
    if (r == 0) {
        execv("/proc/self/exe", argv);
        r = -errno;
    }
    log_error("exec_failed", F_STR("started", proc_role_name(role)), F_ERRNO(r));
    _exit(PROC_EXEC_FAILED);
}

int proc_spawn(enum proc_role role, char *const argv[], const struct proc_spawn_fd *fds,
               size_t fds_len, pid_t *ret_pid)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == -1)
        return -errno;
    if (pid == 0)
        child_exec(role, argv, fds, fds_len, parent);
    *ret_pid = pid;
    return 0;
}
