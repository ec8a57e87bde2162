#include "api/kubeconfig_reader.h"

#include <errno.h>

#include "api/file.h"
#include "base/scope.h"
#include "kube/base64.h"
#include "kube/source.h"
#include "kube/yaml.h"

enum { KUBECONFIG_NODES_MAX = 200000 };

bool kubeconfig_fail(const struct kubeconfig_at *at, const struct kube_node *node, const char *fmt,
                     ...)
{
    va_list args;

    buf_append(at->error, at->file->path);
    if (node && node->pos.line)
        buf_printf(at->error, ":%u", node->pos.line);
    buf_append(at->error, SPAN(": "));
    if (at->what.len > 0)
        buf_printf(at->error, SPAN_FMT ": ", SPAN_ARG(at->what));
    va_start(args, fmt);
    buf_vprintf(at->error, fmt, args);
    va_end(args);
    return false;
}

/* ---- files ---------------------------------------------------------------------------------------- */

static struct kubeconfig_at at_root(const struct kubeconfig_files *files,
                                    const struct kubeconfig_file *file)
{
    return (struct kubeconfig_at){ files->arena, files->error, file, SPAN_EMPTY, file->root };
}

/* The first document, as Kubernetes' own reader does; NULL in *ret_root: there is none. */
static bool document_read(const struct kubeconfig_at *at, struct span text,
                          const struct kube_node **ret_root)
{
    struct kube_cutter cutter = { kube_source_utf8(at->arena, text), 1 };
    struct kube_fault fault = { 0 };
    size_t nodes_left = KUBECONFIG_NODES_MAX;
    struct span piece;
    uint32_t line;

    while (kube_cutter_next(&cutter, &piece, &line)) {
        switch (kube_yaml_parse(at->arena, piece, (struct kube_pos){ line, 1 }, &nodes_left,
                                ret_root, &fault)) {
        case KUBE_PARSE_OK:
            return true;
        case KUBE_PARSE_NOTHING:
            break;
        case KUBE_PARSE_FAULT:
            buf_printf(at->error, SPAN_FMT ":%u:%u: " SPAN_FMT "; " SPAN_FMT,
                       SPAN_ARG(at->file->path), fault.pos.line, fault.pos.column,
                       SPAN_ARG(fault.message), SPAN_ARG(fault.mend));
            return false;
        }
    }
    *ret_root = NULL;
    return true;
}

static bool head_check(const struct kubeconfig_at *at)
{
    struct span kind, version;

    if (!at->map)
        return true;
    if (at->map->kind != KUBE_NODE_MAP)
        return kubeconfig_fail(at, at->map,
                               "this is %s, no kubeconfig; give the file that kubectl uses",
                               kube_node_kind_name(at->map->kind));
    if (!kubeconfig_text(at, "kind", &kind) || !kubeconfig_text(at, "apiVersion", &version))
        return false;
    if (kind.len > 0 && !span_eq(kind, SPAN("Config")))
        return kubeconfig_fail(at, kubeconfig_field(at, "kind"),
                               "this is a '" SPAN_FMT
                               "', no kubeconfig (kind: Config); give the file "
                               "that kubectl uses",
                               SPAN_ARG(kind));
    if (version.len > 0 && !span_eq(version, SPAN("v1")))
        return kubeconfig_fail(at, kubeconfig_field(at, "apiVersion"),
                               "apiVersion '" SPAN_FMT "' is not known; a kubeconfig has v1",
                               SPAN_ARG(version));
    return true;
}

static bool file_parse(const struct kubeconfig_files *files, struct kubeconfig_file *file,
                       struct span text)
{
    struct kubeconfig_at at = at_root(files, file);

    if (!document_read(&at, text, &file->root))
        return false;
    at.map = file->root;
    return head_check(&at);
}

