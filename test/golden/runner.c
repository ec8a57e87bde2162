/* Runs one golden case: decode and compile its manifests, write the image, verify it, and compare what
 * came out with what is kept beside the manifests.
 *
 *   *.yaml, *.json   the manifests, read in the order of their names
 *   options          optional; lines "name value", see option_set()
 *   expected.dump    the image as text
 *   expected.diags   the diagnostics, sorted
 *   requests         optional; lines "METHOD host path → what takes it"; host "-" is none
 *
 * YETT_GOLDEN_UPDATE=1 writes the expected files anew (and the right sides of `requests`). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/scope.h"
#include "http/target.h"
#include "image/dump.h"
#include "image/match.h"
#include "image/verify.h"
#include "image/writer.h"
#include "ingress/compile.h"
#include "kube/decode.h"

enum { NOW_S = 1790000000 }; /* 2026-09-21: certificates of the cases are valid or expired then */

struct golden {
    const char *dir;
    bool is_updating, has_failed;
    struct arena arena;
    struct kube_store store;
    VEC(struct kube_bundle *) bundles;
    struct diag_list diags;
    struct ingress_options options;
    struct route_model *model;
    struct image_writer *writer;
    struct image_view *view;
};

static void stop(const char *what, const char *name)
{
    fprintf(stderr, "golden: %s: %s (%s)\n", name, what, strerror(errno));
    exit(2);
}

static void fail(struct golden *golden, const char *what)
{
    printf("FAILED %s: %s\n", golden->dir, what);
    golden->has_failed = true;
}

static struct span path_in_case(struct golden *golden, const char *name)
{
    return arena_printf(&golden->arena, "%s/%s", golden->dir, name);
}

static bool file_read(struct golden *golden, const char *name, struct span *ret_text)
{
    FILE *file = fopen(path_in_case(golden, name).ptr, "rb");
    SCOPED(buf_deinit) struct buf text = { 0 };
    size_t got;

    if (!file)
        return false;
    do {
        char *at = buf_reserve(&text, 65536);
        got = fread(at, 1, 65536, file);
        text.len += got;
    } while (got > 0);
    fclose(file);
    *ret_text = arena_dup(&golden->arena, buf_span(&text));
    return true;
}

static void file_write(struct golden *golden, const char *name, struct span text)
{
    FILE *file = fopen(path_in_case(golden, name).ptr, "wb");

    if (!file || fwrite(text.ptr, 1, text.len, file) != text.len || fclose(file) != 0)
        stop("cannot be written", name);
}

/* --- manifests --- */

static int is_manifest(const struct dirent *entry)
{
    struct span name = span_from_str(entry->d_name);

    return span_ends_with(name, SPAN(".yaml")) || span_ends_with(name, SPAN(".json"));
}

static void manifest_add(struct golden *golden, const char *name)
{
    struct span text;

    if (!file_read(golden, name, &text))
        stop("cannot be read", name);
    struct kube_bundle *bundle =
        kube_bundle_decode(text, arena_dup(&golden->arena, span_from_str(name)));
    vec_push(&golden->bundles, bundle);
    diag_list_append(&golden->diags, &bundle->diags);
    vec_for_each (object, &bundle->objects) {
        if (kube_store_put(&golden->store, object))
            stop("has an object twice", name);
    }
}

