#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/scope.h"
#include "fixture.h"
#include "image/publish.h"
#include "image/segment.h"
#include "image/verify.h"

/* A field of the root is overwritten. */
static const struct {
    const char *what;
    size_t at, bytes;
    uint64_t value;
    int expected;
} root_damages[] = {
    { "magic", offsetof(struct image_root, magic), 8, 0, IMAGE_OPEN_FOREIGN },
    { "version", offsetof(struct image_root, version), 4, IMAGE_FORMAT_VERSION + 1,
      IMAGE_OPEN_FOREIGN },
    { "fewer segments", offsetof(struct image_root, segments_len), 4, 2, IMAGE_OPEN_CORRUPT },
    { "more segments", offsetof(struct image_root, segments_len), 4, 4, IMAGE_OPEN_CORRUPT },
    { "no end of segments", offsetof(struct image_root, segments_len), 4, UINT32_MAX,
      IMAGE_OPEN_CORRUPT },
    { "no shards", offsetof(struct image_root, shards), 4, 0, IMAGE_OPEN_CORRUPT },
    { "three shards", offsetof(struct image_root, shards), 4, 3, IMAGE_OPEN_CORRUPT },
    { "128 shards", offsetof(struct image_root, shards), 4, 128, IMAGE_OPEN_CORRUPT },
    { "older than its segments", offsetof(struct image_root, generation), 8, 0,
      IMAGE_OPEN_CORRUPT },
#define REF(index, field)                                                    \
    sizeof(struct image_root) + (index) * sizeof(struct image_segment_ref) + \
        offsetof(struct image_segment_ref, field)
    { "secrets are routes", REF(0, kind), 4, IMAGE_ROUTES, IMAGE_OPEN_CORRUPT },
    { "routes are secrets", REF(1, kind), 4, IMAGE_SECRETS, IMAGE_OPEN_CORRUPT },
    { "unknown kind", REF(2, kind), 4, 9, IMAGE_OPEN_CORRUPT },
    { "other shard", REF(2, shard), 4, 1, IMAGE_OPEN_CORRUPT },
    { "routes with a shard", REF(0, shard), 4, 1, IMAGE_OPEN_CORRUPT },
    { "newer segment", REF(0, generation), 8, 99, IMAGE_OPEN_CORRUPT },
    { "smaller than a header", REF(0, size_bytes), 8, 8, IMAGE_OPEN_CORRUPT },
    { "other size", REF(0, size_bytes), 8, 4096, IMAGE_OPEN_CORRUPT },
    { "too large", REF(0, size_bytes), 8, UINT64_MAX, IMAGE_OPEN_CORRUPT },
};

/* A field of the routes segment's header is overwritten. */
static const struct {
    const char *what;
    size_t at, bytes;
    uint64_t value;
    int expected;
} segment_damages[] = {
    { "magic", offsetof(struct image_segment, magic), 8, 0, IMAGE_OPEN_FOREIGN },
    { "version", offsetof(struct image_segment, version), 4, 0, IMAGE_OPEN_FOREIGN },
    { "kind", offsetof(struct image_segment, kind), 4, IMAGE_ENDPOINTS, IMAGE_OPEN_CORRUPT },
    { "size", offsetof(struct image_segment, size_bytes), 8, 8, IMAGE_OPEN_CORRUPT },
#define SECTION(section, field)                                                               \
    offsetof(struct image_segment, sections) + (section) * sizeof(struct image_section_ref) + \
        offsetof(struct image_section_ref, field)
    { "section beyond the last", SECTION(IMAGE_SECTIONS_LEN, count), 4, 1, IMAGE_OPEN_CORRUPT },
    { "offset beyond the last", SECTION(IMAGE_SECTIONS_LEN, offset), 4, 8, IMAGE_OPEN_CORRUPT },
    { "section of another kind", SECTION(IMAGE_SECTION_CERTIFICATES, count), 4, 1,
      IMAGE_OPEN_CORRUPT },
};

static void test_open_gives_what_was_written(void **state)
{
    (void)state;
    struct fixture_image image;
    struct image_view *view = NULL;

    fixture_image_init(&image);
    assert_int_equal(fixture_image_open(&image, &view), IMAGE_OPEN_OK);
    assert_int_equal(view->generation, 1);
    assert_int_equal(view->shards, 1);
    assert_ptr_equal(image_view_ref(view), view);
    assert_null(image_view_unref(view));
    assert_int_equal(view->routes[0].count[IMAGE_SECTION_HOSTS], 3); /* still there */
    assert_null(image_view_unref(view));
    fixture_image_deinit(&image);
}

