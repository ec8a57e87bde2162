#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proc/sandbox_fences.h"
#include "skip_why.h"

#define NO_LANDLOCK "this kernel has no Landlock"

/* This fence alone: in a worker the system-call filter stands before it and would hide a hole. */

enum { ENTER_FAILED = 250, VERSION_FLAG = 1 };

static pid_t parent;

static int errno_of(long result)
{
    return result == -1 ? errno : 0;
}

static int try_read(void)
{
    return errno_of(open("/etc/passwd", O_RDONLY));
}

static int try_list(void)
{
    return errno_of(open("/", O_RDONLY | O_DIRECTORY));
}

static int try_create(void)
{
    return errno_of(open("/tmp/yett-test-landlock", O_WRONLY | O_CREAT, 0600));
}

static int try_mkdir(void)
{
    return errno_of(mkdir("/tmp/yett-test-landlock", 0700));
}

static int try_truncate(void)
{
    return errno_of(truncate("/proc/self/comm", 0));
}

static int try_exec(void)
{
    char *argv[] = { (char *)"true", NULL };

    return errno_of(execv("/bin/true", argv));
}

static int try_bind_tcp(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return errno_of(bind(fd, (struct sockaddr *)&any, sizeof(any)));
}

static int try_connect_tcp(void)
{
    struct sockaddr_in nobody = { .sin_family = AF_INET,
                                  .sin_port = htons(1),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int r = errno_of(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));

    return r == ECONNREFUSED ? 0 : r;
}

static int try_signal_parent(void)
{
    return errno_of(kill(parent, 0));
}

static int try_signal_self(void)
{
    return errno_of(kill(getpid(), 0));
}

/* `from_version`: the first one of Landlock that refuses it. */
static const struct {
    const char *what;
    int (*attempt)(void);
    int error;
    long from_version;
} attempts[] = {
    { "read a file", try_read, EACCES, 1 },
    { "list a directory", try_list, EACCES, 1 },
    { "create a file", try_create, EACCES, 1 },
    { "make a directory", try_mkdir, EACCES, 1 },
    { "exec", try_exec, EACCES, 1 },
    { "truncate", try_truncate, EACCES, 3 },
    { "bind a TCP port", try_bind_tcp, EACCES, 4 },
    { "connect", try_connect_tcp, 0, 1 },
    { "signal the parent", try_signal_parent, EPERM, 6 },
    { "signal itself", try_signal_self, 0, 1 },
};

static int attempt_in_child(int (*attempt)(void))
{
    int status;
    pid_t pid = fork();

    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(sandbox_landlock_enter(-1) < 0 ? ENTER_FAILED : attempt());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_attempts(void **state)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);

    (void)state;
    if (version < 1) { /* a kernel without it: the role goes on, warned */
        assert_int_not_equal(attempt_in_child(try_signal_self), ENTER_FAILED);
        skip_because(NO_LANDLOCK);
    }
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        if (version < attempts[i].from_version)
            continue;
        print_message("%s\n", attempts[i].what);
        assert_int_equal(attempt_in_child(attempts[i].attempt), attempts[i].error);
    }
}

/* A keeper's: one directory stays open to it, all else is as closed as before. */
static int try_in_directory(const char *dir)
{
    int below = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (below == -1 || sandbox_landlock_enter(below) < 0)
        return ENTER_FAILED;
    int file = openat(below, "new", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file == -1 || write(file, "x", 1) != 1 || renameat(below, "new", below, "kept") == -1)
        return errno;
    if (openat(below, "kept", O_RDONLY) == -1 || openat(below, ".", O_RDONLY | O_DIRECTORY) == -1)
        return errno;
    if (mkdirat(below, "folder", 0700) != -1 || symlinkat("kept", below, "link") != -1)
        return -1;
    if (unlinkat(below, "kept", 0) == -1)
        return errno;
    return try_read() == EACCES && try_create() == EACCES && try_exec() == EACCES ? 0 : -1;
}

static void test_one_directory(void **state)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
    char dir[] = "/tmp/yett-test-XXXXXX";
    int status;

    (void)state;
    if (version < 1)
        skip_because(NO_LANDLOCK);
    assert_non_null(mkdtemp(dir));
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(try_in_directory(dir));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(rmdir(dir), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_attempts),
                                        cmocka_unit_test(test_one_directory) };

    parent = getpid();
    return exit_status(cmocka_run_group_tests(tests, NULL, NULL));
}
