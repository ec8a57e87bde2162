#include "image/view.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/scope.h"
#include "image/lookup.h"
#include "image/segment.h"

/* An image's segments come from sealed memfds, from an older view that has them already, or from
 * bytes in memory. All three become a struct image_segment_map, and from there on are alike. */

enum { IMAGE_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

struct image_segment_map {
    unsigned refs;
    void *bytes;
    struct image_segment_ref ref; /* what it is: two maps with equal refs hold equal bytes */
    bool is_copy;                 /* on the heap, not mapped */
};

/* Where image_view_build() takes the segments from: fds or spans. */
struct source {
    const struct image_fds *fds;
    const struct span *spans;
    const struct image_view *before;
};

static struct image_segment_map *map_unref(struct image_segment_map *map)
{
    if (!map || --map->refs > 0)
        return NULL;
    if (map->is_copy) {
        if (map->ref.kind == IMAGE_SECRETS)
            explicit_bzero(map->bytes, map->ref.size_bytes);
        mem_free(map->bytes);
    } else {
        munmap(map->bytes, map->ref.size_bytes);
    }
    return mem_free(map);
}

static void map_unrefp(struct image_segment_map **map)
{
    *map = map_unref(*map);
}

static struct image_segment_map *map_new(void *bytes, const struct image_segment_ref *ref,
                                         bool is_copy)
{
    struct image_segment_map *map = mem_alloc(sizeof(*map));

    *map = (struct image_segment_map){ .refs = 1, .bytes = bytes, .ref = *ref, .is_copy = is_copy };
    return map;
}

/* Refuses what someone could still change under our eyes. */
static int fd_check(int fd, uint64_t *ret_size_bytes)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals == -1)
        return errno == EINVAL ? IMAGE_OPEN_UNSEALED : -errno; /* EINVAL: not a memfd at all */
    if ((seals & IMAGE_SEALS) != IMAGE_SEALS)
        return IMAGE_OPEN_UNSEALED;
    if (fstat(fd, &st) == -1)
        return -errno;
    *ret_size_bytes = (uint64_t)st.st_size;
    return IMAGE_OPEN_OK;
}

/* Private, because a shared mapping of a write-sealed memfd is refused before Linux 6.7; the pages
 * are the memfd's own all the same as long as nobody writes, and nobody can. */
static int fd_map(int fd, uint64_t size_bytes, void **ret_bytes)
{
    void *bytes = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);

    if (bytes == MAP_FAILED)
        return -errno;
    *ret_bytes = bytes;
    return 0;
}

static int map_from_fd(int fd, const struct image_segment_ref *ref,
                       struct image_segment_map **ret_map)
{
    uint64_t size_bytes = 0;
    void *bytes = NULL;

    int r = fd_check(fd, &size_bytes);
    if (r != IMAGE_OPEN_OK)
        return r;
    if (size_bytes != ref->size_bytes)
        return IMAGE_OPEN_CORRUPT;
    r = fd_map(fd, size_bytes, &bytes);
    if (r < 0)
        return r;

    SCOPED(map_unrefp) struct image_segment_map *map = map_new(bytes, ref, false);
    if (ref->kind == IMAGE_SECRETS && madvise(bytes, size_bytes, MADV_DONTDUMP) == -1)
        return -errno;
    *ret_map = TAKE(map);
    return IMAGE_OPEN_OK;
}

static int map_from_bytes(struct span span, const struct image_segment_ref *ref,
                          struct image_segment_map **ret_map)
{
    if (span.len != ref->size_bytes)
        return IMAGE_OPEN_CORRUPT;

    *ret_map = map_new(mem_dup(span.ptr, span.len), ref, true);
    return IMAGE_OPEN_OK;
}

static struct image_segment_view *segment_at(struct image_view *view, uint32_t position)
{
    uint32_t shard = image_shard_at(position);

    switch (image_kind_at(position)) {
    case IMAGE_ROUTES:
        return &view->routes[shard];
    case IMAGE_ENDPOINTS:
        return &view->endpoints[shard];
    case IMAGE_SECRETS:
        return &view->secrets;
    }
    unreachable();
}

/* The same segment in an older view. A view has room for every shard, used or not. */
static const struct image_segment_view *segment_share(const struct image_view *before,
                                                      uint32_t position,
                                                      const struct image_segment_ref *ref)
{
    if (!before)
        return NULL;
    const struct image_segment_view *segment = segment_at((struct image_view *)before, position);
    bool is_same = segment->map && memcmp(&segment->map->ref, ref, sizeof(*ref)) == 0;
    return is_same ? segment : NULL;
}

static int segment_open(const struct source *source, uint32_t position,
                        const struct image_segment_ref *ref, struct image_segment_view *ret_segment)
{
    const struct image_segment_view *shared = segment_share(source->before, position, ref);
    SCOPED(map_unrefp) struct image_segment_map *map = NULL;

    if (shared) {
        *ret_segment = *shared;
        ret_segment->map->refs++;
        return IMAGE_OPEN_OK;
    }
    int r = source->fds ? map_from_fd(source->fds->segments[position], ref, &map)
                        : map_from_bytes(source->spans[position], ref, &map);
    if (r != IMAGE_OPEN_OK)
        return r;

    struct span bytes = span_of(map->bytes, ref->size_bytes);
    if (hash_block(bytes) != ref->checksum)
        return IMAGE_OPEN_CORRUPT;
    r = image_segment_resolve(bytes, ref->kind, ret_segment);
    if (r != IMAGE_OPEN_OK)
        return r;
    ret_segment->map = TAKE(map);
    return IMAGE_OPEN_OK;
}

