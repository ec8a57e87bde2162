/* control/manifest_file.h
 *
 * Purpose    One manifest: read when its bytes may have changed, decoded when they did.
 * Ownership  The file owns its bundle; manifest_file_read() hands the one before to the caller,
 *            who frees it once its objects are out of the store.
 * Lifetime   manifest_file_new() … manifest_file_free().
 * Limits     KUBE_FILE_BYTES_MAX. Anything but a regular file (through symlinks) is refused.
 * Roles      controller. */
#ifndef YETT_CONTROL_MANIFEST_FILE_H
#define YETT_CONTROL_MANIFEST_FILE_H

#include <time.h>

#include "base/list.h"
#include "kube/decode.h"

/* What stat(2) says of the bytes without reading them. */
struct manifest_identity {
    uint64_t device, inode, size_bytes;
    struct timespec modified, changed;
};

struct manifest_file {
    char *path_text;
    struct span path;
    struct manifest_identity identity; /* as last read */
    uint64_t content_hash;
    struct kube_bundle *bundle; /* NULL: never read */
    struct diag_list *trouble; /* NULL, or why it could not be read; the bundle is that of before */

    /* kept by source_dir */
    struct list stale_link, writing_link;
    uint64_t first_write_ms, last_write_ms;
    uint64_t seen_scan;
    bool must_read; /* whatever the identity says */
};

enum manifest_read {
    MANIFEST_SAME = 0,
    MANIFEST_CHANGED, /* *ret_before is the former bundle, NULL where there was none */
    MANIFEST_TROUBLE, /* unreadable in another way than before, or readable again: diagnostics
                         differ */
    MANIFEST_GONE,
};

YETT_MUST_USE struct manifest_file *manifest_file_new(struct span path);
struct manifest_file *manifest_file_free(struct manifest_file *file);

/* Looks at the file; `must_read`: even where its identity is the same. Returns an enum
 * manifest_read. */
YETT_MUST_USE int manifest_file_read(struct manifest_file *file, bool must_read,
                                     struct kube_bundle **ret_before);

#endif
