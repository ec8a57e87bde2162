#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../scratch.h"
#include "base/clock.h"
#include "control/dir_watch.h"
#include "control/source_dir.h"
#include "kube/decode.h"

/* Each Service stands for the file that it is in; its port tells one version from another. */
#define SERVICE(name, port)                                                                     \
    "apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec:\n  ports: [{port: " #port \
    "}]\n"

#define SLICE(name, service, address)                                                \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: " name \
    "\n  labels: {kubernetes.io/service-name: " service                              \
    "}\naddressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [" address "]}]\n"

struct fixture {
    struct scratch scratch;
    struct loop *loop;
    struct source *source;
    unsigned changes;
    uint32_t kinds; /* of the last change */
    bool endpoints_only;
    size_t services;
};

static void on_change(void *ctx, const struct source_change *change)
{
    struct fixture *fixture = ctx;

    fixture->changes++;
    fixture->kinds = change->kinds;
    fixture->endpoints_only = source_change_is_endpoints_only(change);
    fixture->services = change->services.len;
}

static void start_unread(struct fixture *fixture)
{
    const char *root = scratch_path(&fixture->scratch, "m");

    assert_int_equal(
        source_dir_new(fixture->loop, span_from_str(root), on_change, fixture, &fixture->source),
        0);
    source_dir_start(fixture->source);
}

static void start(struct fixture *fixture)
{
    start_unread(fixture);
    assert_int_equal(fixture->changes, 1);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    scratch_open(&fixture->scratch);
    scratch_mkdir(&fixture->scratch, "m");
    assert_int_equal(loop_new(&fixture->loop), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    fixture->source = source_free(fixture->source);
    fixture->loop = loop_free(fixture->loop);
    scratch_close(&fixture->scratch);
    mem_free(fixture);
    return 0;
}

/* Turns until another change was told, or for `limit_ms`. */
static bool changed_within(struct fixture *fixture, uint64_t limit_ms)
{
    unsigned before = fixture->changes;
    uint64_t end_ns = clock_mono_ns() + limit_ms * 1000000;

    while (fixture->changes == before && clock_mono_ns() < end_ns)
        assert_int_equal(loop_turn(fixture->loop, 5), 0);
    return fixture->changes != before;
}

/* All that the kernel has to tell now, without waiting for more. */
static void drain(struct fixture *fixture)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(fixture->loop, 0), 0);
}

/* 0: there is no such Service. */
static unsigned port_of(const struct fixture *fixture, const char *name)
{
    const struct kube_object *object = kube_store_find(&fixture->source->store, KUBE_SERVICE,
                                                       SPAN("default"), span_from_str(name));

    return object && object->service.ports_len ? object->service.ports[0].port : 0;
}

/* Diagnostics of that code. */
static size_t diags_of(const struct fixture *fixture, enum diag_code code)
{
    struct diag_list diags;
    size_t count = 0;

    diag_list_init(&diags);
    source_diags_append(fixture->source, &diags);
    vec_for_each (diag, &diags.diags)
        count += diag->code == code;
    diag_list_deinit(&diags);
    return count;
}

static void test_start_reads_the_tree(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_mkdir(scratch, "m/sub");
    scratch_mkdir(scratch, "m/.git");
    scratch_write(scratch, "m/a.yaml", SERVICE("a", 1));
    scratch_write(scratch, "m/sub/b.yml", SERVICE("b", 2));
    scratch_write(scratch, "m/sub/c.json",
                  "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"c\"},"
                  "\"spec\":{\"ports\":[{\"port\":3}]}}");
    scratch_write(scratch, "m/.hidden.yaml", SERVICE("hidden", 9));
    scratch_write(scratch, "m/#d.yaml#", SERVICE("emacs", 9));
    scratch_write(scratch, "m/e.yaml~", SERVICE("backup", 9));
    scratch_write(scratch, "m/.git/f.yaml", SERVICE("git", 9));
    start(fixture);
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(port_of(fixture, "b"), 2);
    assert_int_equal(port_of(fixture, "c"), 3);
    assert_int_equal(source_dir_files(fixture->source), 3);
}

static void test_empty_directory_is_told_too(void **state)
{
    start(*state); /* which asserts that it was */
}