static int view_build(const struct image_root_block *block, const struct source *source,
                      struct image_view **ret_view)
{
    SCOPED(image_view_unrefp) struct image_view *view = mem_alloc_zero(sizeof(*view));

    view->refs = 1;
    view->generation = block->root.generation;
    view->shards = block->root.shards;
    for (uint32_t i = 0; i < block->root.segments_len; i++) {
        int r = segment_open(source, i, &block->refs[i], segment_at(view, i));
        if (r != IMAGE_OPEN_OK)
            return r;
    }
    *ret_view = TAKE(view);
    return IMAGE_OPEN_OK;
}

static int root_open(int fd, struct image_root_block *ret_block)
{
    uint64_t size_bytes = 0;
    void *bytes = NULL;

    int r = fd_check(fd, &size_bytes);
    if (r != IMAGE_OPEN_OK)
        return r;
    if (size_bytes < sizeof(struct image_root) || size_bytes > sizeof(*ret_block))
        return IMAGE_OPEN_CORRUPT;
    r = fd_map(fd, size_bytes, &bytes);
    if (r < 0)
        return r;
    r = image_root_read(span_of(bytes, size_bytes), ret_block);
    munmap(bytes, size_bytes);
    return r;
}

int image_view_open(const struct image_fds *fds, const struct image_view *before,
                    struct image_view **ret_view)
{
    struct image_root_block block;

    int r = root_open(fds->root, &block);
    if (r != IMAGE_OPEN_OK)
        return r;
    if (fds->segments_len != block.root.segments_len)
        return IMAGE_OPEN_CORRUPT;
    return view_build(&block, &(struct source){ .fds = fds, .before = before }, ret_view);
}

int image_view_open_bytes(struct span root, const struct span *segments, uint32_t segments_len,
                          struct image_view **ret_view)
{
    struct image_root_block block;

    int r = image_root_read(root, &block);
    if (r != IMAGE_OPEN_OK)
        return r;
    if (segments_len != block.root.segments_len)
        return IMAGE_OPEN_CORRUPT;
    return view_build(&block, &(struct source){ .spans = segments }, ret_view);
}

struct image_view *image_view_ref(struct image_view *view)
{
    view->refs++;
    return view;
}

struct image_view *image_view_unref(struct image_view *view)
{
    if (!view || --view->refs > 0)
        return NULL;
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX; i++)
        map_unref(segment_at(view, i)->map);
    return mem_free(view);
}

struct image_endpoints image_endpoints_find(const struct image_view *view, uint64_t service_key)
{
    const struct image_segment_view *shard =
        &view->endpoints[image_shard_of(service_key, view->shards)];
    struct image_probe probe =
        image_probe_start(shard, IMAGE_SECTION_ENDPOINT_SLOTS, hash_u64(service_key));
    struct image_endpoints found = { .segment = shard };

    for (uint32_t i = image_probe_next(&probe); i != IMAGE_NONE; i = image_probe_next(&probe)) {
        const struct image_endpoint_set *set =
            image_record(shard, IMAGE_SECTION_ENDPOINT_SETS, i, sizeof(*set));
        if (set->service_key != service_key)
            continue;
        invariant(set->endpoints_first <= shard->count[IMAGE_SECTION_ENDPOINTS] &&
                  set->endpoints_len <=
                      shard->count[IMAGE_SECTION_ENDPOINTS] - set->endpoints_first);
        found.items = (const struct image_endpoint *)shard->at[IMAGE_SECTION_ENDPOINTS] +
                      set->endpoints_first;
        found.len = set->endpoints_len;
        break;
    }
    return found;
}

uint32_t image_next(const struct image_view *view, enum image_section section, uint32_t index)
{
    uint32_t shard = 0, local = 0;

    if (index != IMAGE_NONE) {
        shard = index >> IMAGE_LOCAL_BITS;
        local = image_local(index) + 1;
    }
    for (; shard < view->shards; shard++, local = 0) {
        if (local < view->routes[shard].count[section])
            return shard << IMAGE_LOCAL_BITS | local;
    }
    return IMAGE_NONE;
}

/* Both kinds of records that are found by id begin with it, and are sorted by it. */
static const void *secret_find(const struct image_view *view, enum image_section section,
                               size_t record_bytes, uint64_t id)
{
    uint32_t from = 0, to = view->secrets.count[section];

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const uint64_t *record = image_record(&view->secrets, section, middle, record_bytes);
        if (*record == id)
            return record;
        if (*record < id)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const struct image_certificate *image_certificate_find(const struct image_view *view, uint64_t id)
{
    return secret_find(view, IMAGE_SECTION_CERTIFICATES, sizeof(struct image_certificate), id);
}

const struct image_authorities *image_authorities_find(const struct image_view *view, uint64_t id)
{
    return secret_find(view, IMAGE_SECTION_AUTHORITIES, sizeof(struct image_authorities), id);
}

const struct image_listener *image_listener_find(const struct image_view *view,
                                                 enum route_transport transport, uint16_t port)
{
    uint32_t from = 0, to = image_listener_count(view);

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const struct image_listener *listener = image_listener_get(view, middle);
        if (listener->transport == transport && listener->port == port)
            return listener;
        if (listener->transport < transport ||
            (listener->transport == transport && listener->port < port))
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}