/* Adds the file at `path`; *was_missing: it does not exist, which may be fine. */
static bool file_read(struct kubeconfig_files *files, struct span path, bool *was_missing)
{
    struct kubeconfig_file file = { .path = arena_dup(files->arena, path) };
    size_t slash = span_rfind(file.path, '/');
    struct buf text = { 0 };

    if (slash != SPAN_NOT_FOUND)
        file.dir = span_upto(file.path, slash + 1);
    int r = api_file_read(file.path, API_CONFIG_BYTES_MAX, &text);
    bool is_good = r == 0 && file_parse(files, &file, buf_span(&text));
    buf_deinit(&text);
    *was_missing = r == -ENOENT;
    if (is_good)
        vec_push(&files->files, file);
    else if (r == -EFBIG)
        buf_printf(files->error, SPAN_FMT ": larger than %d bytes, which no kubeconfig is",
                   SPAN_ARG(path), API_CONFIG_BYTES_MAX);
    else if (r < 0 && !*was_missing)
        buf_printf(files->error, SPAN_FMT ": cannot be read: %s%s", SPAN_ARG(path), strerror(-r),
                   r == -EACCES ? "; yett gives up root's capabilities, and needs a file that its "
                                  "user may read"
                                : "");
    return is_good || *was_missing;
}

bool kubeconfig_files_read(struct kubeconfig_files *files, struct span paths)
{
    struct span rest = paths, path;
    bool was_missing;

    files->paths = paths;
    while (span_split(&rest, ':', &path)) {
        if (path.len > 0 && !file_read(files, path, &was_missing))
            return false;
    }
    if (files->files.len == 0)
        buf_printf(files->error,
                   SPAN_FMT ": there is no such file; give the kubeconfig of the cluster",
                   SPAN_ARG(paths));
    return files->files.len > 0;
}

void kubeconfig_files_deinit(struct kubeconfig_files *files)
{
    vec_deinit(&files->files);
}

/* ---- named things --------------------------------------------------------------------------------- */

bool kubeconfig_current_context(struct kubeconfig_files *files, struct span *ret_name)
{
    *ret_name = SPAN_EMPTY;
    vec_for_each (file, &files->files) {
        struct kubeconfig_at at = at_root(files, file);

        if (!kubeconfig_text(&at, "current-context", ret_name))
            return false;
        if (ret_name->len > 0)
            return true;
    }
    return true;
}

/* Whose name is `name`; NULL: none. Names that are there go to *names, as far as a list can hold. */
static const struct kube_node *item_find(const struct kube_node *list, struct span name,
                                         struct buf *names)
{
    enum { NAMES_BYTES_MAX = 400 };

    for (size_t i = 0; i < list->len; i++) {
        const struct kube_node *node = kube_node_find(list->items[i], SPAN("name"));

        if (!node || node->kind == KUBE_NODE_LIST || node->kind == KUBE_NODE_MAP)
            continue;
        if (span_eq(node->text, name))
            return list->items[i];
        if (names->len < NAMES_BYTES_MAX)
            buf_printf(names, "%s'" SPAN_FMT "'", names->len > 0 ? ", " : "", SPAN_ARG(node->text));
    }
    return NULL;
}

static bool find_fail(struct kubeconfig_files *files, const char *inner, struct span name,
                      const struct buf *names)
{
    buf_printf(files->error, SPAN_FMT ": there is no %s '" SPAN_FMT "'; ", SPAN_ARG(files->paths),
               inner, SPAN_ARG(name));
    if (names->len > 0)
        buf_printf(files->error, "there are: " SPAN_FMT, SPAN_ARG(buf_span(names)));
    else
        buf_printf(files->error, "there is none at all");
    return false;
}

bool kubeconfig_find(struct kubeconfig_files *files, const char *list_name, const char *inner,
                     struct span name, struct kubeconfig_at *ret_at)
{
    struct buf names = { 0 };
    bool is_found = false;

    vec_for_each (file, &files->files) {
        struct kubeconfig_at at = at_root(files, file);
        const struct kube_node *list = NULL;

        is_found = kubeconfig_list(&at, list_name, &list);
        if (!is_found)
            break;
        const struct kube_node *item = list ? item_find(list, name, &names) : NULL;
        is_found = item != NULL;
        if (!is_found)
            continue;
        at.what = arena_printf(files->arena, "%s '" SPAN_FMT "'", inner, SPAN_ARG(name));
        at.map = item;
        is_found = kubeconfig_map(&at, inner, ret_at);
        break;
    }
    if (!is_found && files->error->len == 0)
        find_fail(files, inner, name, &names);
    buf_deinit(&names);
    return is_found;
}

/* ---- fields --------------------------------------------------------------------------------------- */

const struct kube_node *kubeconfig_field(const struct kubeconfig_at *at, const char *name)
{
    const struct kube_node *node = at->map ? kube_node_find(at->map, span_from_str(name)) : NULL;

    return node && node->kind != KUBE_NODE_NULL ? node : NULL;
}

