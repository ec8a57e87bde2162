#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc/capability.h"
#include "skip_why.h"

/* Each case runs in a child of its own: what a process gives up it does not get back. The child's
 * exit status says what came of it. */

enum outcome {
    OUTCOME_AS_WANTED = 0,
    OUTCOME_SET_UP_FAILED,
    OUTCOME_RAISE_FAILED,
    OUTCOME_EFFECTIVE_DIFFERS,
    OUTCOME_PERMITTED_DIFFERS,
};

static const __u32 bind_mask = CAP_TO_MASK(CAP_NET_BIND_SERVICE);

static int caps(long call, struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3])
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

    return (int)syscall(call, &header, sets);
}

static int attempt(__u32 permitted, __u32 effective, __u32 effective_wanted)
{
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {
        { .permitted = permitted, .effective = effective },
    };

    if (caps(SYS_capset, sets) == -1)
        return OUTCOME_SET_UP_FAILED;
    if (proc_capability_raise_bind() != 0)
        return OUTCOME_RAISE_FAILED;
    if (caps(SYS_capget, sets) == -1)
        return OUTCOME_SET_UP_FAILED;
    if (sets[0].effective != effective_wanted || sets[1].effective != 0)
        return OUTCOME_EFFECTIVE_DIFFERS;
    return sets[0].permitted == permitted ? OUTCOME_AS_WANTED : OUTCOME_PERMITTED_DIFFERS;
}

static int attempt_in_child(__u32 permitted, __u32 effective, __u32 effective_wanted)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(attempt(permitted, effective, effective_wanted));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool may_have(__u32 wanted)
{
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    assert_int_equal(caps(SYS_capget, sets), 0);
    return (sets[0].permitted & wanted) == wanted;
}

static void test_none_stays_none(void **state)
{
    (void)state;
    assert_int_equal(attempt_in_child(0, 0, 0), OUTCOME_AS_WANTED);
}

static void test_permitted_becomes_effective(void **state)
{
    const __u32 others = CAP_TO_MASK(CAP_CHOWN) | CAP_TO_MASK(CAP_KILL);

    (void)state;
    if (!may_have(bind_mask | others))
        skip_because("only root has the capabilities that are taken up and left alone");
    assert_int_equal(attempt_in_child(bind_mask, 0, bind_mask), OUTCOME_AS_WANTED);
    assert_int_equal(attempt_in_child(bind_mask, bind_mask, bind_mask), OUTCOME_AS_WANTED);
    assert_int_equal(attempt_in_child(bind_mask | others, 0, bind_mask), OUTCOME_AS_WANTED);
    assert_int_equal(attempt_in_child(others, others, others), OUTCOME_AS_WANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_stays_none),
        cmocka_unit_test(test_permitted_becomes_effective),
    };

    return exit_status(cmocka_run_group_tests(tests, NULL, NULL));
}