static void test_edit_create_delete(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_write(scratch, "m/a.yaml", SERVICE("a", 1));
    start(fixture);
    scratch_write(scratch, "m/a.yaml", SERVICE("a", 11));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 11);
    assert_int_equal(fixture->kinds, 1u << KUBE_SERVICE);

    scratch_write(scratch, "m/b.yaml", SERVICE("b", 2));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "b"), 2);

    scratch_unlink(scratch, "m/a.yaml");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 0);
    assert_int_equal(port_of(fixture, "b"), 2);
}

static void test_same_bytes_are_no_change(void **state)
{
    struct fixture *fixture = *state;

    scratch_write(&fixture->scratch, "m/a.yaml", SERVICE("a", 1));
    start(fixture);
    scratch_write(&fixture->scratch, "m/a.yaml", SERVICE("a", 1));
    assert_false(changed_within(fixture, 50));
}

static void test_rename_over(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_write(scratch, "m/a.yaml", SERVICE("a", 1));
    start(fixture);
    scratch_write(scratch, "m/.a.yaml.tmp", SERVICE("a", 2));
    scratch_rename(scratch, "m/.a.yaml.tmp", "m/a.yaml");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 2);

    scratch_rename(scratch, "m/a.yaml", "m/z.yaml");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 2);

    scratch_rename(scratch, "m/z.yaml", "m/z.yaml.off");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 0);
}

static void test_written_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    const char text[] = SERVICE("a", 1) "---\n" SERVICE("b", 2);
    const char *path = scratch_path(&fixture->scratch, "m/a.yaml");

    start(fixture);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    for (size_t at = 0; at + 1 < sizeof(text); at++) {
        assert_int_equal(write(fd, text + at, 1), 1);
        if (at % 16 == 0)
            drain(fixture);
        assert_int_equal(fixture->changes, 1);
    }
    close(fd);
    assert_true(changed_within(fixture, 200));
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(port_of(fixture, "b"), 2);
    assert_int_equal(fixture->changes, 2);
}

static void test_file_that_stays_open(void **state)
{
    struct fixture *fixture = *state;
    const char text[] = SERVICE("a", 1);
    const char more[] = "---\n" SERVICE("b", 2);
    const char *path = scratch_path(&fixture->scratch, "m/a.yaml");

    start(fixture);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_true(changed_within(fixture, 2 * SOURCE_DIR_QUIET_MS));
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(write(fd, more, sizeof(more) - 1), sizeof(more) - 1);
    assert_true(changed_within(fixture, 2 * SOURCE_DIR_QUIET_MS));
    assert_int_equal(port_of(fixture, "b"), 2);
    close(fd);
}

/* inotify(7) tells of a file only under the name that was used. */
static void test_change_without_an_event_is_found_by_the_poll(void **state)
{
    struct fixture *fixture = *state;

    scratch_write(&fixture->scratch, "x.yaml", SERVICE("a", 1));
    assert_int_equal(link(scratch_path(&fixture->scratch, "x.yaml"),
                          scratch_path(&fixture->scratch, "m/a.yaml")),
                     0);
    loop_clock_set_manual(fixture->loop, 1000);
    start(fixture);
    scratch_write(&fixture->scratch, "x.yaml", SERVICE("a", 22));
    drain(fixture);
    assert_int_equal(port_of(fixture, "a"), 1);

    loop_clock_set_manual(fixture->loop, 1000 + DIR_POLL_MS + 2 * LOOP_TICK_MS);
    drain(fixture);
    assert_int_equal(port_of(fixture, "a"), 22);
}

static void test_hard_link_is_read_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    start(fixture);
    scratch_write(scratch, "elsewhere", SERVICE("a", 1));
    assert_int_equal(link(scratch_path(scratch, "elsewhere"), scratch_path(scratch, "m/a.yaml")),
                     0);
    assert_true(changed_within(fixture, 200));
    assert_int_equal(port_of(fixture, "a"), 1);
}

static void test_folders_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    start(fixture);
    scratch_mkdir(scratch, "m/x");
    scratch_mkdir(scratch, "m/x/y");
    scratch_write(scratch, "m/x/y/a.yaml", SERVICE("a", 1));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 1);

    scratch_write(scratch, "m/x/y/a.yaml", SERVICE("a", 2));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 2);

    scratch_rename(scratch, "m/x", "m/z");
    changed_within(fixture, 100);
    assert_int_equal(port_of(fixture, "a"), 2);
    scratch_write(scratch, "m/z/y/a.yaml", SERVICE("a", 3));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 3);

    scratch_rename(scratch, "m/z", "outside");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 0);
    scratch_write(scratch, "outside/y/a.yaml", SERVICE("a", 4));
    assert_false(changed_within(fixture, 50));

    scratch_rename(scratch, "outside", "m/back");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 4);
}

