#include "keeper/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* renameat() */
#include <sys/stat.h>

#include "base/buf.h"
#include "base/scope.h"
#include "keeper/format.h"

enum { OPEN_FLAGS = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK };

static int write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written == -1 && errno == EINTR)
            continue;
        if (written == -1)
            return -errno;
        bytes = span_from(bytes, (size_t)written);
    }
    return 0;
}

static int tmp_write(int dir, const char *tmp, struct span head, struct span body)
{
    SCOPED(fd_closep) int fd = openat(dir, tmp, OPEN_FLAGS | O_WRONLY | O_CREAT | O_EXCL, 0600);

    if (fd == -1)
        return -errno;
    int r = write_all(fd, head);
    if (r == 0)
        r = write_all(fd, body);
    if (r == 0 && fsync(fd) == -1)
        r = -errno;
    return r;
}

int files_write(int dir, const char *name, struct span head, struct span body)
{
    SCOPED(buf_deinit) struct buf tmp = { 0 };

    buf_printf(&tmp, "%s" STATE_TMP, name);
    buf_append_byte(&tmp, '\0');
    unlinkat(dir, tmp.ptr, 0); /* of a write that did not end */
    int r = tmp_write(dir, tmp.ptr, head, body);
    if (r == 0 && renameat(dir, tmp.ptr, dir, name) == -1)
        r = -errno;
    if (r < 0)
        unlinkat(dir, tmp.ptr, 0);
    return r;
}

int files_sync(int dir)
{
    return fsync(dir) == -1 ? -errno : 0;
}

/* Non-blocking, so that a FIFO of that name is refused and not waited for. */
static int regular_open(int dir, const char *name, size_t *ret_bytes)
{
    SCOPED(fd_closep) int fd = openat(dir, name, OPEN_FLAGS | O_RDONLY);
    struct stat st;

    if (fd == -1 || fstat(fd, &st) == -1)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    *ret_bytes = (size_t)st.st_size;
    return TAKE_FD(fd);
}

int files_read(int dir, const char *name, char *at, size_t bytes)
{
    size_t size = 0;
    SCOPED(fd_closep) int fd = regular_open(dir, name, &size);

    if (fd < 0)
        return fd;
    if (size != bytes)
        return -EBADMSG;
    while (bytes > 0) {
        ssize_t got = read(fd, at, bytes);
        if (got == -1 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? -EBADMSG : -errno;
        at += got;
        bytes -= (size_t)got;
    }
    return 0;
}

int files_size(int dir, const char *name, size_t *ret_bytes)
{
    SCOPED(fd_closep) int fd = regular_open(dir, name, ret_bytes);

    return fd < 0 ? fd : 0;
}
