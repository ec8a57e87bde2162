#include "base/bug.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs `invariant(holds)` in a child; returns its wait status, and what it said on stderr. */
static int child_checks(int holds, char *said, size_t room)
{
    int ends[2], status;
    size_t len = 0;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = { 0, 0 };
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL); /* cmocka has a handler */
        dup2(ends[1], STDERR_FILENO);
        invariant(holds == 1);
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], said + len, room - 1 - len)) > 0;)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_invariant(void **state)
{
    (void)state;
    char said[1024];

    int status = child_checks(1, said, sizeof(said));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(said, "");

    status = child_checks(0, said, sizeof(said));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "yett: bug at "));
    assert_non_null(strstr(said, "holds == 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_invariant) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
