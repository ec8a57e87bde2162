#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proc/sandbox.h"

/* Each attempt runs in a child of its own, which enters the sandbox and exits with the attempt's
 * errno, 0 for success. */

enum { ENTER_FAILED = 250 };

static struct {
    struct sockaddr_in loopback; /* of a listener that the test holds */
    int listener;
    int null_fd;   /* opened before the sandbox */
    bool may_bind; /* CAP_NET_BIND_SERVICE is permitted */
    bool all_may;  /* low ports are everybody's, as in containers */
    pid_t parent;
} fixture;

static int errno_of(long result)
{
    return result == -1 ? errno : 0;
}

static int try_open(void)
{
    return errno_of(open("/etc/passwd", O_RDONLY));
}

static int try_create(void)
{
    return errno_of(open("/tmp/yett-test-sandbox", O_WRONLY | O_CREAT, 0600));
}

static int try_stat(void)
{
    return errno_of(access("/etc/passwd", F_OK));
}

static int try_exec(void)
{
    char *argv[] = { (char *)"true", NULL };

    return errno_of(execv("/bin/true", argv));
}

static int try_exec_of_descriptor(void)
{
    char *none[] = { NULL };

    return errno_of(syscall(SYS_execveat, fixture.null_fd, "", none, none, AT_EMPTY_PATH));
}

static int try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return errno_of(pid);
}

static int try_ptrace(void)
{
    return errno_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_read_parent(void)
{
    char byte;
    struct iovec here = { &byte, 1 }, there = { &fixture, 1 };

    return errno_of(process_vm_readv(fixture.parent, &here, 1, &there, 1, 0));
}

static int try_signal_parent(void)
{
    return errno_of(kill(fixture.parent, 0));
}

static int try_map_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? errno : 0;
}

