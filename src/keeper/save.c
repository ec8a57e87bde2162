#include "keeper/save.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/scope.h"
#include "keeper/files.h"
#include "keeper/format.h"

static_assert(IMAGE_AT_SECRETS == 0, "the segments with files are those from 1 on");

struct mapping {
    void *bytes;
    size_t len;
};

static void mapping_close(struct mapping *mapping)
{
    if (mapping->bytes)
        munmap(mapping->bytes, mapping->len);
}

/* Private, as image_view_open() does: sealed memory may not be mapped shared on older kernels. */
static int mapping_open(int fd, struct mapping *ret_mapping)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        return -errno;
    if (st.st_size <= 0)
        return -EPROTO;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return -errno;
    *ret_mapping = (struct mapping){ bytes, (size_t)st.st_size };
    return 0;
}

static int root_read(int fd, struct image_root_block *ret_block)
{
    SCOPED(mapping_close) struct mapping root = { 0 };
    int r = mapping_open(fd, &root);

    if (r < 0)
        return r;
    return image_root_read(span_of(root.bytes, root.len), ret_block) == IMAGE_OPEN_OK ? 0 : -EPROTO;
}

static bool is_kept(const struct save *save, uint32_t position, const struct image_segment_ref *ref)
{
    const struct image_segment_ref *kept = &save->kept.refs[position];

    return kept->size_bytes == ref->size_bytes && kept->checksum == ref->checksum;
}

static int segment_write(int dir, const struct image_root_block *block, uint32_t position, int fd)
{
    SCOPED(mapping_close) struct mapping segment = { 0 };
    SCOPED(buf_deinit) struct buf name = { 0 };
    int r = mapping_open(fd, &segment);

    if (r < 0)
        return r;
    if (segment.len != block->refs[position].size_bytes)
        return -EPROTO;
    state_segment_name(block, position, &name);
    buf_append_byte(&name, '\0');
    return files_write(dir, name.ptr, SPAN_EMPTY, span_of(segment.bytes, segment.len));
}

static int segments_write(struct save *save, int dir, const struct image_root_block *block,
                          const int *segment_fds)
{
    bool is_any_new = false;

    for (uint32_t i = 1; i < block->root.segments_len; i++) {
        if (is_kept(save, i, &block->refs[i]))
            continue;
        int r = segment_write(dir, block, i, segment_fds[i - 1]);
        if (r < 0)
            return r;
        is_any_new = true;
    }
    return is_any_new ? files_sync(dir) : 0;
}

static int root_write(const struct save *save, int dir, const struct image_root_block *block)
{
    struct span root = span_of((const char *)block, image_root_bytes(block->root.segments_len));
    struct state_head head = {
        .magic = STATE_MAGIC,
        .root_bytes = (uint32_t)root.len,
        .build = proc_build_id_get(),
        .flags = save->flags,
    };

    int r = files_write(dir, STATE_IMAGE, span_of((const char *)&head, sizeof(head)), root);
    return r < 0 ? r : files_sync(dir);
}

/* Deletes what the image does not name. What cannot be deleted now can be so later. */
static void leftovers_delete(int dir, const struct image_root_block *block)
{
    SCOPED(arena_deinit) struct arena names;
    struct map wanted = { 0 };
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd == -1 ? NULL : fdopendir(fd);

    arena_init(&names, 4096);
    for (uint32_t i = 1; i < block->root.segments_len; i++) {
        SCOPED(buf_deinit) struct buf name = { 0 };
        state_segment_name(block, i, &name);
        map_put(&wanted, arena_dup(&names, buf_span(&name)), &wanted);
    }
    for (struct dirent *entry = entries ? readdir(entries) : NULL; entry;
         entry = readdir(entries)) {
        struct span name = span_from_str(entry->d_name);
        if (state_name_is_ours(name) && !map_find(&wanted, name))
            unlinkat(dir, entry->d_name, 0);
    }
    if (entries)
        closedir(entries);
    else
        fd_closep(&fd);
    map_deinit(&wanted);
}

int save_image(struct save *save, int dir, const int *fds, uint32_t fds_len)
{
    struct image_root_block block;

    if (fds_len < 1)
        return -EPROTO;
    int r = root_read(fds[0], &block);
    if (r < 0)
        return r;
    if (fds_len != block.root.segments_len)
        return -EPROTO;
    r = segments_write(save, dir, &block, fds + 1);
    if (r == 0)
        r = root_write(save, dir, &block);
    if (r < 0)
        return r;
    save->kept = block;
    leftovers_delete(dir, &block);
    return 0;
}
