#include "api/file.h"

#include <errno.h>
#include <fcntl.h>

#include "base/bug.h"
#include "base/scope.h"

void api_file_deinit(struct api_file *file)
{
    buf_deinit(&file->bytes);
    file->is_read = false;
}

static int file_open(struct span path)
{
    invariant(path.ptr[path.len] == '\0');
    /* Non-blocking: that which is no file at all, such as a pipe without a writer, must not hold us. */
    int fd = open(path.ptr, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd == -1 ? -errno : fd;
}

int api_file_read(struct span path, size_t max, struct buf *ret_bytes)
{
    enum { STEP_BYTES = 16 << 10 };
    SCOPED(fd_closep) int fd = file_open(path);

    if (fd < 0)
        return fd;
    for (;;) {
        char *at = buf_reserve(ret_bytes, STEP_BYTES);
        ssize_t n = read(fd, at, STEP_BYTES);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return -errno;
        if (n == 0)
            return 0;
        ret_bytes->len += (size_t)n;
        if (ret_bytes->len > max)
            return -EFBIG;
    }
}

static bool stat_eq(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int api_file_refresh(struct api_file *file, size_t max, uint64_t now_ms, uint64_t look_ms,
                     uint64_t read_ms)
{
    struct buf bytes = { 0 };
    struct stat seen;

    if (file->is_read && now_ms - file->looked_ms < look_ms)
        return 0;
    if (stat(file->path.ptr, &seen) == -1)
        return -errno;
    file->looked_ms = now_ms;
    if (file->is_read && stat_eq(&seen, &file->seen) && now_ms - file->read_ms < read_ms)
        return 0;
    int r = api_file_read(file->path, max, &bytes);
    if (r < 0) {
        buf_deinit(&bytes);
        return r;
    }
    buf_deinit(&file->bytes);
    file->bytes = bytes;
    file->is_read = true;
    file->seen = seen; /* taken before: a change since then shows at the next look */
    file->read_ms = now_ms;
    return 0;
}