static bool expect(const struct kubeconfig_at *at, const char *name, const struct kube_node *node,
                   enum kube_node_kind kind)
{
    if (node->kind == kind)
        return true;
    return kubeconfig_fail(at, node, "%s is %s; give %s%s", name, kube_node_kind_name(node->kind),
                           kube_node_kind_name(kind),
                           kind == KUBE_NODE_STRING ? ", in quotes where it looks like another"
                                                    : "");
}

bool kubeconfig_map(const struct kubeconfig_at *at, const char *name, struct kubeconfig_at *ret_at)
{
    const struct kube_node *node = kubeconfig_field(at, name);

    if (node && !expect(at, name, node, KUBE_NODE_MAP))
        return false;
    *ret_at = *at;
    ret_at->map = node;
    return true;
}

bool kubeconfig_list(const struct kubeconfig_at *at, const char *name,
                     const struct kube_node **ret_list)
{
    const struct kube_node *node = kubeconfig_field(at, name);

    if (node && !expect(at, name, node, KUBE_NODE_LIST))
        return false;
    *ret_list = node;
    return true;
}

bool kubeconfig_item_text(const struct kubeconfig_at *at, const char *name,
                          const struct kube_node *node, struct span *ret_text)
{
    if (!expect(at, name, node, KUBE_NODE_STRING))
        return false;
    for (size_t i = 0; i < node->text.len; i++) {
        unsigned char c = (unsigned char)node->text.ptr[i];

        if (c < ' ' && c != '\n' && c != '\t' && c != '\r')
            return kubeconfig_fail(at, node, "%s has the control character 0x%02x in it", name, c);
    }
    *ret_text = arena_dup(at->arena, node->text);
    return true;
}

bool kubeconfig_text(const struct kubeconfig_at *at, const char *name, struct span *ret_text)
{
    const struct kube_node *node = kubeconfig_field(at, name);

    *ret_text = SPAN_EMPTY;
    return !node || kubeconfig_item_text(at, name, node, ret_text);
}

bool kubeconfig_bool(const struct kubeconfig_at *at, const char *name, bool *ret_value)
{
    const struct kube_node *node = kubeconfig_field(at, name);

    *ret_value = false;
    if (!node)
        return true;
    if (!expect(at, name, node, KUBE_NODE_BOOL))
        return false;
    *ret_value = node->truth;
    return true;
}

bool kubeconfig_pem(const struct kubeconfig_at *at, const char *name, struct span *ret_pem)
{
    struct span text;
    size_t bad_at = 0;

    *ret_pem = SPAN_EMPTY;
    if (!kubeconfig_text(at, name, &text))
        return false;
    if (text.len == 0)
        return true;
    if (!kube_base64_decode(at->arena, text, ret_pem, &bad_at))
        return kubeconfig_fail(at, kubeconfig_field(at, name),
                               "%s is not base64 from byte %zu on; give the PEM file in base64",
                               name, bad_at);
    if (!span_contains(*ret_pem, SPAN("-----BEGIN ")))
        return kubeconfig_fail(at, kubeconfig_field(at, name),
                               "%s does not hold PEM (-----BEGIN …); give the PEM file in base64",
                               name);
    return true;
}

struct span kubeconfig_relative(const struct kubeconfig_at *at, struct span path)
{
    if (span_starts_with(path, SPAN("/")))
        return path;
    return arena_printf(at->arena, SPAN_FMT SPAN_FMT, SPAN_ARG(at->file->dir), SPAN_ARG(path));
}

bool kubeconfig_path(const struct kubeconfig_at *at, const char *name, struct span *ret_path)
{
    struct buf bytes = { 0 };

    if (!kubeconfig_text(at, name, ret_path))
        return false;
    if (ret_path->len == 0)
        return true;
    *ret_path = kubeconfig_relative(at, *ret_path);
    int r = api_file_read(*ret_path, API_CONFIG_BYTES_MAX, &bytes);
    buf_deinit(&bytes);
    if (r == 0)
        return true;
    return kubeconfig_fail(at, kubeconfig_field(at, name), "%s: " SPAN_FMT " cannot be read: %s",
                           name, SPAN_ARG(*ret_path), strerror(-r));
}
