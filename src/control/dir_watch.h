/* control/dir_watch.h
 *
 * Purpose    Follow a directory tree with inotify and say which of its manifest files to look
 *            at, and how urgently. It reads no file.
 * Ownership  Paths given to callbacks borrow until the callback returns.
 * Lifetime   dir_watch_new() … dir_watch_free(); the first dir_watch_scan() puts the watches
 *            up.
 * Roles      controller.
 * Limits     DIR_FOLDERS_MAX folders, DIR_DEPTH_MAX levels: what lies beyond is not read, and
 *            logged.
 * Errors     -errno of inotify_init1(2) from dir_watch_new(); all else is met by looking again
 *            later. */
#ifndef YETT_CONTROL_DIR_WATCH_H
#define YETT_CONTROL_DIR_WATCH_H

#include "base/compiler.h"
#include "base/span.h"
#include "net/loop.h"

enum {
    DIR_FOLDERS_MAX =
        8192,            /* the kernel's own default limit of watches per user, in older releases */
    DIR_DEPTH_MAX = 32,  /* a tree of manifests is three deep; a loop of bind mounts is endless */
    DIR_POLL_MS = 10000, /* network file systems send no events for what others write */
    DIR_ROOT_RETRY_MS = 250, /* while the directory itself is missing */
};

enum dir_look {
    DIR_LOOK_SCANNED,    /* a walk met it: as IF_CHANGED, and it counts as seen */
    DIR_LOOK_IF_CHANGED, /* read where mtime, size or inode are others */
    DIR_LOOK_NOW,        /* closed by its writer, renamed, linked, gone */
    DIR_LOOK_WHEN_QUIET, /* someone is writing */
};

struct dir_watch_events {
    void (*on_file)(void *ctx, struct span path, enum dir_look look);
    /* All files below `folder` have been named by on_file() since the last call: what was not is
     * gone. For the root, `folder` is the root's path. */
    void (*on_scanned)(void *ctx, struct span folder);
    /* The directory itself is not there (or is no directory): error is -errno. Once per loss. */
    void (*on_root_lost)(void *ctx, int error);
    /* After each batch of the above. */
    void (*on_batch_end)(void *ctx);
};

struct dir_watch;

/* `path` is copied; callbacks name files as "path/sub/file.yaml". */
YETT_MUST_USE int dir_watch_new(struct loop *loop, struct span path,
                                const struct dir_watch_events *events, void *ctx,
                                struct dir_watch **ret_watch);
struct dir_watch *dir_watch_free(struct dir_watch *watch);

/* Walks the whole tree now. */
void dir_watch_scan(struct dir_watch *watch);

/* The directory, without trailing slashes. Borrowed from the watch. */
struct span dir_watch_path(const struct dir_watch *watch);

#endif
