/* A burst of events marks files as stale; when the loop's turn ends they are read, what changed
 * goes into the store, and the change is told once. Objects of changed files are exchanged one by
 * one. Only where an object stands in two files is the store filled anew, in the order of file
 * names: which of the two wins depends on all files, not on the one that changed. */
#include "control/source_dir.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/dir_watch.h"
#include "control/manifest_file.h"

struct source_dir {
    struct source source;
    struct loop *loop;
    struct dir_watch *watch;
    struct map files; /* by path */
    struct list stale, writing;
    struct loop_task settle_task;
    struct loop_timer quiet_timer;
    uint64_t scan; /* number of the walk that is under way */
    struct diag_list duplicates;
    struct map contested; /* keys of objects that stand in several files */
    struct arena contested_keys;
    struct diag_list lost; /* the directory itself is missing */
    bool is_started, was_told, has_new_diags;
    bool was_read; /* the directory was there at least once */
    bool missing_was_logged;
    bool too_many_was_logged;
};

static struct source_dir *dir_of(const struct source *source)
{
    return container_of(source, struct source_dir, source);
}

/* ---- store ------------------------------------------------------------------------------------
 */

static int file_by_path(const void *a, const void *b)
{
    const struct manifest_file *const *x = a, *const *y = b;

    return span_cmp((*x)->path, (*y)->path);
}

typedef VEC(struct manifest_file *) file_vec;

static void files_sorted(const struct source_dir *dir, file_vec *files)
{
    size_t cursor = 0;

    for (struct manifest_file *file = map_next(&dir->files, &cursor); file;
         file = map_next(&dir->files, &cursor))
        vec_push(files, file);
    if (files->len)
        qsort(files->items, files->len, sizeof(files->items[0]), file_by_path);
}

static void object_key(const struct kube_object *object, struct buf *key)
{
    buf_printf(key, "%s/" SPAN_FMT "/" SPAN_FMT, kube_kind_name(object->kind),
               SPAN_ARG(object->namespace), SPAN_ARG(object->name));
}

static void duplicate_report(struct source_dir *dir, const struct kube_object *loser,
                             const struct kube_object *winner)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    struct diag diag = {
        .severity = DIAG_ERROR,
        .code = DIAG_DUPLICATE_OBJECT,
        .file = loser->file,
        .pos = loser->pos,
        .kind = span_from_str(kube_kind_name(loser->kind)),
        .namespace = loser->namespace,
        .name = loser->name,
        .mend = SPAN("remove one of the two, or rename it"),
    };

    buf_printf(&text, "stands in " SPAN_FMT ":%u already, which wins", SPAN_ARG(winner->file),
               winner->pos.line);
    diag.message = buf_span(&text);
    diag_add(&dir->duplicates, &diag);

    text.len = 0;
    object_key(loser, &text);
    struct span key = arena_dup(&dir->contested_keys, buf_span(&text));
    map_put(&dir->contested, key, (void *)key.ptr);
}

static void contested_clear(struct source_dir *dir)
{
    dir->has_new_diags |= dir->duplicates.diags.len > 0;
    diag_list_deinit(&dir->duplicates);
    diag_list_init(&dir->duplicates);
    map_deinit(&dir->contested);
    arena_reset(&dir->contested_keys);
}

static void store_rebuild(struct source_dir *dir)
{
    file_vec files = { 0 };

    contested_clear(dir);
    kube_store_deinit(&dir->source.store);
    kube_store_init(&dir->source.store);
    files_sorted(dir, &files);
    vec_for_each (file, &files) {
        if (!(*file)->bundle)
            continue;
        vec_for_each (object, &(*file)->bundle->objects) {
            const struct kube_object *winner = kube_store_put(&dir->source.store, object);
            if (winner)
                duplicate_report(dir, object, winner);
        }
    }
    vec_deinit(&files);
    dir->has_new_diags |= dir->duplicates.diags.len > 0;
}

static bool object_is_contested(const struct source_dir *dir, const struct kube_object *object)
{
    SCOPED(buf_deinit) struct buf key = { 0 };

    if (dir->contested.len == 0)
        return false;
    object_key(object, &key);
    return map_find(&dir->contested, buf_span(&key)) != NULL;
}

