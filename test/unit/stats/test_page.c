#include "stats/page.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scope.h"

static struct stats_page *page_open(int fd, enum stats_map_mode mode)
{
    struct stats_page *page = NULL;

    assert_int_equal(stats_page_map(fd, mode, &page), 0);
    assert_non_null(page);
    return page;
}

static void test_new_page(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();
    struct stat st;

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    struct stats_page *page = page_open(fd, STATS_READ);
    assert_int_equal(stats_page_slots_len(page), 1);
    assert_int_equal(page->slots[0].id, 0);
    assert_int_equal(page->slots[STATS_SLOTS_MAX - 1].reserved[2], 0); /* last word is mapped */
    stats_page_unmap(page);
    stats_page_unmap(NULL);

    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_blocks * 512 < 1 << 20); /* holes stay holes */
}

static void test_nobody_can_resize(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();

    assert_int_equal(ftruncate(fd, 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, (off_t)stats_page_bytes() + 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* nor stop the writer */
}

/* A file like a page, but for one thing. */
struct forgery {
    const char *what;
    size_t bytes; /* 0: as a page has */
    int seals;
};

enum { GOOD_SEALS = F_SEAL_SHRINK | F_SEAL_GROW };

static const struct forgery forgeries[] = {
    { "a byte", 1, GOOD_SEALS },      { "too short", 1 << 20, GOOD_SEALS }, { "no seals", 0, 0 },
    { "may shrink", 0, F_SEAL_GROW }, { "may grow", 0, F_SEAL_SHRINK },
};

static int forge(const struct forgery *f)
{
    const struct stats_page header = { .slots_len = 1 };
    int fd = memfd_create("forgery", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
    assert_int_equal(ftruncate(fd, (off_t)(f->bytes ? f->bytes : stats_page_bytes())), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, f->seals), 0);
    return fd;
}

static void test_foreign_pages_are_refused(void **state)
{
    struct stats_page *untouched = (void *)state;

    for (size_t i = 0; i < ARRAY_LEN(forgeries); i++) {
        SCOPED(fd_closep) int fd = forge(&forgeries[i]);
        struct stats_page *page = untouched;

        print_message("%s\n", forgeries[i].what);
        assert_int_equal(stats_page_map(fd, STATS_READ, &page), -EPROTO);
        assert_ptr_equal(page, untouched);
    }
}

static void test_other_descriptors_are_refused(void **state)
{
    struct stats_page *untouched = (void *)state, *page = untouched;
    int ends[2];

    assert_int_equal(stats_page_map(-1, STATS_READ, &page), -EBADF);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(stats_page_map(ends[0], STATS_READ, &page), -EPROTO);
    close(ends[0]);
    close(ends[1]);

    SCOPED(fd_closep) int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) { /* right size and header, but any holder could cut it short */
        const struct stats_page header = { .slots_len = 1 };
        assert_int_equal(pwrite(file, &header, sizeof(header), 0), sizeof(header));
        assert_int_equal(ftruncate(file, (off_t)stats_page_bytes()), 0);
        assert_int_equal(stats_page_map(file, STATS_READ, &page), -EPROTO);
    }
    assert_ptr_equal(page, untouched);
}

static void test_slots_by_id(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();
    struct stats_page *page = page_open(fd, STATS_WRITE);
    struct stats_writer *writer = stats_writer_new(page);

    assert_ptr_equal(stats_writer_slot(writer, 0), &page->slots[0]);
    struct stats_slot *a = stats_writer_slot(writer, 77);
    struct stats_slot *b = stats_writer_slot(writer, UINT64_MAX);
    assert_ptr_equal(a, &page->slots[1]);
    assert_ptr_equal(b, &page->slots[2]);
    assert_ptr_equal(stats_writer_slot(writer, 77), a);
    assert_ptr_equal(stats_writer_slot(writer, 0), &page->slots[0]);
    assert_int_equal(a->id, 77);
    assert_int_equal(stats_page_slots_len(page), 3);

    assert_null(stats_writer_free(writer));
    assert_null(stats_writer_free(NULL));
    stats_page_unmap(page);
}

static void test_counters_survive_the_writer(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();

    for (unsigned life = 1; life <= 3; life++) {
        struct stats_page *page = page_open(fd, STATS_WRITE);
        struct stats_writer *writer = stats_writer_new(page);

        assert_int_equal(page->requests, (life - 1) * 10);
        assert_int_equal(page->connections_active, 0); /* a gauge: those connections are gone */
        stats_add(&page->requests, 10);
        stats_add(&page->connections_active, 4);
        stats_add(&page->connections_reading, 1);
        stats_add(&page->connections_writing, 2);
        stats_add(&page->connections_waiting, 1);
        stats_slot_count(stats_writer_slot(writer, 42), 200, 1, 2, 3);
        assert_int_equal(stats_writer_slot(writer, 42)->status[1], life);
        (void)stats_writer_slot(writer, 1000 + life);
        assert_int_equal(stats_page_slots_len(page), 2 + life);

        stats_writer_free(writer);
        stats_page_unmap(page);
    }
}

static void test_unpublished_slot_is_reused(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();
    struct stats_page *page = page_open(fd, STATS_WRITE);

    page->slots[1].id = 5; /* its writer died before it published the slot */
    struct stats_writer *writer = stats_writer_new(page);
    assert_ptr_equal(stats_writer_slot(writer, 6), &page->slots[1]);
    assert_int_equal(page->slots[1].id, 6);
    assert_ptr_equal(stats_writer_slot(writer, 5), &page->slots[2]);
    stats_writer_free(writer);
    stats_page_unmap(page);
}

static void test_full_page_counts_in_other(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();
    struct stats_page *page = page_open(fd, STATS_WRITE);
    struct stats_writer *writer = stats_writer_new(page);

    for (uint64_t id = 1; id < STATS_SLOTS_MAX; id++)
        assert_ptr_equal(stats_writer_slot(writer, id), &page->slots[id]);
    assert_int_equal(stats_page_slots_len(page), STATS_SLOTS_MAX);
    assert_ptr_equal(stats_writer_slot(writer, STATS_SLOTS_MAX), &page->slots[0]);
    assert_ptr_equal(stats_writer_slot(writer, UINT64_MAX), &page->slots[0]);
    assert_ptr_equal(stats_writer_slot(writer, 1), &page->slots[1]);
    assert_int_equal(page->slots[0].id, 0);

    stats_writer_free(writer);
    writer = stats_writer_new(page); /* the successor finds it full as well */
    assert_ptr_equal(stats_writer_slot(writer, STATS_SLOTS_MAX - 1),
                     &page->slots[STATS_SLOTS_MAX - 1]);
    assert_ptr_equal(stats_writer_slot(writer, STATS_SLOTS_MAX), &page->slots[0]);
    stats_writer_free(writer);
    stats_page_unmap(page);
}

static void test_reader_is_not_led_out_of_the_page(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();
    struct stats_page *page = page_open(fd, STATS_WRITE);

    page->slots_len = UINT64_MAX; /* a worker gone mad, after the reader mapped */
    assert_int_equal(stats_page_slots_len(page), STATS_SLOTS_MAX);
    stats_page_unmap(page);
}

/* Its successor, and a controller that starts anew, go on with whatever a worker left. */
static void test_nothing_in_a_page_stops_those_who_map_it(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte <= UINT8_MAX; byte += UINT8_MAX) {
        SCOPED(fd_closep) int fd = stats_page_create();
        struct stats_page *page = page_open(fd, STATS_WRITE);

        memset(page, (int)byte, sizeof(*page) + 4 * sizeof(page->slots[0]));
        stats_page_unmap(page);
        page = page_open(fd, STATS_READ);
        size_t len = stats_page_slots_len(page);
        assert_true(len >= 1 && len <= STATS_SLOTS_MAX);
        stats_page_unmap(page);

        page = page_open(fd, STATS_WRITE);
        struct stats_writer *writer = stats_writer_new(page);
        stats_slot_count(stats_writer_slot(writer, 7), 200, 1, 2, 3);
        assert_int_equal(page->connections_active, 0);
        stats_writer_free(writer);
        stats_page_unmap(page);
    }
}

