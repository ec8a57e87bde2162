#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../scratch.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/dir_watch.h"

/* What the kernel refuses: more events than its queue holds, more watches than a user may have; and
 * what it never tells. */

enum { WAIT_MS = 5000 };

/* In place of libc's: the user's watches are used up after so many. */
static unsigned watches_left;

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    if (watches_left == 0) {
        errno = ENOSPC;
        return -1;
    }
    watches_left--;
    return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

/* Files are called by one letter: a.yaml. */
struct fixture {
    struct scratch scratch;
    struct loop *loop;
    struct dir_watch *watch;
    unsigned looks[UCHAR_MAX + 1], scans;
    enum dir_look last[UCHAR_MAX + 1];
};

static void on_file(void *ctx, struct span path, enum dir_look look)
{
    struct fixture *fixture = ctx;
    unsigned char letter = (unsigned char)path.ptr[span_rfind(path, '/') + 1];

    fixture->looks[letter]++;
    fixture->last[letter] = look;
}

static void on_scanned(void *ctx, struct span folder)
{
    struct fixture *fixture = ctx;

    (void)folder;
    fixture->scans++;
}

static void on_root_lost(void *ctx, int error)
{
    (void)ctx;
    fail_msg("the directory is lost: %d", error);
}

static void on_batch_end(void *ctx)
{
    (void)ctx;
}

static const struct dir_watch_events events = { on_file, on_scanned, on_root_lost, on_batch_end };

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    watches_left = UINT_MAX;
    scratch_open(&fixture->scratch);
    scratch_mkdir(&fixture->scratch, "m");
    assert_int_equal(loop_new(&fixture->loop), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    dir_watch_free(fixture->watch);
    loop_free(fixture->loop);
    scratch_close(&fixture->scratch);
    mem_free(fixture);
    return 0;
}

static void start(struct fixture *fixture)
{
    const char *root = scratch_path(&fixture->scratch, "m");

    assert_int_equal(
        dir_watch_new(fixture->loop, span_from_str(root), &events, fixture, &fixture->watch), 0);
    dir_watch_scan(fixture->watch);
    assert_int_equal(fixture->scans, 1);
}

/* All that the kernel has to tell now. */
static void drain(struct fixture *fixture)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(fixture->loop, 0), 0);
}

/* ---- more events than the queue holds --------------------------------------------------------- */

static unsigned queue_len(void)
{
    unsigned len = 0;
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &len), 1);
    fclose(file);
    assert_in_range(len, 1, 1u << 22);
    return len;
}

/* Two files in turn, for the kernel makes one event of equal ones in a row. */
static void queue_fill(const struct fixture *fixture)
{
    static const char *const names[] = { "m/a.yaml", "m/b.yaml" };

    for (unsigned i = 0; i <= queue_len(); i++)
        assert_int_equal(
            utimensat(AT_FDCWD, scratch_path(&fixture->scratch, names[i % 2]), NULL, 0), 0);
}

static void test_lost_events_lead_to_a_walk(void **state)
{
    struct fixture *fixture = *state;

    scratch_write(&fixture->scratch, "m/a.yaml", "");
    scratch_write(&fixture->scratch, "m/b.yaml", "");
    start(fixture);
    queue_fill(fixture);
    scratch_write(&fixture->scratch, "m/c.yaml", "");
    uint64_t end_ns = clock_mono_ns() + WAIT_MS * 1000000ull;
    while (fixture->scans == 1 && clock_mono_ns() < end_ns)
        assert_int_equal(loop_turn(fixture->loop, 5), 0);
    assert_int_equal(fixture->scans, 2);
    assert_int_equal(fixture->looks['c'], 1); /* by the walk: its own events were lost */
    assert_int_equal(fixture->last['c'], DIR_LOOK_SCANNED);

    scratch_write(&fixture->scratch, "m/d.yaml", ""); /* and events are heard again */
    drain(fixture);
    assert_int_equal(fixture->last['d'], DIR_LOOK_NOW);
}

/* ---- what nobody tells ------------------------------------------------------------------------ */

static void test_walks_now_and_then(void **state)
{
    struct fixture *fixture = *state;

    loop_clock_set_manual(fixture->loop, 1000);
    scratch_write(&fixture->scratch, "m/a.yaml", "");
    start(fixture);
    drain(fixture);
    for (unsigned walks = 1; walks <= 3; walks++) {
        loop_clock_set_manual(fixture->loop, 1000 + walks * DIR_POLL_MS - LOOP_TICK_MS);
        drain(fixture);
        assert_int_equal(fixture->scans, walks);
        loop_clock_set_manual(fixture->loop, 1000 + walks * (DIR_POLL_MS + LOOP_TICK_MS));
        drain(fixture);
        assert_int_equal(fixture->scans, walks + 1);
        assert_int_equal(fixture->last['a'], DIR_LOOK_SCANNED);
    }
}

/* ---- more folders than watches ---------------------------------------------------------------- */

static void poll_pass(struct fixture *fixture)
{
    unsigned before = fixture->scans;

    loop_clock_set_manual(fixture->loop,
                          loop_now_ms(fixture->loop) + DIR_POLL_MS + 2 * LOOP_TICK_MS);
    drain(fixture);
    assert_int_equal(fixture->scans, before + 1);
}

static void test_without_watches_it_walks(void **state)
{
    struct fixture *fixture = *state;

    loop_clock_set_manual(fixture->loop, 1000);
    scratch_mkdir(&fixture->scratch, "m/sub");
    scratch_write(&fixture->scratch, "m/sub/a.yaml", "");
    scratch_mkdir(&fixture->scratch, "outside");
    scratch_write(&fixture->scratch, "outside/x.yaml", "");
    scratch_symlink(&fixture->scratch, "../outside", "m/link");
    watches_left = 2; /* the directory and its parent */
    start(fixture);
    assert_int_equal(fixture->looks['a'], 1);
    assert_int_equal(fixture->looks['x'], 0); /* a loop could not be told */

    scratch_write(&fixture->scratch, "m/sub/b.yaml", "");
    drain(fixture);
    assert_int_equal(fixture->looks['b'], 0);
    watches_left = 2; /* for the same two again */
    poll_pass(fixture);
    assert_int_equal(fixture->looks['b'], 1);

    watches_left = UINT_MAX; /* someone else has given some back */
    poll_pass(fixture);
    assert_int_equal(fixture->looks['x'], 1);
    scratch_write(&fixture->scratch, "m/sub/c.yaml", "");
    drain(fixture);
    assert_int_equal(fixture->last['c'], DIR_LOOK_NOW);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_lost_events_lead_to_a_walk),
        CASE(test_walks_now_and_then),
        CASE(test_without_watches_it_walks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
