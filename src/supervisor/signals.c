#include "supervisor/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "supervisor/children.h"
#include "supervisor/handover.h"
#include "supervisor/state.h"

int signals_open(int *ret_fd)
{
    static const int wanted[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        sigaddset(&set, wanted[i]);
    signal(SIGPIPE, SIG_IGN); /* a log that nobody reads must not end the gate */
    signal(SIGCHLD,
           SIG_DFL); /* ignored, as it may have been inherited, children vanish unreported */
    if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd == -1)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* As pid 1 we inherit every orphan of the container; those are reaped without a word. */
static void reap_all(struct supervisor *supervisor)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0)
            return;
        struct child *child = children_find(supervisor, pid);
        if (!child)
            continue;
        bool is_crash = children_on_death(supervisor, child, status);
        handover_on_death(supervisor, child, is_crash);
    }
}

void signals_on_readable(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (read(supervisor->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap_all(supervisor);
            break;
        case SIGHUP:
            log_info("signal_ignored", F_STR("signal", "HUP"),
                     F_STR("because", "changes are live without a reload"));
            break;
        default:
            log_info("signal", F_STR("signal", sigabbrev_np((int)info.ssi_signo)),
                     F_INT("from_pid", info.ssi_pid));
            drain_on_signal(supervisor);
        }
    }
}