static const struct {
    uint64_t duration_us;
    size_t bucket;
} durations[] = {
    { 0, 0 },       { 4999, 0 },      { 5000, 0 },      { 5001, 1 },
    { 10000, 1 },   { 25000, 2 },     { 25001, 3 },     { 100000, 4 },
    { 250000, 5 },  { 500000, 6 },    { 1000000, 7 },   { 2500000, 8 },
    { 5000000, 9 }, { 10000000, 10 }, { 10000001, 11 }, { UINT64_MAX, 11 },
};

static void test_durations_fall_into_buckets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        struct stats_slot slot = { 0 };

        stats_slot_count(&slot, 200, durations[i].duration_us, 0, 0);
        for (size_t b = 0; b < STATS_DURATION_BUCKETS; b++)
            assert_int_equal(slot.duration[b], b == durations[i].bucket);
        assert_int_equal(slot.duration_sum_us, durations[i].duration_us);
    }
}

static const struct {
    unsigned status;
    size_t class;
} statuses[] = { { 100, 0 }, { 101, 0 }, { 199, 0 }, { 200, 1 }, { 204, 1 },
                 { 304, 2 }, { 404, 3 }, { 499, 3 }, { 500, 4 }, { 599, 4 } };

static void test_statuses_fall_into_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct stats_slot slot = { 0 };

        stats_slot_count(&slot, statuses[i].status, 0, 11, 13);
        for (size_t c = 0; c < STATS_STATUS_CLASSES; c++)
            assert_int_equal(slot.status[c], c == statuses[i].class);
        assert_int_equal(slot.request_bytes, 11);
        assert_int_equal(slot.response_bytes, 13);
    }
}

