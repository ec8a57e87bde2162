#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "proc/sandbox_fences.h"

/* Worker: a list of what is allowed. The rest is refused with an error, since libraries try this
 * and that (time zones, locales, /proc, terminals) and do without; except for what only an attacker
 * would ask for, which ends the process. Controller: only a list of what is refused; it needs files
 * and the network, and is reached by nobody but the API server. Keeper: the same, and no sockets. */

/* Allowed whatever the arguments. */
static const int worker_calls[] = {
    /* descriptors it has */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwritev2),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    /* sockets */
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    /* the loop */
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(restart_syscall),
    /* memory; mmap and mprotect have rules of their own */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* time and chance */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrandom),
    /* itself */
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu),
    SCMP_SYS(futex),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    /* signals and the end */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Allowed where one argument is right: (args[arg] & mask) == value. */
static const struct {
    int call;
    unsigned arg;
    uint64_t mask, value;
} worker_conditional[] = {
    { SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
    { SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
    { SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH }, /* how glibc may spell fstat() */
    { SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFL },
    { SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFL },
    { SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFD },
    { SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFD },
    { SCMP_SYS(fcntl), 1, UINT32_MAX, F_DUPFD_CLOEXEC },
    { SCMP_SYS(fcntl), 1, UINT32_MAX, F_GET_SEALS },
    { SCMP_SYS(pipe2), 1, UINT32_MAX, O_NONBLOCK | O_CLOEXEC },
    { SCMP_SYS(ioctl), 1, UINT32_MAX, FIONBIO },
    { SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD },
    { SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME },
    { SCMP_SYS(prlimit64), 2, UINT64_MAX, 0 }, /* reads a limit, sets none */
};

static const int socket_domains[] = { AF_INET, AF_INET6, AF_UNIX };
static const int socket_types[] = { SOCK_STREAM, SOCK_DGRAM };
enum { SOCKET_TYPE_MASK = 0xf }; /* the rest are SOCK_CLOEXEC and SOCK_NONBLOCK */

/* A worker that calls one of these ends. */
static const int worker_fatal[] = { SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(clone),
                                    SCMP_SYS(clone3) };

/* Nor may a worker that calls one of these go on; a controller gets EPERM. */
static const int dangerous_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(syslog),
    SCMP_SYS(vhangup),
};

static void filter_releasep(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

/* A call that this architecture does not have needs no rule, nor does one that has it already. */
static int rule_result(int r)
{
    return r == -EDOM || r == -EEXIST ? 0 : r;
}

static int rules_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t calls_len)
{
    for (size_t i = 0; i < calls_len; i++) {
        int r = rule_result(seccomp_rule_add(filter, action, calls[i], 0));
        if (r < 0)
            return r;
    }
    return 0;
}

static int rules_add_conditional(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < ARRAY_LEN(worker_conditional); i++) {
        struct scmp_arg_cmp right = { worker_conditional[i].arg, SCMP_CMP_MASKED_EQ,
                                      worker_conditional[i].mask, worker_conditional[i].value };
        int r = rule_result(
            seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, worker_conditional[i].call, 1, &right));
        if (r < 0)
            return r;
    }
    return 0;
}

/* Between sockets and pipes: no offsets, which are those of files, and no flag that nobody needs. */
static int rules_add_splice(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp right[] = {
        { 1, SCMP_CMP_EQ, 0, 0 },
        { 3, SCMP_CMP_EQ, 0, 0 },
        { 5, SCMP_CMP_MASKED_EQ, UINT32_MAX, SPLICE_F_MOVE | SPLICE_F_NONBLOCK },
    };

    return rule_result(
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(splice), ARRAY_LEN(right), right));
}

/* A bug that ends in abort() signals this very process; no other may be signalled. */
static int rules_add_abort(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp self = { 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0 };

    return rule_result(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self));
}

static int rules_add_sockets(scmp_filter_ctx filter)
{
    for (size_t d = 0; d < ARRAY_LEN(socket_domains); d++) {
        for (size_t t = 0; t < ARRAY_LEN(socket_types); t++) {
            struct scmp_arg_cmp right[] = {
                { 0, SCMP_CMP_EQ, (scmp_datum_t)socket_domains[d], 0 },
                { 1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, (scmp_datum_t)socket_types[t] },
            };
            int r = rule_result(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
                                                       ARRAY_LEN(right), right));
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int worker_rules_add(scmp_filter_ctx filter)
{
    int r = rules_add(filter, SCMP_ACT_ALLOW, worker_calls, ARRAY_LEN(worker_calls));
    if (r == 0)
        r = rules_add(filter, SCMP_ACT_KILL_PROCESS, worker_fatal, ARRAY_LEN(worker_fatal));
    if (r == 0)
        r = rules_add(filter, SCMP_ACT_KILL_PROCESS, dangerous_calls, ARRAY_LEN(dangerous_calls));
    if (r == 0)
        r = rules_add_conditional(filter);
    if (r == 0)
        r = rules_add_splice(filter);
    if (r == 0)
        r = rules_add_abort(filter);
    if (r == 0)
        r = rules_add_sockets(filter);
    return r;
}

static bool is_for_exec(int call)
{
    return call == SCMP_SYS(execve) || call == SCMP_SYS(execveat);
}

static int rules_refuse(scmp_filter_ctx filter, bool may_exec)
{
    for (size_t i = 0; i < ARRAY_LEN(dangerous_calls); i++) {
        if (dangerous_calls[i] == SCMP_SYS(ptrace) && sandbox_build.controller_is_traced)
            continue;
        if (may_exec && is_for_exec(dangerous_calls[i]))
            continue;
        int r = rules_add(filter, SCMP_ACT_ERRNO(EPERM), &dangerous_calls[i], 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int controller_rules_add(scmp_filter_ctx filter)
{
    return rules_refuse(filter, false);
}

static int exec_controller_rules_add(scmp_filter_ctx filter)
{
    return rules_refuse(filter, true);
}

static int keeper_rules_add(scmp_filter_ctx filter)
{
    static const int sockets[] = { SCMP_SYS(socket), SCMP_SYS(socketpair) };
    int r = rules_add(filter, SCMP_ACT_ERRNO(EPERM), dangerous_calls, ARRAY_LEN(dangerous_calls));

    return r < 0 ? r : rules_add(filter, SCMP_ACT_ERRNO(EPERM), sockets, ARRAY_LEN(sockets));
}

static bool kernel_has_seccomp(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != -1 || errno != EINVAL;
}

static int filter_load(uint32_t default_action, int (*rules)(scmp_filter_ctx filter))
{
    if (!kernel_has_seccomp()) {
        log_warn("sandbox_fence_missing", F_STR("fence", "seccomp"),
                 F_STR("mend", "a kernel with CONFIG_SECCOMP_FILTER"));
        return 0;
    }
    SCOPED(filter_releasep) scmp_filter_ctx filter = seccomp_init(default_action);
    if (!filter)
        return -ENOMEM;
    int r = rules(filter);
    if (r < 0)
        return r;
    r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a chain of compares */
    if (r < 0)
        return r;
    return seccomp_load(filter);
}

int sandbox_seccomp_enter_worker(void)
{
    return filter_load(SCMP_ACT_ERRNO(EPERM), worker_rules_add);
}

int sandbox_seccomp_enter_controller(bool may_exec)
{
    return filter_load(SCMP_ACT_ALLOW, may_exec ? exec_controller_rules_add : controller_rules_add);
}

int sandbox_seccomp_enter_keeper(void)
{
    return filter_load(SCMP_ACT_ALLOW, keeper_rules_add);
}
