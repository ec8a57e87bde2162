#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scope.h"
#include "proc/title.h"

static char **main_argv;

/* What ps shows. */
static void cmdline_read(char *at, size_t room)
{
    SCOPED(fd_closep) int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

    assert_int_not_equal(fd, -1);
    memset(at, 0, room);
    assert_true(read(fd, at, room - 1) > 0);
}

static void test_title_is_shown(void **state)
{
    char shown[256], name[17] = { 0 };

    (void)state;
    proc_title_set("yett: worker 0");
    cmdline_read(shown, sizeof(shown));
    assert_string_equal(shown, "yett: worker 0");
    assert_int_equal(prctl(PR_GET_NAME, name), 0);
    assert_string_equal(name, "yett: worker 0");
    proc_title_set("y");
    cmdline_read(shown, sizeof(shown));
    assert_string_equal(shown, "y"); /* nothing of the longer one is left */
}

static void test_long_title_is_cut(void **state)
{
    static char title[1 << 20];
    char shown[256];

    (void)state;
    memset(title, 't', sizeof(title) - 1);
    proc_title_set(title);
    cmdline_read(shown, sizeof(shown));
    assert_int_equal(shown[0], 't');
}

static void test_arguments_and_environment_keep_their_meaning(void **state)
{
    (void)state;
    assert_string_equal(main_argv[1], "argument");
    assert_null(main_argv[2]);
    assert_string_equal(getenv("YETT_TEST_TITLE"), "kept");
    proc_title_set("yett: worker 1");
    assert_string_equal(main_argv[1], "argument");
    assert_string_equal(getenv("YETT_TEST_TITLE"), "kept");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_title_is_shown),
        cmocka_unit_test(test_long_title_is_cut),
        cmocka_unit_test(test_arguments_and_environment_keep_their_meaning),
    };

    if (argc != 2) { /* once more, with an argument and a variable of its own */
        char *again[] = { argv[0], (char *)"argument", NULL };
        if (setenv("YETT_TEST_TITLE", "kept", 1) == 0)
            execv("/proc/self/exe", again);
        return EXIT_FAILURE;
    }
    main_argv = argv;
    proc_title_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