/* As kubelet's atomic writer does it: files are symlinks to ..data/x, and one rename changes all. */
static void test_config_map_mount(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_mkdir(scratch, "m/..1");
    scratch_write(scratch, "m/..1/a.yaml", SERVICE("a", 1));
    scratch_write(scratch, "m/..1/b.yaml", SERVICE("b", 1));
    scratch_symlink(scratch, "..1", "m/..data");
    scratch_symlink(scratch, "..data/a.yaml", "m/a.yaml");
    scratch_symlink(scratch, "..data/b.yaml", "m/b.yaml");
    start(fixture);
    assert_int_equal(source_dir_files(fixture->source), 2);
    assert_int_equal(diags_of(fixture, DIAG_DUPLICATE_OBJECT), 0);
    assert_int_equal(port_of(fixture, "a"), 1);

    scratch_mkdir(scratch, "m/..2");
    scratch_write(scratch, "m/..2/a.yaml", SERVICE("a", 2));
    scratch_write(scratch, "m/..2/c.yaml", SERVICE("c", 2));
    drain(fixture);
    assert_int_equal(fixture->changes, 1);
    scratch_symlink(scratch, "..2", "m/..data_tmp");
    scratch_rename(scratch, "m/..data_tmp", "m/..data");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(fixture->changes, 2);
    assert_int_equal(port_of(fixture, "a"), 2);
    assert_int_equal(port_of(fixture, "b"), 0); /* its symlink dangles now */

    scratch_symlink(scratch, "..data/c.yaml", "m/c.yaml");
    scratch_unlink(scratch, "m/b.yaml");
    scratch_unlink(scratch, "m/..1/a.yaml");
    scratch_unlink(scratch, "m/..1/b.yaml");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "c"), 2);
}

static void test_symlink_loops_end(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_mkdir(scratch, "m/x");
    scratch_symlink(scratch, "..", "m/x/up");
    scratch_symlink(scratch, ".", "m/x/self");
    scratch_symlink(scratch, "loop.yaml", "m/loop.yaml");
    scratch_write(scratch, "m/x/a.yaml", SERVICE("a", 1));
    start(fixture);
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(diags_of(fixture, DIAG_DUPLICATE_OBJECT), 0);
    assert_int_equal(diags_of(fixture, DIAG_FILE_UNREADABLE), 1); /* loop.yaml */
}

static void test_root_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_write(scratch, "m/a.yaml", SERVICE("a", 1));
    scratch_mkdir(scratch, "new");
    scratch_write(scratch, "new/b.yaml", SERVICE("b", 2));
    start(fixture);

    scratch_rename(scratch, "m", "old");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 1); /* as it was read last */
    assert_int_equal(diags_of(fixture, DIAG_FILE_UNREADABLE), 1);

    scratch_rename(scratch, "new", "m");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 0);
    assert_int_equal(port_of(fixture, "b"), 2);
    assert_int_equal(diags_of(fixture, DIAG_FILE_UNREADABLE), 0);

    scratch_write(scratch, "m/b.yaml", SERVICE("b", 3));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "b"), 3);
    scratch_write(scratch, "old/a.yaml", SERVICE("a", 4));
    assert_false(changed_within(fixture, 50));
}

static void test_root_appears_later(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_rename(scratch, "m", "aside");
    start_unread(fixture);
    assert_false(changed_within(fixture, 100)); /* nothing is not what was there */
    assert_int_equal(diags_of(fixture, DIAG_FILE_UNREADABLE), 1);
    scratch_write(scratch, "aside/a.yaml", SERVICE("a", 1));
    scratch_rename(scratch, "aside", "m");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(diags_of(fixture, DIAG_FILE_UNREADABLE), 0);
}

