#include "cli/manifests.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"

/* A folder that is being read, and those around it: a symlink back to one of them is not followed.
 */
struct folder {
    const struct folder *parent;
    dev_t dev;
    ino_t ino;
    unsigned depth;
};

static void add_path(struct manifests *manifests, const char *path, const struct folder *parent);

void manifests_init(struct manifests *manifests)
{
    *manifests = (struct manifests){ 0 };
    kube_store_init(&manifests->store);
    diag_list_init(&manifests->diags);
}

void manifests_deinit(struct manifests *manifests)
{
    kube_store_deinit(&manifests->store);
    vec_for_each (bundle, &manifests->bundles)
        kube_bundle_free(*bundle);
    vec_deinit(&manifests->bundles);
    diag_list_deinit(&manifests->diags);
}

static void unreadable(struct manifests *manifests, const char *path, const char *what,
                       const char *mend)
{
    diag_add(&manifests->diags, &(struct diag){
                                    .severity = DIAG_ERROR,
                                    .code = DIAG_FILE_UNREADABLE,
                                    .file = span_from_str(path),
                                    .message = span_from_str(what),
                                    .mend = span_from_str(mend),
                                });
}

static void unreadable_errno(struct manifests *manifests, const char *path, int error)
{
    unreadable(manifests, path, strerror(error), "check the path and its permissions");
}

static void report_duplicate(struct manifests *manifests, const struct kube_object *object,
                             const struct kube_object *first)
{
    SCOPED(buf_deinit) struct buf message = { 0 };

    buf_printf(&message, "stands in " SPAN_FMT ":%u already; this one is left out",
               SPAN_ARG(first->file), first->pos.line);
    diag_add(&manifests->diags,
             &(struct diag){
                 .severity = DIAG_WARNING,
                 .code = DIAG_DUPLICATE_OBJECT,
                 .file = object->file,
                 .pos = object->pos,
                 .kind = span_from_str(kube_kind_name(object->kind)),
                 .namespace = object->namespace,
                 .name = object->name,
                 .message = buf_span(&message),
                 .mend = SPAN("remove one of the two, or give it another name or namespace"),
             });
}

static void add_text(struct manifests *manifests, struct span text, const char *name)
{
    struct kube_bundle *bundle = kube_bundle_decode(text, span_from_str(name));

    vec_push(&manifests->bundles, bundle);
    manifests->files++;
    manifests->documents += bundle->documents;
    diag_list_append(&manifests->diags, &bundle->diags);
    vec_for_each (object, &bundle->objects) {
        const struct kube_object *first = kube_store_put(&manifests->store, object);
        if (first != NULL)
            report_duplicate(manifests, object, first);
    }
}

/* Reads one byte more than the decoder takes, so that it refuses what is too large. */
static void add_descriptor(struct manifests *manifests, int fd, const char *name)
{
    enum { PIECE_BYTES = 64 << 10 };
    SCOPED(buf_deinit) struct buf text = { 0 };

    while (text.len <= KUBE_FILE_BYTES_MAX) {
        ssize_t n = read(fd, buf_reserve(&text, PIECE_BYTES), PIECE_BYTES);

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1) {
            unreadable_errno(manifests, name, errno);
            return;
        }
        if (n == 0)
            break;
        text.len += (size_t)n;
    }
    add_text(manifests, buf_span(&text), name);
}

static bool name_is_manifest(struct span name)
{
    return span_ends_with(name, SPAN(".yaml")) || span_ends_with(name, SPAN(".yml")) ||
           span_ends_with(name, SPAN(".json"));
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_folder_entry(struct manifests *manifests, const char *path, const char *name,
                             const struct folder *folder)
{
    SCOPED(buf_deinit) struct buf whole = { 0 };
    struct stat st;

    buf_append(&whole, span_from_str(path));
    if (!span_ends_with(buf_span(&whole), SPAN("/")))
        buf_append_byte(&whole, '/');
    buf_append(&whole, span_from_str(name));
    buf_append_byte(&whole, '\0');

    bool is_folder = stat(whole.ptr, &st) == 0 && S_ISDIR(st.st_mode);
    if (is_folder || name_is_manifest(span_from_str(name)))
        add_path(manifests, whole.ptr, folder);
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static void add_folder(struct manifests *manifests, const char *path, const struct folder *folder)
{
    SCOPED(closedirp) DIR *dir = opendir(path);
    VEC(char *) names = { 0 };
    struct arena texts;
    const struct dirent *entry;

    if (dir == NULL) {
        unreadable_errno(manifests, path, errno);
        return;
    }
    arena_init(&texts, 4096);
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            vec_push(&names, (char *)arena_dup(&texts, span_from_str(entry->d_name)).ptr);
    if (names.len > 0)
        qsort(names.items, names.len, sizeof(names.items[0]), name_cmp);
    vec_for_each (name, &names)
        add_folder_entry(manifests, path, *name, folder);
    vec_deinit(&names);
    arena_deinit(&texts);
}

static bool is_inside_itself(const struct folder *folder)
{
    for (const struct folder *at = folder->parent; at != NULL; at = at->parent)
        if (at->dev == folder->dev && at->ino == folder->ino)
            return true;
    return false;
}

static void add_path(struct manifests *manifests, const char *path, const struct folder *parent)
{
    SCOPED(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd == -1 || fstat(fd, &st) == -1) {
        unreadable_errno(manifests, path, errno);
        return;
    }
    if (S_ISREG(st.st_mode) || (parent == NULL && S_ISFIFO(st.st_mode))) {
        (void)!fcntl(fd, F_SETFL, 0); /* a pipe that was named, <(…), is waited for */
        add_descriptor(manifests, fd, path);
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        unreadable(manifests, path, "is neither a file nor a directory",
                   "name a file of manifests");
        return;
    }

    struct folder folder = { parent, st.st_dev, st.st_ino, parent ? parent->depth + 1 : 0 };
    if (is_inside_itself(&folder))
        unreadable(manifests, path, "is a symlink to a folder that it lies in", "remove it");
    else if (folder.depth >= MANIFESTS_DEPTH_MAX)
        unreadable(manifests, path, "lies too deep in other folders", "flatten the tree");
    else
        add_folder(manifests, path, &folder);
}

void manifests_add(struct manifests *manifests, const char *path)
{
    if (strcmp(path, "-") == 0)
        add_descriptor(manifests, STDIN_FILENO, "<stdin>");
    else
        add_path(manifests, path, NULL);
}