static void manifests_read(struct golden *golden)
{
    struct dirent **entries;
    int count = scandir(golden->dir, &entries, is_manifest, alphasort);

    if (count < 0)
        stop("cannot be listed", golden->dir);
    for (int i = 0; i < count; i++) {
        manifest_add(golden, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* --- options --- */

static struct ingress_object_name object_name(struct span text)
{
    size_t slash = span_find(text, '/');

    return (struct ingress_object_name){ span_upto(text, slash), span_from(text, slash + 1) };
}

static bool option_set(struct ingress_options *options, struct span name, struct span value)
{
    const struct {
        const char *name;
        bool *at;
    } flags[] = {
        { "class-by-name", &options->class_by_name },
        { "watch-without-class", &options->watch_without_class },
        { "default-class-applies", &options->default_class_applies },
        { "any-class", &options->any_class },
        { "disable-catch-all", &options->disable_catch_all },
        { "allows-passthrough", &options->allows_passthrough },
    };
    const struct {
        const char *name;
        struct span *at;
    } texts[] = {
        { "ingress-class", &options->ingress_class },
        { "controller-class", &options->controller_class },
        { "watch-namespace", &options->watch_namespace },
        { "annotations-prefix", &options->annotations_prefix },
    };
    const struct {
        const char *name;
        struct ingress_object_name *at;
    } objects[] = {
        { "config-map", &options->config_map },
        { "default-certificate", &options->default_certificate },
        { "default-backend", &options->default_backend },
        { "tcp-services", &options->tcp_services },
        { "udp-services", &options->udp_services },
        { "ticket-keys", &options->ticket_keys },
    };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (span_eq(name, span_from_str(flags[i].name)))
            return num_parse_bool(value, flags[i].at);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (span_eq(name, span_from_str(texts[i].name))) {
            *texts[i].at = value;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        if (span_eq(name, span_from_str(objects[i].name))) {
            *objects[i].at = object_name(value);
            return true;
        }
    }
    return false;
}

static void options_read(struct golden *golden)
{
    struct span text, line;

    golden->options = ingress_options_default();
    golden->options.default_class_applies = true;
    golden->options.now_s = NOW_S;
    golden->options.own_tcp_ports[0] = 443;
    if (!file_read(golden, "options", &text))
        return;
    while (span_split(&text, '\n', &line)) {
        size_t space = span_find(line, ' ');

        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (!option_set(&golden->options, span_upto(line, space), span_from(line, space + 1)))
            stop("is no option", line.ptr);
    }
}

/* --- comparing --- */

/* Prints the lines around the first that differs. */
static void diff_print(struct span expected, struct span actual)
{
    struct span left, right;
    size_t line = 1;

    for (;; line++) {
        bool has_left = span_split(&expected, '\n', &left);
        bool has_right = span_split(&actual, '\n', &right);
        if (!has_left && !has_right)
            return;
        if (has_left && has_right && span_eq(left, right))
            continue;
        printf("  line %zu\n", line);
        for (size_t i = 0; i < 6; i++) {
            if (has_left)
                printf("  - " SPAN_FMT "\n", SPAN_ARG(left));
            if (has_right)
                printf("  + " SPAN_FMT "\n", SPAN_ARG(right));
            has_left = span_split(&expected, '\n', &left);
            has_right = span_split(&actual, '\n', &right);
        }
        return;
    }
}

static void compare(struct golden *golden, const char *name, struct span actual)
{
    struct span expected = SPAN_EMPTY;

    if (golden->is_updating) {
        file_write(golden, name, actual);
        return;
    }
    if (!file_read(golden, name, &expected))
        stop("is missing; YETT_GOLDEN_UPDATE=1 writes it", name);
    if (span_eq(expected, actual))
        return;
    fail(golden, name);
    diff_print(expected, actual);
}

static void diags_compare(struct golden *golden)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    diag_list_sort(&golden->diags);
    vec_for_each (diag, &golden->diags.diags)
        diag_format_text(diag, &text);
    compare(golden, "expected.diags", buf_span(&text));
}

static void dump_compare(struct golden *golden)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    image_dump(golden->view, &text);
    compare(golden, "expected.dump", buf_span(&text));
}

/* --- requests --- */

static void rule_describe(struct golden *golden, const struct image_rule *rule, struct buf *out)
{
    const struct image_view *view = golden->view;

    for (uint32_t i = 0; i < rule->filters_len; i++) {
        const struct image_filter *filter = image_filter_get(view, rule->filters_first + i);
        buf_printf(out, " %s:%u",
                   filter->kind == ROUTE_FILTER_RESPOND ? "respond" : "https-redirect",
                   filter->status);
    }
    const struct image_backend *backend = image_backend_choose(view, rule, 0);
    if (!backend) {
        buf_append(out, SPAN(" nowhere"));
        return;
    }
    const struct image_service *service = image_service_get(view, backend->service);
    buf_printf(out, " " SPAN_FMT ":" SPAN_FMT, SPAN_ARG(image_str_get(view, service->name)),
               SPAN_ARG(image_str_get(view, service->port)));
    if (image_endpoints_find(view, service->key).len == 0)
        buf_append(out, SPAN(" 503"));
}

static void match_describe(struct golden *golden, const struct image_request *request,
                           struct buf *out)
{
    struct image_match match;

    switch ((enum image_match_result)image_match(golden->view, request, NULL, &match)) {
    case IMAGE_MATCH_NONE:
        buf_append(out, SPAN("404"));
        return;
    case IMAGE_MATCH_DEFAULT:
        buf_append(out, SPAN("default"));
        rule_describe(golden, match.rule, out);
        return;
    case IMAGE_MATCH_OK:
        buf_printf(out, SPAN_FMT "/" SPAN_FMT " " SPAN_FMT,
                   SPAN_ARG(image_str_get(golden->view, match.rule->namespace)),
                   SPAN_ARG(image_str_get(golden->view, match.rule->ingress)),
                   SPAN_ARG(image_str_get(golden->view, match.rule->path)));
        rule_describe(golden, match.rule, out);
        return;
    }
}

static void request_answer(struct golden *golden, struct span line, struct buf *out)
{
    struct image_request request = { 0 };
    struct span rest = line, host, path;

    if (!span_split(&rest, ' ', &request.method) || !span_split(&rest, ' ', &host) ||
        !span_split(&rest, ' ', &path))
        stop("is no request", line.ptr);
    buf_printf(out, SPAN_FMT " " SPAN_FMT " " SPAN_FMT " → ", SPAN_ARG(request.method),
               SPAN_ARG(host), SPAN_ARG(path));
    request.host = SPAN_EMPTY;
    if (!span_eq(host, SPAN("-")) &&
        host_normalise(host, arena_alloc(&golden->arena, host.len), &request.host) != TARGET_OK)
        buf_append(out, SPAN("400"));
    else if (target_normalise(path, arena_alloc(&golden->arena, path.len), &request.path) !=
             TARGET_OK)
        buf_append(out, SPAN("400"));
    else
        match_describe(golden, &request, out);
    buf_append_byte(out, '\n');
}

static void requests_compare(struct golden *golden)
{
    SCOPED(buf_deinit) struct buf answers = { 0 };
    struct span text, line;

    if (!file_read(golden, "requests", &text))
        return;
    while (span_split(&text, '\n', &line)) {
        if (line.len > 0 && line.ptr[0] != '#')
            request_answer(golden, line, &answers);
        else if (line.len > 0)
            buf_printf(&answers, SPAN_FMT "\n", SPAN_ARG(line));
    }
    compare(golden, "requests", buf_span(&answers));
}

/* --- the case --- */

static void image_make(struct golden *golden)
{
    struct image_bytes bytes;
    const char *what;

    golden->writer = image_writer_new();
    if (image_write(golden->writer, golden->model, &bytes) != IMAGE_WRITE_OK)
        stop("its image is too large", golden->dir);
    if (image_view_open_bytes(bytes.root, bytes.segments, bytes.segments_len, &golden->view) !=
        IMAGE_OPEN_OK)
        stop("its image cannot be opened", golden->dir);
    if (!image_verify(golden->view, &what))
        fail(golden, what);
}

static void golden_deinit(struct golden *golden)
{
    golden->view = image_view_unref(golden->view);
    golden->writer = image_writer_free(golden->writer);
    golden->model = route_model_free(golden->model);
    kube_store_deinit(&golden->store);
    vec_for_each (bundle, &golden->bundles)
        kube_bundle_free(*bundle);
    vec_deinit(&golden->bundles);
    diag_list_deinit(&golden->diags);
    arena_deinit(&golden->arena);
}

int main(int argc, char **argv)
{
    struct golden golden = { 0 };

    if (argc != 2) {
        fprintf(stderr, "usage: %s CASE-DIRECTORY\n", argv[0]);
        return 2;
    }
    golden.dir = argv[1];
    golden.is_updating = getenv("YETT_GOLDEN_UPDATE") != NULL;
    arena_init(&golden.arena, 65536);
    kube_store_init(&golden.store);
    diag_list_init(&golden.diags);

    manifests_read(&golden);
    options_read(&golden);
    golden.model = ingress_compile(&golden.store, &golden.options, &golden.diags);
    image_make(&golden);
    diags_compare(&golden);
    dump_compare(&golden);
    requests_compare(&golden);

    bool has_failed = golden.has_failed;
    golden_deinit(&golden);
    return has_failed;
}