static void test_first_file_wins(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_write(scratch, "m/b.yaml", SERVICE("a", 2));
    start(fixture);
    scratch_write(scratch, "m/c.yaml", SERVICE("a", 3));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 2);
    assert_int_equal(diags_of(fixture, DIAG_DUPLICATE_OBJECT), 1);

    scratch_write(scratch, "m/a.yaml", SERVICE("a", 1)); /* comes last, stands first */
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 1);
    assert_int_equal(diags_of(fixture, DIAG_DUPLICATE_OBJECT), 2);

    scratch_unlink(scratch, "m/a.yaml");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 2);

    scratch_write(scratch, "m/b.yaml", SERVICE("other", 2));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "a"), 3);
    assert_int_equal(diags_of(fixture, DIAG_DUPLICATE_OBJECT), 0);
}

static void test_slices_alone_are_endpoints_only(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_write(scratch, "m/web.yaml", SERVICE("web", 80));
    scratch_write(scratch, "m/slice.yaml", SLICE("web-1", "web", "10.0.0.1"));
    start(fixture);
    assert_false(fixture->endpoints_only);
    scratch_write(scratch, "m/slice.yaml", SLICE("web-1", "web", "10.0.0.2"));
    assert_true(changed_within(fixture, 1000));
    assert_true(fixture->endpoints_only);
    assert_int_equal(fixture->services, 1);

    /* A slice that moves to another Service concerns both. */
    scratch_write(scratch, "m/slice.yaml", SLICE("web-1", "api", "10.0.0.2"));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(fixture->services, 2);
}

static void test_bad_file_harms_only_itself(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    scratch_write(scratch, "m/a.yaml", SERVICE("a", 1));
    start(fixture);
    scratch_write(scratch, "m/bad.yaml", "kind: [unclosed\n");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(diags_of(fixture, DIAG_SYNTAX), 1);
    assert_int_equal(port_of(fixture, "a"), 1);
    scratch_unlink(scratch, "m/bad.yaml");
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(diags_of(fixture, DIAG_SYNTAX), 0);
}

static void test_unreadable_kinds(void **state)
{
    struct fixture *fixture = *state;
    struct scratch *scratch = &fixture->scratch;

    assert_int_equal(mkfifo(scratch_path(scratch, "m/fifo.yaml"), 0644), 0);
    scratch_write(scratch, "m/huge.yaml", SERVICE("huge", 1));
    assert_int_equal(truncate(scratch_path(scratch, "m/huge.yaml"), KUBE_FILE_BYTES_MAX + 1), 0);
    start(fixture);
    assert_int_equal(diags_of(fixture, DIAG_FILE_UNREADABLE), 1);
    assert_int_equal(diags_of(fixture, DIAG_FILE_TOO_LARGE), 1);

    scratch_write(scratch, "m/huge.yaml", SERVICE("huge", 2));
    assert_true(changed_within(fixture, 1000));
    assert_int_equal(port_of(fixture, "huge"), 2);
    assert_int_equal(diags_of(fixture, DIAG_FILE_TOO_LARGE), 0);
}

static void test_many_files_are_one_change(void **state)
{
    struct fixture *fixture = *state;

    start(fixture);
    for (int i = 0; i < 200; i++) {
        char path[32];
        snprintf(path, sizeof(path), "m/%03d.yaml", i);
        scratch_write(&fixture->scratch, path, SERVICE("same", 1));
    }
    assert_true(changed_within(fixture, 1000));
    drain(fixture);
    assert_int_equal(fixture->changes, 2);
    assert_int_equal(diags_of(fixture, DIAG_DUPLICATE_OBJECT), 199);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_start_reads_the_tree),
        CASE(test_empty_directory_is_told_too),
        CASE(test_edit_create_delete),
        CASE(test_same_bytes_are_no_change),
        CASE(test_rename_over),
        CASE(test_written_in_pieces),
        CASE(test_file_that_stays_open),
        CASE(test_change_without_an_event_is_found_by_the_poll),
        CASE(test_hard_link_is_read_at_once),
        CASE(test_folders_come_and_go),
        CASE(test_config_map_mount),
        CASE(test_symlink_loops_end),
        CASE(test_root_is_replaced),
        CASE(test_root_appears_later),
        CASE(test_first_file_wins),
        CASE(test_slices_alone_are_endpoints_only),
        CASE(test_bad_file_harms_only_itself),
        CASE(test_unreadable_kinds),
        CASE(test_many_files_are_one_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
