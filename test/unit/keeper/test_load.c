#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../image/fixture.h"
#include "base/scope.h"
#include "image/match.h"
#include "image/publish.h"
#include "keeper/format.h"
#include "keeper/load.h"
#include "kept.h"
#include "tls/certificate.h"

static int setup(void **state)
{
    static struct kept kept;
    struct route_model *model = fixture_model_rich();

    kept_open(&kept);
    kept_publish(&kept, model);
    assert_int_equal(kept_save(&kept), 0);
    route_model_free(model);
    *state = &kept;
    return 0;
}

static int teardown(void **state)
{
    kept_close(*state);
    return 0;
}

static int load(const struct kept *kept, const char **ret_what)
{
    struct loaded loaded;
    int r = load_image(kept->dir, KEPT_FLAGS, &loaded, ret_what);

    if (r == LOAD_OK)
        image_fds_close(&loaded.fds);
    return r;
}

static struct image_view *view_of(const struct image_fds *fds)
{
    struct image_view *view = NULL;

    assert_int_equal(image_view_open(fds, NULL, &view), IMAGE_OPEN_OK);
    return view;
}

/* The same routes to the same endpoints; of certificates, one that was generated just now. */
static void test_what_was_saved_is_loaded(void **state)
{
    struct kept *kept = *state;
    struct loaded loaded;
    const char *what = NULL;
    SCOPED(arena_deinit) struct arena arena;
    struct tls_pair_facts facts;

    arena_init(&arena, 1024);
    assert_int_equal(load_image(kept->dir, KEPT_FLAGS, &loaded, &what), LOAD_OK);
    SCOPED(image_view_unrefp) struct image_view *before = view_of(&kept->fds);
    SCOPED(image_view_unrefp) struct image_view *after = view_of(&loaded.fds);
    assert_int_equal(loaded.generation, before->generation);
    assert_int_equal(after->generation, before->generation);
    assert_int_equal(after->shards, before->shards);
    for (uint32_t i = 0; i < after->shards; i++) {
        for (uint32_t section = 0; section < IMAGE_SECTIONS_LEN; section++) {
            assert_int_equal(after->routes[i].count[section], before->routes[i].count[section]);
            assert_int_equal(after->endpoints[i].count[section],
                             before->endpoints[i].count[section]);
        }
    }

    assert_int_not_equal(before->secrets.count[IMAGE_SECTION_CERTIFICATES], 1);
    assert_int_equal(after->secrets.count[IMAGE_SECTION_CERTIFICATES], 1);
    uint64_t id = image_settings_get(after)->default_certificate_id;
    const struct image_certificate *shown = image_certificate_find(after, id);
    assert_non_null(shown);
    uint64_t ids[2];
    image_certificates_for(after, SPAN("example.com"), ids);
    assert_int_equal(ids[0], id);
    assert_int_equal(tls_pair_examine(image_text(&after->secrets, shown->chain_pem),
                                      image_text(&after->secrets, shown->key_pem), &arena, &facts),
                     TLS_PAIR_OK);
    assert_true(tls_pair_is_generated(&facts));
    image_fds_close(&loaded.fds);
}

/* ---- damages ---------------------------------------------------------------------------------- */

struct damaging {
    struct kept *kept;
    size_t damages;
};

static void at_each_byte(void *ctx, const char *name)
{
    struct damaging *damaging = ctx;
    int fd = openat(damaging->kept->dir, name, O_RDWR | O_CLOEXEC);
    struct stat st;
    const char *what;

    assert_true(fd != -1 && fstat(fd, &st) == 0);
    for (off_t at = 0; at < st.st_size; at++) {
        char byte, damaged;

        assert_int_equal(pread(fd, &byte, 1, at), 1);
        damaged = (char)(byte ^ (1 << at % 8));
        assert_int_equal(pwrite(fd, &damaged, 1, at), 1);
        what = NULL;
        int r = load(damaging->kept, &what);
        assert_true(r == LOAD_DAMAGED || r == LOAD_FOREIGN);
        assert_non_null(what);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        damaging->damages++;
    }
    close(fd);
}

