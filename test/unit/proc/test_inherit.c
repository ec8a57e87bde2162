#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proc/channel.h"
#include "proc/spawn.h"

/* The test runs this binary again as a role; the role's exit status is what proc_inherit_take() said. */

enum { TAKE_LEFT_OPEN = 100 };

static int role_main(void)
{
    struct proc_hello hello;
    int death_signal;

    int r = proc_inherit_take(&hello);
    if (r < 0)
        return -r;
    for (int fd = PROC_FD_CHANNEL; fd < 64; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags != -1 && !(flags & FD_CLOEXEC))
            return TAKE_LEFT_OPEN;
    }
    bool dies = prctl(PR_GET_PDEATHSIG, &death_signal) == 0 && death_signal == SIGKILL;
    return dies ? 0 : TAKE_LEFT_OPEN;
}

static struct proc_hello hello_default(void)
{
    return (struct proc_hello){
        .role = PROC_WORKER, .worker_index = 1, .workers_len = 2, .listeners_len = 1
    };
}

struct start {
    const char *what;
    enum proc_role role; /* in the environment */
    uint32_t hello_role, workers_len, worker_index, listeners_len, admin_name_len;
    int fds; /* given from PROC_FD_FIRST on */
    int expected;
};

static const struct start starts[] = {
    { "worker", PROC_WORKER, PROC_WORKER, 2, 1, 1, 5, 2, 0 },
    { "worker without listeners", PROC_WORKER, PROC_WORKER, 1, 0, 0, 0, 1, 0 },
    { "controller", PROC_CONTROLLER, PROC_CONTROLLER, 2, 0, 1, 5, 2, 0 },
    { "keeper", PROC_KEEPER, PROC_KEEPER, 2, 0, 0, 5, 0, 0 },
    { "other role than told", PROC_WORKER, PROC_CONTROLLER, 2, 0, 1, 5, 2, EPROTO },
    { "no worker at all", PROC_WORKER, PROC_WORKER, 0, 0, 1, 5, 2, EPROTO },
    { "too many workers", PROC_WORKER, PROC_WORKER, PROC_WORKERS_MAX + 1, 0, 1, 5, 2, EPROTO },
    { "index past the workers", PROC_WORKER, PROC_WORKER, 2, 2, 1, 5, 2, EPROTO },
    { "too many listeners", PROC_WORKER, PROC_WORKER, 2, 0, PROC_LISTENERS_MAX + 1, 5, 2, EPROTO },
    { "too long a name", PROC_WORKER, PROC_WORKER, 2, 0, 1, 109, 2, EPROTO },
    { "a listener is missing", PROC_WORKER, PROC_WORKER, 2, 1, 2, 5, 2, EBADF },
    { "a counter page is missing", PROC_CONTROLLER, PROC_CONTROLLER, 3, 0, 1, 5, 2, EBADF },
};

static int role_run(enum proc_role role, const struct proc_hello *hello, int fds_len)
{
    char *argv[] = { (char *)"test_inherit", NULL };
    struct proc_spawn_fd fds[PROC_SPAWN_FDS_MAX];
    size_t len = 0;
    int pair[2];
    pid_t pid;
    int status;

    assert_int_equal(proc_channel_pair(pair), 0);
    if (hello)
        assert_int_equal(proc_channel_send_hello(pair[0], hello), 0);
    fds[len++] = (struct proc_spawn_fd){ PROC_FD_CHANNEL, pair[1] };
    for (int i = 0; i < fds_len; i++)
        fds[len++] = (struct proc_spawn_fd){ PROC_FD_FIRST + i, STDERR_FILENO };
    assert_int_equal(proc_spawn(role, argv, fds, len, &pid), 0);
    close(pair[1]);
    if (!hello)
        close(pair[0]); /* a supervisor that died */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (hello)
        close(pair[0]);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_take(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        const struct start *start = &starts[i];
        struct proc_hello hello = hello_default();

        print_message("%s\n", start->what);
        hello.role = start->hello_role;
        hello.workers_len = start->workers_len;
        hello.worker_index = start->worker_index;
        hello.listeners_len = start->listeners_len;
        hello.admin_name_len = start->admin_name_len;
        assert_int_equal(role_run(start->role, &hello, start->fds), start->expected);
    }
}

static void test_supervisor_gone(void **state)
{
    (void)state;
    assert_int_equal(role_run(PROC_WORKER, NULL, 1), EPIPE);
}

/* Sources that sit on each other's targets must not overwrite one another. */
static void test_descriptors_may_change_places(void **state)
{
    struct proc_hello hello = hello_default();
    char *argv[] = { (char *)"test_inherit", NULL };
    int low[2], pair[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(proc_channel_pair(low), 0);
    for (int i = 0; i < 2; i++) { /* out of the way of the numbers below */
        pair[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 20);
        close(low[i]);
    }
    assert_int_equal(proc_channel_send_hello(pair[0], &hello), 0);
    assert_int_equal(dup3(pair[1], PROC_FD_FIRST + 1, O_CLOEXEC), PROC_FD_FIRST + 1);
    assert_int_equal(dup3(STDERR_FILENO, PROC_FD_FIRST, O_CLOEXEC), PROC_FD_FIRST);
    struct proc_spawn_fd fds[] = { { PROC_FD_FIRST + 1, PROC_FD_FIRST },
                                   { PROC_FD_FIRST, PROC_FD_FIRST },
                                   { PROC_FD_CHANNEL, PROC_FD_FIRST + 1 } };
    assert_int_equal(proc_spawn(PROC_WORKER, argv, fds, ARRAY_LEN(fds), &pid), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(PROC_FD_FIRST);
    close(PROC_FD_FIRST + 1);
    close(pair[0]);
    close(pair[1]);
}

static void test_role_without_the_variable(void **state)
{
    (void)state;
    assert_int_equal(proc_role_self(), PROC_SUPERVISOR);
    assert_int_equal(setenv(PROC_ROLE_ENV, "workerx", 1), 0);
    assert_int_equal(proc_role_self(), PROC_SUPERVISOR);
    assert_int_equal(setenv(PROC_ROLE_ENV, "controller", 1), 0);
    assert_int_equal(proc_role_self(), PROC_CONTROLLER);
    assert_int_equal(unsetenv(PROC_ROLE_ENV), 0);
}

int main(void)
{
    if (proc_role_self() != PROC_SUPERVISOR)
        return role_main();

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_supervisor_gone),
        cmocka_unit_test(test_descriptors_may_change_places),
        cmocka_unit_test(test_role_without_the_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
