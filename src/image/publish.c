#include "image/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/scope.h"
#include "image/segment.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* linux/memfd.h since 6.3 */
#endif

enum { PUBLISH_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static const char *name_at(uint32_t position)
{
    switch (image_kind_at(position)) {
    case IMAGE_ROUTES:
        return "yett-routes";
    case IMAGE_ENDPOINTS:
        return "yett-endpoints";
    case IMAGE_SECRETS:
        return "yett-secrets";
    }
    unreachable();
}

/* Kernels before 6.3 know no MFD_NOEXEC_SEAL and refuse it with EINVAL. */
static int memfd_new(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd == -1 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd == -1 ? -errno : fd;
}

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

/* A sealed memfd with these bytes, or -errno. */
static int memfd_sealed(const char *name, struct span bytes)
{
    SCOPED(fd_closep) int fd = memfd_new(name);
    if (fd < 0)
        return fd;

    int r = write_all(fd, bytes);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, PUBLISH_SEALS) == -1)
        return -errno;
    return TAKE_FD(fd);
}

static int segment_publish(const struct image_bytes *bytes, const struct image_fds *before,
                           uint32_t position)
{
    if (before && !bytes->is_new[position]) {
        invariant(position < before->segments_len);
        int fd = fcntl(before->segments[position], F_DUPFD_CLOEXEC, 3);
        return fd == -1 ? -errno : fd;
    }
    return memfd_sealed(name_at(position), bytes->segments[position]);
}

int image_publish(const struct image_bytes *bytes, const struct image_fds *before,
                  struct image_fds *ret_fds)
{
    SCOPED(image_fds_close) struct image_fds fds = { .root = -1 };

    fds.root = memfd_sealed("yett-image", bytes->root);
    if (fds.root < 0)
        return fds.root;
    for (uint32_t i = 0; i < bytes->segments_len; i++) {
        int fd = segment_publish(bytes, before, i);
        if (fd < 0)
            return fd;
        fds.segments[fds.segments_len++] = fd;
    }

    *ret_fds = fds;
    fds = (struct image_fds){ .root = -1 };
    return 0;
}

void image_fds_close(struct image_fds *fds)
{
    fd_closep(&fds->root);
    for (uint32_t i = 0; i < fds->segments_len; i++)
        fd_closep(&fds->segments[i]);
    *fds = (struct image_fds){ .root = -1 };
}