static void test_open_refuses_damaged_root(void **state)
{
    struct image_view *untouched = (void *)state; /* a marker: outputs must survive a failure */

    for (size_t i = 0; i < ARRAY_LEN(root_damages); i++) {
        struct fixture_image image;
        struct image_view *view = untouched;

        print_message("%s\n", root_damages[i].what);
        fixture_image_init(&image);
        memcpy((char *)&image.root + root_damages[i].at, &root_damages[i].value,
               root_damages[i].bytes);
        if (image.root.root.segments_len <= IMAGE_SEGMENTS_MAX)
            image.root.root.checksum = image_root_checksum(&image.root);
        assert_int_equal(fixture_image_open(&image, &view), root_damages[i].expected);
        assert_ptr_equal(view, untouched);
        fixture_image_deinit(&image);
    }
}

static void test_open_refuses_damaged_segment(void **state)
{
    struct image_view *untouched = (void *)state;

    for (size_t i = 0; i < ARRAY_LEN(segment_damages); i++) {
        struct fixture_image image;
        struct image_view *view = untouched;

        print_message("%s\n", segment_damages[i].what);
        fixture_image_init(&image);
        memcpy(image.segments[IMAGE_AT_ROUTES].ptr + segment_damages[i].at,
               &segment_damages[i].value, segment_damages[i].bytes);
        fixture_image_reseal(&image);
        assert_int_equal(fixture_image_open(&image, &view), segment_damages[i].expected);
        assert_ptr_equal(view, untouched);
        fixture_image_deinit(&image);
    }
}

/* Each section in turn: unaligned, before its predecessor, past the end, too long. */
static void test_open_refuses_each_misplaced_section(void **state)
{
    struct image_view *untouched = (void *)state;

    for (uint32_t section = 0; section < IMAGE_SECTIONS_LEN; section++) {
        struct fixture_image image;
        fixture_image_init(&image);
        struct image_segment *segment = (void *)image.segments[IMAGE_AT_ROUTES].ptr;
        struct image_section_ref right = segment->sections[section];
        const struct image_section_ref wrong[] = {
            { right.offset + 4, right.count },
            { right.offset - 8, right.count },
            { 0, right.count },
            { UINT32_MAX - 7, right.count },
            { (uint32_t)segment->size_bytes, 64 },
            { right.offset, UINT32_MAX },
        };

        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
            struct image_view *view = untouched;
            print_message("section %u, damage %zu\n", section, i);
            segment->sections[section] = wrong[i];
            fixture_image_reseal(&image);
            assert_int_equal(fixture_image_open(&image, &view), IMAGE_OPEN_CORRUPT);
            assert_ptr_equal(view, untouched);
        }
        fixture_image_deinit(&image);
    }
}

static void test_open_refuses_each_flipped_byte(void **state)
{
    struct image_view *untouched = (void *)state;
    struct fixture_image image;

    fixture_image_init(&image);
    for (uint32_t position = 0; position < 3; position++) {
        struct buf *segment = &image.segments[position];
        for (size_t at = 0; at < segment->len; at += 7) {
            struct image_view *view = untouched;
            segment->ptr[at] ^= 0x10;
            assert_int_equal(fixture_image_open(&image, &view), IMAGE_OPEN_CORRUPT);
            assert_ptr_equal(view, untouched);
            segment->ptr[at] ^= 0x10;
        }
    }
    fixture_image_deinit(&image);
}

/* Writer and descriptors of one image after the other. */
struct published {
    struct route_model *model;
    struct image_writer *writer;
    struct image_bytes bytes;
    struct image_fds fds;
};

static void published_init(struct published *published)
{
    published->model = fixture_model_rich();
    published->writer = image_writer_new();
    assert_int_equal(image_write(published->writer, published->model, &published->bytes), 0);
    assert_int_equal(image_publish(&published->bytes, NULL, &published->fds), 0);
}

static void published_deinit(struct published *published)
{
    image_fds_close(&published->fds);
    image_writer_free(published->writer);
    route_model_free(published->model);
}

