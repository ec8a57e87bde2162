#include "control/manifest_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/scope.h"

struct manifest_file *manifest_file_new(struct span path)
{
    struct manifest_file *file = mem_alloc_zero(sizeof(*file));

    file->path_text = mem_alloc(path.len + 1);
    memcpy(file->path_text, path.ptr, path.len);
    file->path_text[path.len] = '\0';
    file->path = span_of(file->path_text, path.len);
    list_init(&file->stale_link);
    list_init(&file->writing_link);
    return file;
}

static void trouble_clear(struct manifest_file *file)
{
    if (!file->trouble)
        return;
    diag_list_deinit(file->trouble);
    file->trouble = mem_free(file->trouble);
}

struct manifest_file *manifest_file_free(struct manifest_file *file)
{
    if (!file)
        return NULL;
    list_remove(&file->stale_link);
    list_remove(&file->writing_link);
    trouble_clear(file);
    kube_bundle_free(file->bundle);
    mem_free(file->path_text);
    return mem_free(file);
}

/* Returns whether the trouble is news. */
static bool trouble_set(struct manifest_file *file, enum diag_code code, const char *message,
                        const char *mend)
{
    struct diag diag = {
        .severity = DIAG_ERROR,
        .code = code,
        .file = file->path,
        .message = span_from_str(message),
        .mend = span_from_str(mend),
    };

    if (file->trouble && span_eq(file->trouble->diags.items[0].message, diag.message))
        return false;
    trouble_clear(file);
    file->trouble = mem_alloc_zero(sizeof(*file->trouble));
    diag_list_init(file->trouble);
    diag_add(file->trouble, &diag);
    return true;
}

static int trouble_errno(struct manifest_file *file, int error)
{
    bool is_news = trouble_set(file, DIAG_FILE_UNREADABLE, strerror(error),
                               "make the file readable for the controller, or remove it");

    return is_news ? MANIFEST_TROUBLE : MANIFEST_SAME;
}

static struct manifest_identity identity_of(const struct stat *st)
{
    return (struct manifest_identity){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size_bytes = (uint64_t)st->st_size,
        .modified = st->st_mtim,
        .changed = st->st_ctim,
    };
}

static bool time_eq(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool identity_eq(const struct manifest_identity *a, const struct manifest_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
           time_eq(a->modified, b->modified) && time_eq(a->changed, b->changed);
}

/* Reads to the end, or one byte past the limit. */
static int bytes_read(int fd, size_t expected_bytes, struct buf *bytes)
{
    size_t step = expected_bytes + 1;

    while (bytes->len <= KUBE_FILE_BYTES_MAX) {
        char *at = buf_reserve(bytes, step);
        ssize_t n = read(fd, at, step);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return -errno;
        if (n == 0)
            return 0;
        bytes->len += (size_t)n;
        step = 65536;
    }
    return 0;
}

static int bytes_take(struct manifest_file *file, struct span bytes,
                      struct kube_bundle **ret_before)
{
    uint64_t hash = hash_bytes(bytes, bytes.len);
    bool was_in_trouble = file->trouble != NULL;

    trouble_clear(file);
    if (file->bundle && hash == file->content_hash)
        return was_in_trouble ? MANIFEST_TROUBLE : MANIFEST_SAME;
    *ret_before = file->bundle;
    file->bundle = kube_bundle_decode(bytes, file->path);
    file->content_hash = hash;
    return MANIFEST_CHANGED;
}

int manifest_file_read(struct manifest_file *file, bool must_read, struct kube_bundle **ret_before)
{
    SCOPED(buf_deinit) struct buf bytes = { 0 };
    struct stat st;

    /* Non-blocking, for a FIFO would hold the controller up. */
    SCOPED(fd_closep) int fd = open(file->path_text, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1)
        return errno == ENOENT || errno == ENOTDIR ? MANIFEST_GONE : trouble_errno(file, errno);
    if (fstat(fd, &st) == -1)
        return trouble_errno(file, errno);
    if (S_ISDIR(st.st_mode))
        return MANIFEST_GONE;
    struct manifest_identity identity = identity_of(&st);
    if (!must_read && (file->bundle || file->trouble) && identity_eq(&identity, &file->identity))
        return MANIFEST_SAME;
    file->identity = identity;
    if (!S_ISREG(st.st_mode))
        return trouble_errno(file, EINVAL);

    size_t expected_bytes = (size_t)MIN((uint64_t)st.st_size, (uint64_t)KUBE_FILE_BYTES_MAX);
    int r = bytes_read(fd, expected_bytes, &bytes);
    if (r < 0)
        return trouble_errno(file, -r);
    if (bytes.len > KUBE_FILE_BYTES_MAX)
        return trouble_set(file, DIAG_FILE_TOO_LARGE, "larger than 32 MiB",
                           "split it into several files")
                   ? MANIFEST_TROUBLE
                   : MANIFEST_SAME;
    return bytes_take(file, buf_span(&bytes), ret_before);
}