/* Takes the objects of a former bundle out. Returns true where the store must be filled anew. */
static bool objects_remove(struct source_dir *dir, const struct kube_bundle *bundle,
                           struct source_change *change)
{
    bool is_contested = false;

    if (!bundle)
        return false;
    vec_for_each (object, &bundle->objects) {
        source_change_add(change, object);
        is_contested |= object_is_contested(dir, object);
        kube_store_remove(&dir->source.store, object);
    }
    return is_contested;
}

static bool objects_put(struct source_dir *dir, const struct kube_bundle *bundle,
                        struct source_change *change)
{
    bool is_contested = false;

    vec_for_each (object, &bundle->objects) {
        source_change_add(change, object);
        is_contested |= kube_store_put(&dir->source.store, object) != NULL;
    }
    return is_contested;
}

/* ---- settling ---------------------------------------------------------------------------------
 */

struct settling {
    struct source_change change;
    VEC(struct kube_bundle *) former; /* freed once nothing in the store names their objects */
    file_vec changed, gone;
    bool must_rebuild;
};

static bool bundle_has_diags(const struct kube_bundle *bundle)
{
    return bundle && bundle->diags.diags.len > 0;
}

static void file_settle(struct source_dir *dir, struct manifest_file *file,
                        struct settling *settling)
{
    struct kube_bundle *before = NULL;
    int r = manifest_file_read(file, file->must_read, &before);

    file->must_read = false;
    switch ((enum manifest_read)r) {
    case MANIFEST_SAME:
        return;
    case MANIFEST_TROUBLE:
        dir->has_new_diags = true;
        return;
    case MANIFEST_GONE:
        dir->has_new_diags |= bundle_has_diags(file->bundle) || file->trouble;
        settling->must_rebuild |= objects_remove(dir, file->bundle, &settling->change);
        vec_push(&settling->gone, file);
        return;
    case MANIFEST_CHANGED:
        dir->has_new_diags |= bundle_has_diags(before) || bundle_has_diags(file->bundle);
        settling->must_rebuild |= objects_remove(dir, before, &settling->change);
        if (before)
            vec_push(&settling->former, before);
        vec_push(&settling->changed, file);
        return;
    }
    unreachable();
}

static void changed_put(struct source_dir *dir, struct settling *settling)
{
    vec_for_each (file, &settling->changed)
        settling->must_rebuild |= objects_put(dir, (*file)->bundle, &settling->change);
    if (settling->must_rebuild)
        store_rebuild(dir);
}

static void settling_end(struct settling *settling)
{
    vec_for_each (bundle, &settling->former)
        kube_bundle_free(*bundle);
    vec_for_each (file, &settling->gone)
        manifest_file_free(*file);
    vec_deinit(&settling->former);
    vec_deinit(&settling->changed);
    vec_deinit(&settling->gone);
    source_change_deinit(&settling->change);
}

/* Gone files leave the map before the store is filled anew, or their objects would come back. */
static void gone_remove(struct source_dir *dir, struct settling *settling)
{
    vec_for_each (file, &settling->gone)
        map_remove(&dir->files, (*file)->path);
}

/* What is served is what was read in another life: it is not replaced by nothing. */
static void log_missing(struct source_dir *dir)
{
    if (!dir->missing_was_logged)
        log_warn("manifests_missing", F_SPAN("dir", dir_watch_path(dir->watch)),
                 F_STR("mend", "put the directory back, or let the user of yett read it"));
    dir->missing_was_logged = true;
}

static void settle(struct source_dir *dir)
{
    struct settling settling = { 0 };

    source_change_init(&settling.change);
    list_for_each_safe (link, &dir->stale) {
        struct manifest_file *file = list_entry(link, struct manifest_file, stale_link);
        list_remove(&file->stale_link);
        list_remove(&file->writing_link);
        file_settle(dir, file, &settling);
    }
    gone_remove(dir, &settling);
    changed_put(dir, &settling);

    settling.change.has_new_diags = dir->has_new_diags;
    dir->has_new_diags = false;
    if (!dir->was_read)
        log_missing(dir);
    else if (!dir->was_told || !source_change_is_empty(&settling.change)) {
        dir->was_told = true;
        dir->source.on_change(dir->source.on_change_ctx, &settling.change);
    }
    settling_end(&settling);
}

