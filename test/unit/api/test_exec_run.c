#include "api/exec_run.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../scratch.h"
#include "base/clock.h"

struct rig {
    struct scratch scratch;
    struct loop *loop;
    struct api_exec_run *run;
    size_t told;
    bool is_ok;
    struct buf output, error;
};

static void on_done(void *ctx, bool is_ok, struct span output, struct span error)
{
    struct rig *rig = ctx;

    rig->told++;
    rig->is_ok = is_ok;
    buf_append(&rig->output, output);
    buf_append(&rig->error, error);
    rig->run = api_exec_run_free(rig->run);
}

static void rig_start(struct rig *rig, const char *script, uint32_t limit_ms)
{
    struct api_exec exec = { 0 };
    struct buf error = { 0 };

    *rig = (struct rig){ 0 };
    scratch_open(&rig->scratch);
    assert_int_equal(loop_new(&rig->loop), 0);
    scratch_replace(&rig->scratch, "plugin", script);
    scratch_chmod(&rig->scratch, "plugin", 0700);
    exec.command = span_from_str(scratch_path(&rig->scratch, "plugin"));
    vec_push(&exec.args, span_from_str(rig->scratch.root));
    assert_int_equal(
        api_exec_run_start(rig->loop, &exec, SPAN("{}"), on_done, rig, &rig->run, &error), 0);
    if (limit_ms)
        api_exec_run_set_limit(rig->run, limit_ms);
    vec_deinit(&exec.args);
}

static void rig_wait(struct rig *rig)
{
    uint64_t end_ns = clock_mono_ns() + 20000000000;

    while (rig->told == 0) {
        assert_true(clock_mono_ns() < end_ns);
        assert_int_equal(loop_turn(rig->loop, 100), 0);
    }
    assert_int_equal(loop_turn(rig->loop, 0), 0);
    assert_int_equal(rig->told, 1);
}

static void rig_close(struct rig *rig)
{
    api_exec_run_free(rig->run);
    loop_free(rig->loop);
    buf_deinit(&rig->output);
    buf_deinit(&rig->error);
    scratch_close(&rig->scratch);
}

static void assert_said(const struct buf *text, const char *expected)
{
    if (!span_eq(buf_span(text), span_from_str(expected)))
        fail_msg("'" SPAN_FMT "' is not '%s'", SPAN_ARG(buf_span(text)), expected);
}

static void test_output(void **state)
{
    (void)state;
    struct rig rig;

    rig_start(&rig, "#!/bin/sh\necho noise >&2\nprintf out; printf put\n", 0);
    rig_wait(&rig);
    assert_true(rig.is_ok);
    assert_said(&rig.output, "output");
    rig_close(&rig);
}

static void test_large_output_up_to_the_cap(void **state)
{
    (void)state;
    struct rig rig;

    rig_start(&rig, "#!/bin/sh\nhead -c 1048576 /dev/zero\n", 0);
    rig_wait(&rig);
    assert_true(rig.is_ok);
    assert_int_equal(rig.output.len, EXEC_OUTPUT_MAX);
    rig_close(&rig);
}

static const struct {
    const char *script, *error;
    uint32_t limit_ms;
} failures[] = {
    { "#!/bin/sh\nexit 1\n", "it ended with status 1", 0 },
    { "#!/bin/sh\nprintf '\\n \\n  why: \\001x\\nmore\\n' >&2\nexit 7\n",
      "it ended with status 7: why:  x", 0 },
    { "#!/bin/sh\nkill -9 $$\n", "it was ended by signal 9", 0 },
    { "#!/bin/sh\nexec cat /dev/zero\n", "it wrote more than 1048576 bytes", 0 },
    { "#!/bin/sh\necho asking >&2\nwhile :; do sleep 1; done\n",
      "it did not end within 300 ms: asking", 300 },
    /* what it left behind holds its output open */
    { "#!/bin/sh\nsleep 1000 &\nexit 2\n", "it ended with status 2", 0 },
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct rig rig;

        rig_start(&rig, failures[i].script, failures[i].limit_ms);
        rig_wait(&rig);
        assert_false(rig.is_ok);
        assert_said(&rig.error, failures[i].error);
        rig_close(&rig);
    }
}

static pid_t pid_in(struct rig *rig, const char *name)
{
    uint64_t end_ns = clock_mono_ns() + 10000000000;
    int pid = 0;

    while (pid == 0) {
        FILE *file = fopen(scratch_path(&rig->scratch, name), "r");

        assert_true(clock_mono_ns() < end_ns);
        assert_int_equal(loop_turn(rig->loop, 10), 0);
        if (file && fscanf(file, "%d\n", &pid) != 1)
            pid = 0;
        if (file)
            fclose(file);
    }
    return pid;
}

/* Nothing of it is left, nor of what it started. */
static void test_free_ends_the_whole_group(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t end_ns = clock_mono_ns() + 10000000000;

    rig_start(&rig, "#!/bin/sh\nsleep 1000 &\necho $! >$1/aside; mv $1/aside $1/child\nwait\n", 0);
    pid_t child = pid_in(&rig, "child");
    rig.run = api_exec_run_free(rig.run);
    while (kill(child, 0) == 0) {
        char path[64], state_text[256] = { 0 };

        assert_true(clock_mono_ns() < end_ns);
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
        FILE *file = fopen(path, "r"); /* one whose new parent does not reap stays as a zombie */
        if (file && fread(state_text, 1, sizeof(state_text) - 1, file) > 0 &&
            strstr(state_text, ") Z"))
            child = 0x3fffffff;
        if (file)
            fclose(file);
    }
    assert_int_equal(rig.told, 0);
    rig_close(&rig);
}

static void test_signals_and_mask_are_as_a_program_expects(void **state)
{
    (void)state;
    const unsigned long long known = 0x7fffffff; /* above are libc's own, and real-time ones */
    unsigned long long mask, ignored;
    sigset_t blocked, before;
    struct rig rig;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    rig_start(&rig, "#!/bin/sh\ngrep -E '^Sig(Blk|Ign):' /proc/self/status | tr -d '\\n\\t'\n", 0);
    rig_wait(&rig);
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    assert_true(rig.is_ok);
    buf_append_byte(&rig.output, '\0');
    assert_int_equal(sscanf(rig.output.ptr, "SigBlk:%llxSigIgn:%llx", &mask, &ignored), 2);
    assert_int_equal(mask & known, 0);
    assert_int_equal(ignored & known, 0);
    rig_close(&rig);
}

static void test_what_cannot_be_started(void **state)
{
    (void)state;
    struct rig rig = { 0 };
    struct api_exec exec = { .command = SPAN("/etc/passwd"), .install_hint = SPAN("hint") };
    struct buf error = { 0 };

    assert_int_equal(loop_new(&rig.loop), 0);
    assert_int_equal(
        api_exec_run_start(rig.loop, &exec, SPAN("{}"), on_done, &rig, &rig.run, &error), -EACCES);
    assert_said(&error, "it cannot be started: Permission denied");
    assert_null(rig.run);
    buf_deinit(&error);
    loop_free(rig.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_large_output_up_to_the_cap),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_free_ends_the_whole_group),
        cmocka_unit_test(test_signals_and_mask_are_as_a_program_expects),
        cmocka_unit_test(test_what_cannot_be_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
