#include "proc/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/span.h"
#include "proc/channel.h"
#include "proc/spawn.h"

/* The supervisor sends the hello before it lets go of the child's end, so it is there when the role
 * starts; the wait is for a machine that swaps. */
enum { HELLO_WAIT_MS = 5000 };

enum proc_role proc_role_self(void)
{
    struct span name = span_from_str(getenv(PROC_ROLE_ENV));

    if (span_eq(name, span_from_str(proc_role_name(PROC_WORKER))))
        return PROC_WORKER;
    if (span_eq(name, span_from_str(proc_role_name(PROC_CONTROLLER))))
        return PROC_CONTROLLER;
    if (span_eq(name, span_from_str(proc_role_name(PROC_KEEPER))))
        return PROC_KEEPER;
    return PROC_SUPERVISOR;
}

const char *proc_role_name(enum proc_role role)
{
    switch (role) {
    case PROC_SUPERVISOR:
        return "supervisor";
    case PROC_CONTROLLER:
        return "controller";
    case PROC_WORKER:
        return "worker";
    case PROC_KEEPER:
        return "keeper";
    }
    return "unknown";
}

static bool hello_is_sound(const struct proc_hello *hello)
{
    return hello->role == (uint32_t)proc_role_self() && hello->workers_len >= 1 &&
           hello->workers_len <= PROC_WORKERS_MAX && hello->listeners_len <= PROC_LISTENERS_MAX &&
           hello->worker_index < hello->workers_len &&
           hello->admin_name_len <= sizeof(hello->admin_name);
}

/* Past the last descriptor that this role was given. */
static int inherited_end(const struct proc_hello *hello)
{
    if (hello->role == PROC_WORKER)
        return PROC_FD_FIRST + 1 + (int)hello->listeners_len;
    if (hello->role == PROC_KEEPER)
        return PROC_FD_CHANNEL + 1;
    return PROC_FD_FIRST + (int)hello->workers_len;
}

static int cloexec_set(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? -errno : 0;
}

static int inherited_set_cloexec(const struct proc_hello *hello)
{
    int end = inherited_end(hello);

    for (int fd = PROC_FD_CHANNEL; fd < end; fd++) {
        bool may_lack = fd == PROC_FD_ACCESS_LOG || fd == PROC_FD_ADMIN;
        int r = cloexec_set(fd);

        if (r == -EBADF && may_lack)
            continue;
        if (r < 0)
            return r;
    }
    return 0;
}

/* The kernel forgets a death signal at the exec of a file with capabilities, so it is asked for
 * here, too; a supervisor that died before that left its end of the channel closed. */
static int die_with_supervisor(void)
{
    struct pollfd channel = { .fd = PROC_FD_CHANNEL };

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
        return -errno;
    if (poll(&channel, 1, 0) == -1)
        return -errno;
    return channel.revents & (POLLHUP | POLLERR) ? -EPIPE : 0;
}

int proc_inherit_take(struct proc_hello *ret_hello)
{
    struct proc_hello hello;

    int r = cloexec_set(PROC_FD_CHANNEL);
    if (r < 0)
        return r;
    r = die_with_supervisor();
    if (r < 0)
        return r;
    r = proc_channel_receive_hello(PROC_FD_CHANNEL, HELLO_WAIT_MS, &hello);
    if (r < 0)
        return r;
    if (!hello_is_sound(&hello))
        return -EPROTO;
    r = inherited_set_cloexec(&hello);
    if (r < 0)
        return r;
    *ret_hello = hello;
    return 0;
}