static int try_turn_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? -1 : errno_of(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int try_netlink(void)
{
    return errno_of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int try_raw(void)
{
    return errno_of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int try_packet(void)
{
    return errno_of(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int try_bind(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd == -1 ? -1 : errno_of(bind(fd, (struct sockaddr *)&any, sizeof(any)));
}

static int try_raise_limit(void)
{
    struct rlimit limit = { 0, 0 };

    return errno_of(setrlimit(RLIMIT_NOFILE, &limit));
}

static int try_unshare(void)
{
    return errno_of(syscall(SYS_unshare, 0));
}

static int try_ioctl(void)
{
    char byte = 'x';

    return errno_of(ioctl(fixture.null_fd, TIOCSTI, &byte));
}

static int try_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1)
        return errno;
    int r = errno_of(connect(fd, (struct sockaddr *)&fixture.loopback, sizeof(fixture.loopback)));
    return r == EINPROGRESS ? 0 : r;
}

static int try_accept(void)
{
    int r = try_connect();

    return r ? r : errno_of(accept4(fixture.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static int try_dns_socket(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return errno_of(fd);
}

static int try_unix_abstract(void)
{
    struct sockaddr_un nobody = { .sun_family = AF_UNIX, .sun_path = "\0yett-test-nobody" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd == -1)
        return errno;
    int r = errno_of(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
    return r == ECONNREFUSED ? 0 : r; /* asked, and nobody is there */
}

static int try_epoll(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    int pair[2];
    char byte = 'x';

    if (epoll == -1 || pipe2(pair, O_NONBLOCK | O_CLOEXEC) == -1)
        return errno;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) == -1 || write(pair[1], &byte, 1) != 1)
        return errno;
    if (epoll_wait(epoll, &event, 1, 1000) != 1 || read(pair[0], &byte, 1) != 1)
        return -1;
    return errno_of(close(epoll));
}

/* From one pipe to another, as from a socket. */
static int splice_between_pipes(loff_t *offset, unsigned flags)
{
    int from[2], to[2];

    if (pipe2(from, O_NONBLOCK | O_CLOEXEC) == -1 || pipe2(to, O_NONBLOCK | O_CLOEXEC) == -1 ||
        write(from[1], "x", 1) != 1)
        return -1;
    return errno_of(splice(from[0], offset, to[1], NULL, 1, flags));
}

static int try_splice(void)
{
    return splice_between_pipes(NULL, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static int try_splice_at_offset(void)
{
    return splice_between_pipes(&(loff_t){ 0 }, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static int try_splice_that_waits(void)
{
    return splice_between_pipes(NULL, 0);
}

static int try_random(void)
{
    char bytes[16];

    return getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes) ? 0 : errno;
}

static int try_heap(void)
{
    for (size_t bytes = 1; bytes < (64u << 20); bytes *= 8) {
        char *p = malloc(bytes);

        if (!p)
            return ENOMEM;
        memset(p, 1, bytes);
        p = realloc(p, bytes * 2);
        free(p);
    }
    return 0;
}

static int try_abort(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int try_caps(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, caps) == -1)
        return errno;
    for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
        if (caps[i].effective || caps[i].permitted || caps[i].inheritable)
            return EPERM;
    }
    return 0;
}

/* At most the one, and that as it was permitted before: fixture.may_bind. */
static int try_caps_bind_only(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
    uint32_t expected = fixture.may_bind ? CAP_TO_MASK(CAP_NET_BIND_SERVICE) : 0;

    if (syscall(SYS_capget, &header, caps) == -1)
        return errno;
    if (caps[0].permitted != expected || caps[0].effective != expected || caps[0].inheritable ||
        caps[1].permitted || caps[1].effective || caps[1].inheritable)
        return EPERM;
    return 0;
}

static int try_bind_low(void)
{
    struct sockaddr_in low = { .sin_family = AF_INET,
                               .sin_port = htons(1),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = errno_of(bind(fd, (struct sockaddr *)&low, sizeof(low)));

    close(fd);
    return error == (fixture.may_bind || fixture.all_may ? 0 : EACCES) || error == EADDRINUSE
               ? 0
               : EPERM;
}

static int try_exec_without_caps(void)
{
    execl("/bin/grep", "grep", "-q", "^CapPrm:[^1-9a-f]*$", "/proc/self/status", NULL);
    return errno;
}

static int try_core_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CORE, &limit) == -1)
        return errno;
    return limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : EPERM;
}

static int try_new_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

/* What a worker may do and what not. `ends_by`: the signal that ends it, or 0. */
struct attempt {
    const char *what;
    int (*attempt)(void);
    int error;
    int ends_by;
};

static const struct attempt worker_attempts[] = {
    { "open a file", try_open, EPERM, 0 },
    { "create a file", try_create, EPERM, 0 },
    { "look for a file", try_stat, EPERM, 0 },
    { "exec", try_exec, 0, SIGSYS },
    { "exec a descriptor", try_exec_of_descriptor, 0, SIGSYS },
    { "fork", try_fork, 0, SIGSYS },
    { "ptrace", try_ptrace, 0, SIGSYS },
    { "read the parent's memory", try_read_parent, 0, SIGSYS },
    { "unshare", try_unshare, 0, SIGSYS },
    { "signal the parent", try_signal_parent, EPERM, 0 },
    { "map executable memory", try_map_executable, EPERM, 0 },
    { "make memory executable", try_turn_executable, EPERM, 0 },
    { "netlink socket", try_netlink, EPERM, 0 },
    { "raw socket", try_raw, EPERM, 0 },
    { "packet socket", try_packet, EPERM, 0 },
    { "bind a port", try_bind, EPERM, 0 },
    { "change a limit", try_raise_limit, EPERM, 0 },
    { "a device's ioctl", try_ioctl, EPERM, 0 },
    { "connect", try_connect, 0, 0 },
    { "accept", try_accept, 0, 0 },
    { "datagram socket", try_dns_socket, 0, 0 },
    { "abstract UNIX socket", try_unix_abstract, 0, 0 },
    { "epoll, pipe, read, write", try_epoll, 0, 0 },
    { "random bytes", try_random, 0, 0 },
    { "splice", try_splice, 0, 0 },
    { "splice at an offset", try_splice_at_offset, EPERM, 0 },
    { "splice that waits", try_splice_that_waits, EPERM, 0 },
    { "heap, small and large", try_heap, 0, 0 },
    { "abort", try_abort, 0, SIGABRT },
    { "no core dump", try_core_limit, 0, 0 },
};

static const struct attempt controller_attempts[] = {
    { "open a file", try_open, 0, 0 },
    { "exec", try_exec, EPERM, 0 },
    { "unshare", try_unshare, EPERM, 0 },
    { "read the parent's memory", try_read_parent, EPERM, 0 },
    { "fork", try_fork, 0, 0 },
    { "connect", try_connect, 0, 0 },
    { "bind a port", try_bind, 0, 0 },
    { "no capabilities", try_caps, 0, 0 },
    { "no core dump", try_core_limit, 0, 0 },
    { "no new privileges", try_new_privileges, 0, 0 },
};

static const struct attempt keeper_attempts[] = {
    { "open a file", try_open, 0, 0 }, /* until its directory is open: test_landlock.c */
    { "exec", try_exec, EPERM, 0 },
    { "unshare", try_unshare, EPERM, 0 },
    { "ptrace", try_ptrace, EPERM, 0 },
    { "read the parent's memory", try_read_parent, EPERM, 0 },
    { "a socket", try_dns_socket, EPERM, 0 },
    { "abstract UNIX socket", try_unix_abstract, EPERM, 0 },
    { "no capabilities", try_caps, 0, 0 },
    { "no core dump", try_core_limit, 0, 0 },
    { "no new privileges", try_new_privileges, 0, 0 },
};

static const struct attempt supervisor_attempts[] = {
    { "open a file", try_open, 0, 0 },
    { "fork", try_fork, 0, 0 },
    { "no capabilities", try_caps, 0, 0 },
    { "no new privileges", try_new_privileges, 0, 0 },
};

static int attempt_in_child(enum proc_role role, enum sandbox_right right, int (*attempt)(void))
{
    int status;
    pid_t pid = fork();

    assert_int_not_equal(pid, -1);
    if (pid == 0)
        _exit(proc_sandbox_enter(role, right) < 0 ? ENTER_FAILED : attempt());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void attempts_check(enum proc_role role, enum sandbox_right right,
                           const struct attempt *attempts, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int status = attempt_in_child(role, right, attempts[i].attempt);

        print_message("%s\n", attempts[i].what);
        if (attempts[i].ends_by) {
            assert_true(WIFSIGNALED(status));
            assert_int_equal(WTERMSIG(status), attempts[i].ends_by);
            continue;
        }
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), attempts[i].error);
    }
}

static void test_worker(void **state)
{
    (void)state;
    attempts_check(PROC_WORKER, SANDBOX_NOTHING, worker_attempts, ARRAY_LEN(worker_attempts));
}

static void test_controller(void **state)
{
    (void)state;
    attempts_check(PROC_CONTROLLER, SANDBOX_NOTHING, controller_attempts,
                   ARRAY_LEN(controller_attempts));
}

/* With an exec plugin: that, and nothing else. */
static void test_controller_that_may_exec(void **state)
{
    (void)state;
    struct attempt attempts[ARRAY_LEN(controller_attempts)];

    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        attempts[i] = controller_attempts[i];
        if (attempts[i].attempt == try_exec)
            attempts[i].error = 0;
    }
    attempts_check(PROC_CONTROLLER, SANDBOX_EXEC, attempts, ARRAY_LEN(attempts));
}

static void test_keeper(void **state)
{
    (void)state;
    attempts_check(PROC_KEEPER, SANDBOX_NOTHING, keeper_attempts, ARRAY_LEN(keeper_attempts));
}

static void test_supervisor(void **state)
{
    (void)state;
    attempts_check(PROC_SUPERVISOR, SANDBOX_NOTHING, supervisor_attempts,
                   ARRAY_LEN(supervisor_attempts));
}

/* With ports that come and go: that one capability, and none for children. */
static void test_supervisor_that_binds(void **state)
{
    static const struct attempt attempts[] = {
        { "one capability", try_caps_bind_only, 0, 0 },
        { "a low port, as far as it was allowed before", try_bind_low, 0, 0 },
        { "none after exec", try_exec_without_caps, 0, 0 },
        { "no new privileges", try_new_privileges, 0, 0 },
    };

    (void)state;
    attempts_check(PROC_SUPERVISOR, SANDBOX_BIND, attempts, ARRAY_LEN(attempts));
}

static bool all_may_bind_low(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    int first;

    if (!file || fscanf(file, "%d", &first) != 1)
        return false;
    fclose(file);
    return first <= 1;
}

static int setup(void **state)
{
    socklen_t len = sizeof(fixture.loopback);

    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

    (void)state;
    if (syscall(SYS_capget, &header, caps) == -1)
        return -1;
    fixture.may_bind = caps[0].permitted & CAP_TO_MASK(CAP_NET_BIND_SERVICE);
    fixture.all_may = all_may_bind_low();
    fixture.parent = getpid();
    fixture.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    fixture.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fixture.loopback =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(fixture.listener, (struct sockaddr *)&fixture.loopback, len) == -1 ||
        listen(fixture.listener, 64) == -1 ||
        getsockname(fixture.listener, (struct sockaddr *)&fixture.loopback, &len) == -1)
        return -1;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker),
        cmocka_unit_test(test_controller),
        cmocka_unit_test(test_controller_that_may_exec),
        cmocka_unit_test(test_keeper),
        cmocka_unit_test(test_supervisor),
        cmocka_unit_test(test_supervisor_that_binds),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