static void on_settle(struct loop_task *task)
{
    settle(container_of(task, struct source_dir, settle_task));
}

/* ---- what the watch says ----------------------------------------------------------------------
 */

static void file_set_stale(struct source_dir *dir, struct manifest_file *file, bool must_read)
{
    file->must_read |= must_read;
    if (list_is_empty(&file->stale_link))
        list_push_back(&dir->stale, &file->stale_link);
}

static struct manifest_file *file_get(struct source_dir *dir, struct span path)
{
    struct manifest_file *file = map_find(&dir->files, path);

    if (file)
        return file;
    if (dir->files.len >= SOURCE_DIR_FILES_MAX) {
        if (!dir->too_many_was_logged)
            log_error("manifests_too_many_files", F_UINT("limit", SOURCE_DIR_FILES_MAX));
        dir->too_many_was_logged = true;
        return NULL;
    }
    file = manifest_file_new(path);
    map_put(&dir->files, file->path, file);
    return file;
}

static void file_set_writing(struct source_dir *dir, struct manifest_file *file)
{
    uint64_t now_ms = clock_mono_ns() / 1000000;

    file->last_write_ms = now_ms;
    if (!list_is_empty(&file->writing_link))
        return;
    file->first_write_ms = now_ms;
    list_push_back(&dir->writing, &file->writing_link);
    if (!loop_timer_is_set(&dir->quiet_timer))
        loop_timer_set(dir->loop, &dir->quiet_timer, SOURCE_DIR_QUIET_MS);
}

/* Not while someone is writing: half a file is worse than the one before. */
static void look_if_changed(struct source_dir *dir, struct manifest_file *file)
{
    if (list_is_empty(&file->writing_link))
        file_set_stale(dir, file, false);
}

static void on_file(void *ctx, struct span path, enum dir_look look)
{
    struct source_dir *dir = ctx;
    struct manifest_file *file = file_get(dir, path);

    if (!file)
        return;
    switch (look) {
    case DIR_LOOK_SCANNED:
        file->seen_scan = dir->scan;
        look_if_changed(dir, file);
        return;
    case DIR_LOOK_WHEN_QUIET:
        file_set_writing(dir, file);
        return;
    case DIR_LOOK_IF_CHANGED:
        look_if_changed(dir, file);
        return;
    case DIR_LOOK_NOW:
        list_remove(&file->writing_link);
        file_set_stale(dir, file, true);
        return;
    }
    unreachable();
}

static bool path_is_below(struct span path, struct span folder)
{
    return path.len > folder.len && path.ptr[folder.len] == '/' && span_starts_with(path, folder);
}

/* A file that the walk did not meet is gone, which reading it will tell. */
static void on_scanned(void *ctx, struct span folder)
{
    struct source_dir *dir = ctx;
    size_t cursor = 0;

    for (struct manifest_file *file = map_next(&dir->files, &cursor); file;
         file = map_next(&dir->files, &cursor)) {
        if (file->seen_scan != dir->scan && path_is_below(file->path, folder))
            file_set_stale(dir, file, false);
    }
    dir->scan++;
    dir->was_read = true;
    dir->has_new_diags |= dir->lost.diags.len > 0;
    diag_list_deinit(&dir->lost);
    diag_list_init(&dir->lost);
}

static void on_root_lost(void *ctx, int error)
{
    struct source_dir *dir = ctx;
    struct diag diag = {
        .severity = DIAG_ERROR,
        .code = DIAG_FILE_UNREADABLE,
        .file = dir_watch_path(dir->watch),
        .message = span_from_str(strerror(-error)),
        .mend =
            SPAN("put the directory of manifests back; what was read last goes on being served"),
    };

    diag_add(&dir->lost, &diag);
    dir->has_new_diags = true;
}

