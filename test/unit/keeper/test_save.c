#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../image/fixture.h"
#include "base/scope.h"
#include "image/publish.h"
#include "keeper/format.h"
#include "keeper/load.h"
#include "kept.h"

enum { HOSTS = 600 }; /* several shards */

static int setup(void **state)
{
    static struct kept kept;

    kept_open(&kept);
    *state = &kept;
    return 0;
}

static int teardown(void **state)
{
    kept_close(*state);
    return 0;
}

static uint64_t generation_on_disk(const struct kept *kept)
{
    struct loaded loaded;
    const char *what = NULL;

    assert_int_equal(load_image(kept->dir, KEPT_FLAGS, &loaded, &what), LOAD_OK);
    image_fds_close(&loaded.fds);
    return loaded.generation;
}

static void fail_on_secret(void *ctx, const char *name)
{
    struct kept *kept = ctx;
    int fd = openat(kept->dir, name, O_RDONLY | O_CLOEXEC);
    static char bytes[1 << 20];
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ssize_t len = read(fd, bytes, sizeof(bytes));
    assert_in_range(len, 1, sizeof(bytes) - 1);
    assert_false(span_contains(span_of(bytes, (size_t)len), SPAN("key-")));
    assert_false(span_contains(span_of(bytes, (size_t)len), SPAN("chain-")));
    close(fd);
}

static void test_no_key_is_written(void **state)
{
    struct kept *kept = *state;
    struct route_model *model = fixture_model_rich();

    assert_true(model->certificates.len > 0);
    assert_true(span_contains(model->certificates.items[0]->key_pem, SPAN("key-")));
    kept_publish(kept, model);
    route_model_free(model);
    assert_int_equal(kept_save(kept), 0);
    assert_int_equal(kept_count(kept), 3); /* one shard */
    kept_each(kept, fail_on_secret, kept);
}

static ino_t inode_of(const struct kept *kept, uint32_t position)
{
    SCOPED(buf_deinit) struct buf name = { 0 };
    struct stat st;

    state_segment_name(&kept->save.kept, position, &name);
    buf_append_byte(&name, '\0');
    assert_int_equal(fstatat(kept->dir, name.ptr, &st, 0), 0);
    return st.st_ino;
}

/* Of a change, its shards are written and those before it go; all else is left as it lies. */
static void test_only_what_changed_is_written(void **state)
{
    struct kept *kept = *state;
    struct route_model *model = fixture_model_large(HOSTS);
    ino_t inodes[IMAGE_SEGMENTS_MAX];
    size_t written = 0;

    kept_publish(kept, model);
    assert_int_equal(kept_save(kept), 0);
    uint32_t segments = kept->save.kept.root.segments_len;
    assert_true(segments > 4);
    for (uint32_t i = 1; i < segments; i++)
        inodes[i] = inode_of(kept, i);

    fixture_endpoints_set(model, model->services.items[0], 9, 3);
    kept_publish(kept, model);
    assert_int_equal(kept_save(kept), 0);
    for (uint32_t i = 1; i < segments; i++)
        written += inodes[i] != inode_of(kept, i);
    assert_int_equal(written, 1);
    assert_int_equal(kept_count(kept), segments); /* the root in place of SECRETS */
    assert_int_equal(generation_on_disk(kept), 2);
    route_model_free(model);
}

/* What an earlier life left, and what is not ours. */
static void test_leftovers_go(void **state)
{
    struct kept *kept = *state;
    struct route_model *model = fixture_model_large(2);

    scratch_write(&kept->scratch, "routes-00-0123456789abcdef", "old");
    scratch_write(&kept->scratch, "endpoints-3f-0123456789abcdef.tmp", "half");
    scratch_write(&kept->scratch, "routes-00-notes", "someone's");
    kept_publish(kept, model);
    assert_int_equal(kept_save(kept), 0);
    assert_int_equal(kept_count(kept), 3 + 1);
    assert_int_equal(faccessat(kept->dir, "routes-00-notes", F_OK, 0), 0);
    route_model_free(model);
}

/* A write that fails in the middle leaves what was there whole. */
static void test_failure_keeps_the_one_before(void **state)
{
    struct kept *kept = *state;
    struct route_model *model = fixture_model_large(2);
    struct rlimit limit, small;

    kept_publish(kept, model);
    assert_int_equal(kept_save(kept), 0);
    route_model_free(model);
    model = fixture_model_large(HOSTS);
    kept_publish(kept, model);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){ 4096, limit.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(kept_save(kept), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(generation_on_disk(kept), 1);
    assert_int_equal(kept_save(kept), 0);
    assert_int_equal(generation_on_disk(kept), 2);
    route_model_free(model);
}

static void test_what_is_no_image_is_refused(void **state)
{
    struct kept *kept = *state;
    struct route_model *model = fixture_model_large(2);
    int fds[] = { -1, -1 };

    kept_publish(kept, model);
    route_model_free(model);
    assert_int_equal(save_image(&kept->save, kept->dir, fds, 0), -EPROTO);
    assert_int_equal(save_image(&kept->save, kept->dir, fds, 2), -EBADF);
    fds[0] = kept->fds.root;
    assert_int_equal(save_image(&kept->save, kept->dir, fds, 2), -EPROTO); /* too few */
    fds[0] = kept->fds.segments[1];
    assert_int_equal(save_image(&kept->save, kept->dir, fds, 2), -EPROTO);
    assert_int_equal(kept_count(kept), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_key_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_changed_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftovers_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_keeps_the_one_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_image_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