static void test_views_share_what_did_not_change(void **state)
{
    (void)state;
    struct published published;
    struct image_fds next;
    struct image_view *first = NULL, *second = NULL;
    const char *what = "";

    published_init(&published);
    assert_int_equal(image_view_open(&published.fds, NULL, &first), IMAGE_OPEN_OK);

    struct route_service *service = fixture_service(published.model, "main");
    fixture_endpoints_set(published.model, service, 9, 5);
    assert_int_equal(
        image_write_endpoints(published.writer, published.model, &service, 1, &published.bytes),
        IMAGE_WRITE_OK);
    assert_int_equal(image_publish(&published.bytes, &published.fds, &next), 0);
    for (uint32_t i = 0; i < next.segments_len; i++) { /* what is shared needs no descriptor */
        if (!published.bytes.is_new[i]) {
            fd_closep(&next.segments[i]);
            next.segments[i] = -1;
        }
    }
    assert_int_equal(image_view_open(&next, first, &second), IMAGE_OPEN_OK);
    assert_true(image_verify(second, &what));
    assert_ptr_equal(second->routes[0].map, first->routes[0].map);
    assert_ptr_equal(second->secrets.map, first->secrets.map);
    assert_ptr_not_equal(second->endpoints[0].map, first->endpoints[0].map);
    assert_int_equal(image_endpoints_find(first, service->key).len, 3);

    first = image_view_unref(first); /* what is shared outlives the view that mapped it */
    assert_true(image_verify(second, &what));
    assert_int_equal(image_endpoints_find(second, service->key).len, 5);
    assert_int_equal(second->generation, 2);

    struct image_view *without = NULL;
    assert_int_equal(image_view_open(&next, NULL, &without), -EBADF);
    assert_null(without);
    image_view_unref(second);
    image_fds_close(&next);
    published_deinit(&published);
}

/* A memfd with these bytes that is sealed against `seals` only. */
static int memfd_with(struct span bytes, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_open_refuses_unsealed(void **state)
{
    static const int too_few[] = {
        0,
        F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW,
        F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_WRITE,
        F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_WRITE,
        F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
    };
    struct image_view *untouched = (void *)state;
    struct published published;

    published_init(&published);
    for (size_t i = 0; i < ARRAY_LEN(too_few); i++) {
        SCOPED(fd_closep) int root = memfd_with(published.bytes.root, too_few[i]);
        SCOPED(fd_closep) int routes = memfd_with(published.bytes.segments[0], too_few[i]);
        struct image_view *view = untouched;
        struct image_fds fds = published.fds;

        fds.root = root;
        assert_int_equal(image_view_open(&fds, NULL, &view), IMAGE_OPEN_UNSEALED);
        fds = published.fds;
        fds.segments[0] = routes;
        assert_int_equal(image_view_open(&fds, NULL, &view), IMAGE_OPEN_UNSEALED);
        assert_ptr_equal(view, untouched);
    }
    published_deinit(&published);
}

static void test_open_refuses_other_descriptors(void **state)
{
    struct image_view *untouched = (void *)state;
    struct image_view *view = untouched;
    struct published published;
    SCOPED(fd_closep) int pipe_or_file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    published_init(&published);
    struct image_fds fds = published.fds;
    fds.root = pipe_or_file;
    assert_int_equal(image_view_open(&fds, NULL, &view), IMAGE_OPEN_UNSEALED);
    fds.root = fds.segments[0]; /* sealed, but no root */
    assert_int_equal(image_view_open(&fds, NULL, &view), IMAGE_OPEN_FOREIGN);
    fds = published.fds;
    fds.segments[0] = published.fds.segments[1];
    assert_int_equal(image_view_open(&fds, NULL, &view), IMAGE_OPEN_CORRUPT);
    fds = published.fds;
    fds.segments_len--;
    assert_int_equal(image_view_open(&fds, NULL, &view), IMAGE_OPEN_CORRUPT);
    assert_ptr_equal(view, untouched);
    published_deinit(&published);
}

static void test_published_cannot_be_written(void **state)
{
    (void)state;
    struct published published;

    published_init(&published);
    for (uint32_t i = 0; i < published.fds.segments_len; i++) {
        int fd = published.fds.segments[i];
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(ftruncate(fd, 0), -1);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    published_deinit(&published);
}

static void test_certificates_are_found_by_id(void **state)
{
    (void)state;
    struct route_model *model = fixture_model_rich();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);

    const struct image_certificate *certificate = image_certificate_find(view, 77);
    assert_true(span_eq(image_text(&view->secrets, certificate->key_pem), SPAN("key-77")));
    assert_true(span_eq(image_text(&view->secrets, certificate->chain_pem), SPAN("chain-77")));
    assert_non_null(image_certificate_find(view, 11));
    assert_null(image_certificate_find(view, 12));
    assert_null(image_certificate_find(view, 0));
    assert_null(image_certificate_find(view, UINT64_MAX));
    route_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_gives_what_was_written),
        cmocka_unit_test(test_open_refuses_damaged_root),
        cmocka_unit_test(test_open_refuses_damaged_segment),
        cmocka_unit_test(test_open_refuses_each_misplaced_section),
        cmocka_unit_test(test_open_refuses_each_flipped_byte),
        cmocka_unit_test(test_views_share_what_did_not_change),
        cmocka_unit_test(test_open_refuses_unsealed),
        cmocka_unit_test(test_open_refuses_other_descriptors),
        cmocka_unit_test(test_published_cannot_be_written),
        cmocka_unit_test(test_certificates_are_found_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
