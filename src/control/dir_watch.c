/* Each folder of the tree has one inotify watch. An event names a folder and an entry of it;
 * entries that are files are passed on at once, whatever concerns folders is answered by walking
 * the part of the tree that it may have changed: a walk is idempotent, so races with whoever is at
 * work in the directory end in one walk more, never in a wrong picture. A folder that is reached
 * twice (a symlink, a loop) gets the same watch descriptor from the kernel and is not entered
 * again. */
#include "control/dir_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/scope.h"
#include "base/vec.h"
#include "control/dir_names.h"

enum {
    FOLDER_EVENTS = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM |
                    IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
    PARENT_EVENTS = IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR,
    READ_BYTES = 65536,
    READS_MAX = 16, /* per turn; the watch is level-triggered, so the rest comes with the next */
};

struct folder {
    char *path;
    size_t path_len;
    int wd;
};

struct dir_watch {
    struct loop *loop;
    const struct dir_watch_events *events;
    void *ctx;
    char *path;
    struct span name; /* of the directory within its parent */
    int inotify_fd;
    int parent_wd; /* -1: not watched */
    struct loop_watch inotify_watch;
    struct loop_timer poll_timer;
    struct idmap folders; /* by wd */
    bool has_root, root_was_lost;
    bool must_scan, root_moved;  /* all of it, at the end of the batch */
    VEC(char *) folders_to_scan; /* likewise */
    bool limit_was_met, limit_was_logged;
    bool is_short_of_watches; /* then loops cannot be told, and symlinks to folders are not followed
                               */
};

static struct span folder_path(const struct folder *folder)
{
    return span_of(folder->path, folder->path_len);
}

static struct span root_path(const struct dir_watch *watch)
{
    return span_from_str(watch->path);
}