static void on_batch_end(void *ctx)
{
    struct source_dir *dir = ctx;

    if (dir->is_started && (!list_is_empty(&dir->stale) || dir->has_new_diags))
        loop_task_queue(dir->loop, &dir->settle_task);
}

static void on_quiet(struct loop_timer *timer)
{
    struct source_dir *dir = container_of(timer, struct source_dir, quiet_timer);
    uint64_t now_ms = clock_mono_ns() / 1000000;

    list_for_each_safe (link, &dir->writing) {
        struct manifest_file *file = list_entry(link, struct manifest_file, writing_link);
        if (now_ms - file->last_write_ms < SOURCE_DIR_QUIET_MS &&
            now_ms - file->first_write_ms < SOURCE_DIR_QUIET_MAX_MS)
            continue;
        list_remove(&file->writing_link);
        file_set_stale(dir, file, true);
    }
    if (!list_is_empty(&dir->writing))
        loop_timer_set(dir->loop, &dir->quiet_timer, SOURCE_DIR_QUIET_MS / 4);
    on_batch_end(dir);
}

static const struct dir_watch_events watch_events = {
    .on_file = on_file,
    .on_scanned = on_scanned,
    .on_root_lost = on_root_lost,
    .on_batch_end = on_batch_end,
};

/* ---- the source -------------------------------------------------------------------------------
 */

static void diags_append(const struct source *source, struct diag_list *diags)
{
    const struct source_dir *dir = dir_of(source);
    file_vec files = { 0 };

    diag_list_append(diags, &dir->lost);
    files_sorted(dir, &files);
    vec_for_each (file, &files) {
        if ((*file)->trouble)
            diag_list_append(diags, (*file)->trouble);
        if (bundle_has_diags((*file)->bundle))
            diag_list_append(diags, &(*file)->bundle->diags);
    }
    vec_deinit(&files);
    diag_list_append(diags, &dir->duplicates);
}

static void source_dir_free(struct source *source)
{
    struct source_dir *dir = dir_of(source);
    size_t cursor = 0;

    loop_task_cancel(&dir->settle_task);
    loop_timer_cancel(&dir->quiet_timer);
    dir_watch_free(dir->watch);
    kube_store_deinit(&dir->source.store);
    for (struct manifest_file *file = map_next(&dir->files, &cursor); file;
         file = map_next(&dir->files, &cursor))
        manifest_file_free(file);
    map_deinit(&dir->files);
    map_deinit(&dir->contested);
    arena_deinit(&dir->contested_keys);
    diag_list_deinit(&dir->duplicates);
    diag_list_deinit(&dir->lost);
    mem_free(dir);
}

static const struct source_ops dir_ops = {
    .diags_append = diags_append,
    .free = source_dir_free,
};

int source_dir_new(struct loop *loop, struct span path, source_changed_fn *on_change, void *ctx,
                   struct source **ret_source)
{
    struct source_dir *dir = mem_alloc_zero(sizeof(*dir));

    dir->source = (struct source){ .ops = &dir_ops, .on_change = on_change, .on_change_ctx = ctx };
    kube_store_init(&dir->source.store);
    dir->loop = loop;
    dir->scan = 1;
    list_init(&dir->stale);
    list_init(&dir->writing);
    loop_task_init(&dir->settle_task, on_settle);
    loop_timer_init(&dir->quiet_timer, on_quiet);
    diag_list_init(&dir->duplicates);
    diag_list_init(&dir->lost);
    arena_init(&dir->contested_keys, 4096);

    int r = dir_watch_new(loop, path, &watch_events, dir, &dir->watch);
    if (r < 0) {
        source_dir_free(&dir->source);
        return r;
    }
    *ret_source = &dir->source;
    return 0;
}

void source_dir_start(struct source *source)
{
    struct source_dir *dir = dir_of(source);

    dir_watch_scan(dir->watch);
    dir->is_started = true;
    settle(dir);
}

size_t source_dir_files(const struct source *source)
{
    return dir_of(source)->files.len;
}
