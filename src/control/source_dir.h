/* control/source_dir.h
 *
 * Purpose    A directory of manifests as a source: only files that changed are read again;
 *            objects enter the store in the order of file names, so that of duplicates the
 *            first file's wins.
 * Roles      controller.
 * Limits     KUBE_FILE_BYTES_MAX a file, SOURCE_DIR_FILES_MAX files; what is over is reported
 *            and left out. A file that cannot be read counts as it was last read; so does the
 *            whole directory while it is missing; one that was never there has nothing to tell.
 * Errors     -errno from source_dir_new() only; later trouble is a diagnostic.
 * See        docs/manifests.md */
#ifndef YETT_CONTROL_SOURCE_DIR_H
#define YETT_CONTROL_SOURCE_DIR_H

#include "control/source.h"
#include "net/loop.h"

enum {
    SOURCE_DIR_FILES_MAX = 500000,
    SOURCE_DIR_QUIET_MS =
        500, /* a file that stays open is read when nothing was written for so long */
    SOURCE_DIR_QUIET_MAX_MS = 5000, /* …and at the latest so long after the first write */
};

YETT_MUST_USE int source_dir_new(struct loop *loop, struct span path, source_changed_fn *on_change,
                                 void *ctx, struct source **ret_source);

/* Reads all that is there and calls on_change before it returns; from then on, changes are
 * followed. */
void source_dir_start(struct source *source);

/* Files that are known now. */
size_t source_dir_files(const struct source *source);

#endif
