#include "stats/page.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/scope.h"

/* A page is plain memory at fixed offsets: no locks, no pointers. One process writes, others read
 * word by word and accept that two words may be from two moments. Only one thing is published:
 * that a slot has its id. The writer stores the id first and then, with release, the new
 * slots_len; who loads slots_len with acquire therefore never sees a slot without its id.
 *
 * The size is fixed by seals, so that nobody who holds the descriptor can cut the file short and
 * make the others die of SIGBUS. Slots that were never used are holes and cost no memory. */

#define STATS_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static_assert(sizeof(struct stats_slot) == 192, "three cache lines, and part of the layout");
static_assert(sizeof(struct stats_page) == 336, "part of the layout");
static_assert(offsetof(struct stats_page, connections_accepted) == 8, "part of the layout");
static_assert(offsetof(struct stats_page, starts) == 272, "part of the layout");

const uint64_t stats_duration_bounds_us[STATS_DURATION_BUCKETS] = {
    5000,   10000,   25000,   50000,   100000,   250000,
    500000, 1000000, 2500000, 5000000, 10000000, UINT64_MAX,
};

struct stats_writer {
    struct stats_page *page;
    struct idmap slots; /* id → struct stats_slot */
};

size_t stats_page_bytes(void)
{
    return sizeof(struct stats_page) + STATS_SLOTS_MAX * sizeof(struct stats_slot);
}

int stats_page_create(void)
{
    const struct stats_page empty = {
        .slots_len = 1, /* slot 0, "other": its id and counters are the zeroes of the hole */
    };
    SCOPED(fd_closep) int fd = memfd_create("yett-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd == -1 || ftruncate(fd, (off_t)stats_page_bytes()) == -1)
        return -errno;
    ssize_t written = pwrite(fd, &empty, sizeof(empty), 0);
    if (written == -1)
        return -errno;
    if ((size_t)written != sizeof(empty))
        return -EIO;
    if (fcntl(fd, F_ADD_SEALS, STATS_SEALS | F_SEAL_SEAL) == -1)
        return -errno;
    return TAKE_FD(fd);
}

int stats_page_map(int fd, enum stats_map_mode mode, struct stats_page **ret_page)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        return -errno;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != stats_page_bytes())
        return -EPROTO;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals == -1 || (seals & STATS_SEALS) != STATS_SEALS) /* EINVAL: not even a memfd */
        return -EPROTO;

    int protection = mode == STATS_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
    struct stats_page *page = mmap(NULL, stats_page_bytes(), protection, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    *ret_page = page;
    return 0;
}

void stats_page_unmap(struct stats_page *page)
{
    if (page)
        munmap(page, stats_page_bytes());
}

size_t stats_page_slots_len(const struct stats_page *page)
{
    /* The bounds are ours and not the page's: a worker that went mad must not lead the reader out of
     * the mapping, nor keep its successor from counting. */
    uint64_t len = __atomic_load_n(&page->slots_len, __ATOMIC_ACQUIRE);

    return MAX(MIN(len, (uint64_t)STATS_SLOTS_MAX), (uint64_t)1);
}

static void gauges_clear(struct stats_page *page)
{
    uint64_t *const gauges[] = { &page->connections_active, &page->connections_reading,
                                 &page->connections_writing, &page->connections_waiting };

    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        __atomic_store_n(gauges[i], 0, __ATOMIC_RELAXED);
}

struct stats_writer *stats_writer_new(struct stats_page *page)
{
    struct stats_writer *writer = mem_alloc_zero(sizeof(*writer));
    size_t len = stats_page_slots_len(page);

    writer->page = page;
    for (size_t i = 0; i < len; i++) {
        struct stats_slot *slot = &page->slots[i];
        if (!idmap_find(&writer->slots, slot->id))
            idmap_put(&writer->slots, slot->id, slot);
    }
    gauges_clear(page);
    return writer;
}

struct stats_writer *stats_writer_free(struct stats_writer *writer)
{
    if (writer) {
        idmap_deinit(&writer->slots);
        mem_free(writer);
    }
    return NULL;
}

struct stats_slot *stats_writer_slot(struct stats_writer *writer, uint64_t id)
{
    struct stats_page *page = writer->page;
    struct stats_slot *slot = idmap_find(&writer->slots, id);

    if (slot)
        return slot;
    size_t len = stats_page_slots_len(page);
    if (len == STATS_SLOTS_MAX || id == 0)
        return &page->slots[0];

    slot = &page->slots[len];
    __atomic_store_n(&slot->id, id, __ATOMIC_RELAXED);
    __atomic_store_n(&page->slots_len, len + 1, __ATOMIC_RELEASE);
    idmap_put(&writer->slots, id, slot);
    return slot;
}

void stats_slot_count(struct stats_slot *slot, unsigned status, uint64_t duration_us,
                      uint64_t request_bytes, uint64_t response_bytes)
{
    size_t bucket = 0;

    invariant(status >= 100 && status <= 599);
    while (duration_us > stats_duration_bounds_us[bucket]) /* ends: the last bound is the largest */
        bucket++;
    stats_add(&slot->status[status / 100 - 1], 1);
    stats_add(&slot->duration[bucket], 1);
    stats_add(&slot->duration_sum_us, duration_us);
    stats_add(&slot->request_bytes, request_bytes);
    stats_add(&slot->response_bytes, response_bytes);
}