static char *text_dup(struct span text)
{
    char *copy = mem_alloc(text.len + 1);

    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static char *path_join(struct span folder, struct span name)
{
    char *path = mem_alloc(folder.len + name.len + 2);

    memcpy(path, folder.ptr, folder.len);
    path[folder.len] = '/';
    memcpy(path + folder.len + 1, name.ptr, name.len);
    path[folder.len + 1 + name.len] = '\0';
    return path;
}

static bool path_is_within(struct span path, struct span folder)
{
    if (!span_starts_with(path, folder))
        return false;
    return path.len == folder.len || path.ptr[folder.len] == '/';
}

/* ---- folders ----------------------------------------------------------------------------------
 */

static struct folder *folder_free(struct folder *folder)
{
    mem_free(folder->path);
    return mem_free(folder);
}

static void folder_forget(struct dir_watch *watch, struct folder *folder)
{
    idmap_remove(&watch->folders, (uint64_t)folder->wd);
    inotify_rm_watch(watch->inotify_fd, folder->wd);
    folder_free(folder);
}

/* Drops the watches of `path` and of all below it. Returns whether there were any. */
static bool folders_forget(struct dir_watch *watch, struct span path)
{
    VEC(struct folder *) gone = { 0 };
    size_t cursor = 0;

    for (struct folder *folder = idmap_next(&watch->folders, &cursor); folder;
         folder = idmap_next(&watch->folders, &cursor)) {
        if (path_is_within(folder_path(folder), path))
            vec_push(&gone, folder);
    }
    bool any = gone.len > 0;
    vec_for_each (folder, &gone)
        folder_forget(watch, *folder);
    vec_deinit(&gone);
    return any;
}

static void limit_log(struct dir_watch *watch, struct span path, const char *what)
{
    watch->limit_was_met = true;
    if (watch->limit_was_logged)
        return;
    watch->limit_was_logged = true;
    log_error("manifests_folder_left_out", F_SPAN("folder", path), F_STR("limit", what));
}

enum enter_result { ENTER_OK, ENTER_KNOWN, ENTER_REFUSED };

/* Watches the folder. ENTER_KNOWN: another path leads to it already. */
static enum enter_result folder_enter(struct dir_watch *watch, struct span path)
{
    if (watch->folders.len >= DIR_FOLDERS_MAX) {
        limit_log(watch, path, "folders");
        return ENTER_REFUSED;
    }
    int wd = inotify_add_watch(watch->inotify_fd, path.ptr, FOLDER_EVENTS);
    if (wd == -1 && errno == ENOSPC) {
        limit_log(watch, path, "fs.inotify.max_user_watches");
        watch->is_short_of_watches = true;
        return ENTER_OK; /* the poll reads it all the same */
    }
    if (wd == -1)
        return ENTER_REFUSED;
    struct folder *known = idmap_find(&watch->folders, (uint64_t)wd);
    if (known)
        return span_eq(folder_path(known), path) ? ENTER_OK : ENTER_KNOWN;
    if (wd == watch->parent_wd)
        return ENTER_KNOWN;

    struct folder *folder = mem_alloc_zero(sizeof(*folder));
    folder->path = text_dup(path);
    folder->path_len = path.len;
    folder->wd = wd;
    idmap_put(&watch->folders, (uint64_t)wd, folder);
    return ENTER_OK;
}

/* ---- walking ----------------------------------------------------------------------------------
 */

static void dir_closep(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool entry_is_folder(int dir_fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type == DT_DIR)
        return true;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return false;
    return fstatat(dir_fd, entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static bool entry_is_link(const struct dirent *entry)
{
    return entry->d_type == DT_LNK;
}

struct subfolder {
    char *path;
    bool is_link;
};

/* Real folders before symlinks to folders, so that a folder is known by its own path. */
static void subfolders_enter(struct dir_watch *watch, const struct subfolder *subfolders,
                             size_t len, unsigned depth);

/* Names every manifest of the folder and walks what is below it. */
static void folder_walk(struct dir_watch *watch, struct span path, unsigned depth)
{
    VEC(struct subfolder) subfolders = { 0 };

    if (depth > DIR_DEPTH_MAX) {
        limit_log(watch, path, "depth");
        return;
    }
    if (folder_enter(watch, path) != ENTER_OK)
        return;
    SCOPED(dir_closep) DIR *dir = opendir(path.ptr);
    if (!dir)
        return;

    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        struct span name = span_from_str(entry->d_name);
        if (dir_name_is_folder(name) && entry_is_folder(dirfd(dir), entry)) {
            struct subfolder found = { path_join(path, name), entry_is_link(entry) };
            vec_push(&subfolders, found);
        } else if (dir_name_is_manifest(name)) {
            SCOPED(mem_freep) char *file = path_join(path, name);
            watch->events->on_file(watch->ctx, span_from_str(file), DIR_LOOK_SCANNED);
        }
    }
    subfolders_enter(watch, subfolders.items, subfolders.len, depth + 1);
    vec_for_each (subfolder, &subfolders)
        mem_free(subfolder->path);
    vec_deinit(&subfolders);
}

static void subfolders_enter(struct dir_watch *watch, const struct subfolder *subfolders,
                             size_t len, unsigned depth)
{
    for (int links = 0; links < (watch->is_short_of_watches ? 1 : 2); links++) {
        for (size_t i = 0; i < len; i++) {
            if (subfolders[i].is_link == (links == 1))
                folder_walk(watch, span_from_str(subfolders[i].path), depth);
        }
    }
}

static unsigned path_depth(const struct dir_watch *watch, struct span path)
{
    unsigned depth = 0;

    for (size_t i = strlen(watch->path); i < path.len; i++)
        depth += path.ptr[i] == '/';
    return depth;
}

/* Walks `path` anew: what moved within it has other watches now. */
static void folder_rescan(struct dir_watch *watch, struct span path)
{
    folders_forget(watch, path);
    folder_walk(watch, path, path_depth(watch, path));
    watch->events->on_scanned(watch->ctx, path);
}

/* The parent is watched for the directory's own appearance and replacement. */
static void parent_watch(struct dir_watch *watch)
{
    size_t slash = span_rfind(root_path(watch), '/');
    SCOPED(mem_freep)
    char *parent = text_dup(slash == SPAN_NOT_FOUND ? SPAN(".")
                            : slash == 0            ? SPAN("/")
                                                    : span_upto(root_path(watch), slash));

    watch->parent_wd = inotify_add_watch(watch->inotify_fd, parent, PARENT_EVENTS);
}

static int root_check(const struct dir_watch *watch)
{
    SCOPED(fd_closep) int fd = open(watch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd == -1 ? -errno : 0;
}

static void root_lose(struct dir_watch *watch, int error)
{
    watch->has_root = false;
    folders_forget(watch, root_path(watch));
    if (!watch->root_was_lost)
        watch->events->on_root_lost(watch->ctx, error);
    watch->root_was_lost = true;
}

/* `anew`: another directory may stand at the path now, so that its watches are others. */
static void root_scan(struct dir_watch *watch, bool anew)
{
    int r = root_check(watch);

    watch->limit_was_met = watch->is_short_of_watches = false;
    parent_watch(watch);
    if (r < 0) {
        root_lose(watch, r);
        return;
    }
    watch->has_root = true;
    watch->root_was_lost = false;
    if (anew)
        folders_forget(watch, root_path(watch));
    folder_walk(watch, root_path(watch), 0);
    watch->limit_was_logged &= watch->limit_was_met; /* not once more with each poll */
    watch->events->on_scanned(watch->ctx, root_path(watch));
}

static void poll_later(struct dir_watch *watch)
{
    loop_timer_set(watch->loop, &watch->poll_timer,
                   watch->has_root ? DIR_POLL_MS : DIR_ROOT_RETRY_MS);
}

void dir_watch_scan(struct dir_watch *watch)
{
    root_scan(watch, false);
    poll_later(watch);
    watch->events->on_batch_end(watch->ctx);
}

static void on_poll(struct loop_timer *timer)
{
    dir_watch_scan(container_of(timer, struct dir_watch, poll_timer));
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void folder_scan_later(struct dir_watch *watch, struct span path)
{
    vec_for_each (queued, &watch->folders_to_scan) {
        if (span_eq(span_from_str(*queued), path))
            return;
    }
    vec_push(&watch->folders_to_scan, text_dup(path));
}

/* Has the file a second name? Then it was linked here whole, and nobody will close it. */
static bool file_is_linked(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static enum dir_look file_look(const char *path, uint32_t mask)
{
    if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE))
        return DIR_LOOK_NOW;
    if (mask & IN_ATTRIB)
        return DIR_LOOK_IF_CHANGED;
    if ((mask & IN_CREATE) && file_is_linked(path))
        return DIR_LOOK_NOW;
    return DIR_LOOK_WHEN_QUIET;
}

static bool path_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool folder_is_known(const struct dir_watch *watch, struct span path)
{
    size_t cursor = 0;

    for (const struct folder *folder = idmap_next(&watch->folders, &cursor); folder;
         folder = idmap_next(&watch->folders, &cursor)) {
        if (span_eq(folder_path(folder), path))
            return true;
    }
    return false;
}

static void on_entry(struct dir_watch *watch, const struct folder *folder, struct span name,
                     uint32_t mask)
{
    const uint32_t comes_or_goes = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;

    if (dir_name_is_kubelet(name)) {
        if (mask & (IN_CREATE | IN_MOVED_TO))
            folder_scan_later(watch, folder_path(folder));
        return;
    }
    SCOPED(mem_freep) char *text = path_join(folder_path(folder), name);
    struct span path = span_from_str(text);

    if (dir_name_is_manifest(name) && !(mask & IN_ISDIR)) {
        watch->events->on_file(watch->ctx, path, file_look(text, mask));
        return;
    }
    if (!dir_name_is_folder(name) || !(mask & comes_or_goes))
        return;
    if ((mask & IN_ISDIR) || path_is_folder(text) || folder_is_known(watch, path))
        folder_scan_later(watch, path);
}

static void on_event(struct dir_watch *watch, const struct inotify_event *event)
{
    struct span name = span_from_str(event->len ? event->name : "");

    if (event->mask & IN_Q_OVERFLOW) {
        log_warn("manifests_events_lost");
        watch->must_scan = true;
        return;
    }
    if (event->wd == watch->parent_wd) {
        if (span_eq(name, watch->name))
            watch->must_scan = watch->root_moved = true;
        return;
    }
    const struct folder *folder = idmap_find(&watch->folders, (uint64_t)event->wd);
    if (!folder)
        return; /* a watch that was dropped with events still queued */
    if (event->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)) {
        if (span_eq(folder_path(folder), root_path(watch)))
            watch->must_scan = watch->root_moved = true;
        else
            folder_scan_later(watch, folder_path(folder));
        return;
    }
    if (name.len)
        on_entry(watch, folder, name, event->mask);
}

static void batch_end(struct dir_watch *watch)
{
    if (watch->must_scan) {
        root_scan(watch, watch->root_moved);
        poll_later(watch);
    } else {
        vec_for_each (path, &watch->folders_to_scan)
            folder_rescan(watch, span_from_str(*path));
    }
    vec_for_each (path, &watch->folders_to_scan)
        mem_free(*path);
    watch->folders_to_scan.len = 0;
    watch->must_scan = watch->root_moved = false;
    watch->events->on_batch_end(watch->ctx);
}

static void on_inotify(struct loop_watch *loop_watch, uint32_t events)
{
    struct dir_watch *watch = container_of(loop_watch, struct dir_watch, inotify_watch);
    _Alignas(struct inotify_event) char bytes[READ_BYTES];

    (void)events;
    for (int reads = 0; reads < READS_MAX; reads++) {
        ssize_t n = read(watch->inotify_fd, bytes, sizeof(bytes));
        if (n <= 0)
            break;
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            on_event(watch, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    batch_end(watch);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static struct span path_without_trailing_slash(struct span path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

int dir_watch_new(struct loop *loop, struct span path, const struct dir_watch_events *events,
                  void *ctx, struct dir_watch **ret_watch)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd == -1)
        return -errno;

    struct dir_watch *watch = mem_alloc_zero(sizeof(*watch));
    watch->loop = loop;
    watch->events = events;
    watch->ctx = ctx;
    watch->path = text_dup(path_without_trailing_slash(path));
    size_t slash = span_rfind(root_path(watch), '/');
    watch->name =
        slash == SPAN_NOT_FOUND ? root_path(watch) : span_from(root_path(watch), slash + 1);
    watch->inotify_fd = fd;
    watch->parent_wd = -1;
    watch->inotify_watch.fd = -1;
    loop_timer_init(&watch->poll_timer, on_poll);

    watch->inotify_watch.on_events = on_inotify;
    int r = loop_watch_add_level(loop, &watch->inotify_watch, fd, LOOP_READ);
    if (r < 0) {
        dir_watch_free(watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

struct dir_watch *dir_watch_free(struct dir_watch *watch)
{
    if (!watch)
        return NULL;
    loop_timer_cancel(&watch->poll_timer);
    loop_watch_remove(watch->loop, &watch->inotify_watch);
    folders_forget(watch, root_path(watch));
    idmap_deinit(&watch->folders);
    vec_for_each (path, &watch->folders_to_scan)
        mem_free(*path);
    vec_deinit(&watch->folders_to_scan);
    close(watch->inotify_fd);
    mem_free(watch->path);
    return mem_free(watch);
}

struct span dir_watch_path(const struct dir_watch *watch)
{
    return root_path(watch);
}