enum { RACE_SLOTS = 20000 };

/* Reads until it saw the last slot. True while every published slot has its id and nothing goes
 * back. */
static bool reader_sees_progress(const struct stats_page *page)
{
    size_t len = 0;
    uint64_t requests = 0;

    while (len < RACE_SLOTS) {
        size_t len_now = stats_page_slots_len(page);
        uint64_t requests_now = stats_get(&page->requests);

        if (len_now < len || requests_now < requests)
            return false;
        for (size_t i = MAX(len, (size_t)1); i < len_now; i++) {
            if (stats_get(&page->slots[i].id) != 1000000 + i)
                return false;
        }
        len = len_now;
        requests = requests_now;
    }
    return true;
}

static void test_another_process_reads_along(void **state)
{
    (void)state;
    SCOPED(fd_closep) int fd = stats_page_create();
    struct stats_page *page = page_open(fd, STATS_WRITE);
    int status;

    pid_t reader = fork();
    assert_true(reader >= 0);
    if (reader == 0) {
        struct stats_page *seen;
        alarm(20); /* a reader that waits for ever is a failure, too */
        _exit(stats_page_map(fd, STATS_READ, &seen) == 0 && reader_sees_progress(seen) ? 0 : 1);
    }

    struct stats_writer *writer = stats_writer_new(page);
    for (uint64_t i = 1; i < RACE_SLOTS; i++) {
        stats_slot_count(stats_writer_slot(writer, 1000000 + i), 200, i, i, i);
        stats_add(&page->requests, 1);
        if (i == RACE_SLOTS / 2) /* the writer restarts half-way */
            writer = (stats_writer_free(writer), stats_writer_new(page));
    }
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    stats_writer_free(writer);
    stats_page_unmap(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_page),
        cmocka_unit_test(test_nobody_can_resize),
        cmocka_unit_test(test_foreign_pages_are_refused),
        cmocka_unit_test(test_other_descriptors_are_refused),
        cmocka_unit_test(test_slots_by_id),
        cmocka_unit_test(test_counters_survive_the_writer),
        cmocka_unit_test(test_unpublished_slot_is_reused),
        cmocka_unit_test(test_full_page_counts_in_other),
        cmocka_unit_test(test_reader_is_not_led_out_of_the_page),
        cmocka_unit_test(test_nothing_in_a_page_stops_those_who_map_it),
        cmocka_unit_test(test_durations_fall_into_buckets),
        cmocka_unit_test(test_statuses_fall_into_classes),
        cmocka_unit_test(test_another_process_reads_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