static void at_each_length(void *ctx, const char *name)
{
    struct damaging *damaging = ctx;
    int fd = openat(damaging->kept->dir, name, O_RDWR | O_CLOEXEC);
    char bytes[65536];
    const char *what;

    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    assert_in_range(len, 1, sizeof(bytes) - 1);
    for (ssize_t cut = 0; cut <= len + 1; cut++) {
        if (cut == len)
            continue;
        assert_int_equal(ftruncate(fd, cut), 0);
        int r = load(damaging->kept, &what);
        assert_true(r == LOAD_DAMAGED || r == LOAD_FOREIGN);
        assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
        damaging->damages++;
    }
    assert_int_equal(ftruncate(fd, len), 0);
    close(fd);
}

static void without_it(void *ctx, const char *name)
{
    struct damaging *damaging = ctx;
    struct scratch *scratch = &damaging->kept->scratch;
    const char *what;

    scratch_rename(scratch, name, ".aside");
    assert_int_equal(load(damaging->kept, &what),
                     strcmp(name, STATE_IMAGE) == 0 ? LOAD_NOTHING : LOAD_DAMAGED);
    scratch_symlink(scratch, ".aside", name); /* not ours, wherever it leads */
    assert_int_not_equal(load(damaging->kept, &what), LOAD_OK);
    scratch_unlink(scratch, name);
    scratch_rename(scratch, ".aside", name);
    damaging->damages++;
}

static void test_damage_is_refused(void **state)
{
    struct damaging damaging = { *state, 0 };
    const char *what;

    kept_each(damaging.kept, at_each_byte, &damaging);
    kept_each(damaging.kept, at_each_length, &damaging);
    kept_each(damaging.kept, without_it, &damaging);
    print_message("%zu damages\n", damaging.damages);
    assert_true(damaging.damages > 2000);
    assert_int_equal(load(damaging.kept, &what), LOAD_OK);
}

static void test_other_build_is_foreign(void **state)
{
    struct kept *kept = *state;
    int fd = openat(kept->dir, STATE_IMAGE, O_RDWR | O_CLOEXEC);
    struct proc_build_id other = { { 1, 2, 3 } };
    const char *what = NULL;

    assert_int_equal(pwrite(fd, &other, sizeof(other), offsetof(struct state_head, build)),
                     sizeof(other));
    close(fd);
    assert_int_equal(load(kept, &what), LOAD_FOREIGN);
    assert_string_equal(what, "another build of yett wrote it");
}

static void test_other_flags_are_foreign(void **state)
{
    struct kept *kept = *state;
    const char *what = NULL;
    struct loaded loaded;

    assert_int_equal(load_image(kept->dir, KEPT_FLAGS + 1, &loaded, &what), LOAD_FOREIGN);
    assert_string_equal(what, "other flags made it");
}

static void test_nothing_is_no_trouble(void **state)
{
    struct kept *kept = *state;
    const char *what = NULL;

    scratch_unlink(&kept->scratch, STATE_IMAGE);
    assert_int_equal(load(kept, &what), LOAD_NOTHING);
}

/* An image of a gate without HTTPS has no certificate to replace. */
static void test_without_default_certificate(void **state)
{
    struct kept *kept = *state;
    struct route_model *model = route_model_new();
    struct loaded loaded;
    const char *what = NULL;

    fixture_rule(model, "a.example", ROUTE_PATH_PREFIX, "", "svc");
    kept_publish(kept, model);
    route_model_free(model);
    assert_int_equal(kept_save(kept), 0);
    assert_int_equal(load_image(kept->dir, KEPT_FLAGS, &loaded, &what), LOAD_OK);
    SCOPED(image_view_unrefp) struct image_view *view = view_of(&loaded.fds);
    assert_int_equal(view->secrets.count[IMAGE_SECTION_CERTIFICATES], 0);
    assert_int_equal(image_settings_get(view)->default_certificate_id, 0);
    image_fds_close(&loaded.fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_saved_is_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_build_is_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_flags_are_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_no_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_default_certificate, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
