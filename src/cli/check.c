/* `yett check`: everything that the controller would find wrong, told as a compiler tells it. */
#include "base/scope.h"
#include "cli/command.h"
#include "cli/manifests.h"
#include "cli/meaning.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/serving.h"

struct check_flags {
    struct meaning_flags meaning;
    uint32_t output;
    uint32_t severity; /* enum diag_severity: the least that is shown */
    bool strict;
};

static const struct option options[] = {
    OPTION_HEADING("Flags"),
    OPTION_FLAG(struct check_flags, "severity", CHOICE, severity, "error|warning|note",
                "Show findings of this severity and worse (note).",
                .choices = "error|warning|note"),
    OPTION_FLAG(struct check_flags, "strict", BOOL, strict, NULL,
                "Warnings too make the exit status 1."),
    OUTPUT_OPTION(struct check_flags, output),
    MEANING_OPTIONS(struct check_flags),
};
static const struct option_table table = { options, ARRAY_LEN(options) };

static const char *severity_color(enum diag_severity severity)
{
    switch (severity) {
    case DIAG_ERROR:
        return "\033[1;31m";
    case DIAG_WARNING:
        return "\033[1;35m";
    case DIAG_NOTE:
        return "\033[1;36m";
    }
    unreachable();
}

/* The place in bold, the severity in its color: all up to and including the first "error:". */
static void append_colored(const struct diag *diag, struct buf *out)
{
    SCOPED(buf_deinit) struct buf plain = { 0 };
    struct span severity = span_from_str(diag_severity_name(diag->severity));

    diag_format_text(diag, &plain);
    struct span text = buf_span(&plain);
    size_t at = MIN(diag->file.len, text.len);
    while (at < text.len && !span_starts_with(span_from(text, at), severity))
        at++;

    buf_printf(out, "\033[1m" SPAN_FMT "%s" SPAN_FMT "\033[0m", SPAN_ARG(span_upto(text, at)),
               severity_color(diag->severity), SPAN_ARG(severity));
    buf_append(out, span_from(text, at + severity.len));
}

static void append_count(struct buf *out, size_t n, const char *one, const char *many)
{
    buf_printf(out, "%zu %s", n, n == 1 ? one : many);
}

static void append_text(const struct manifests *manifests, const struct check_flags *flags,
                        struct buf *out)
{
    const struct diag_list *list = &manifests->diags;
    bool has_colors = print_has_colors();

    vec_for_each (diag, &list->diags) {
        if (diag->severity > flags->severity)
            continue;
        if (has_colors)
            append_colored(diag, out);
        else
            diag_format_text(diag, out);
    }
    append_count(out, manifests->files, "file, ", "files, ");
    append_count(out, manifests->documents, "document, ", "documents, ");
    append_count(out, kube_store_len(&manifests->store, KUBE_INGRESS), "Ingress: ", "Ingresses: ");
    append_count(out, list->errors, "error, ", "errors, ");
    append_count(out, list->warnings, "warning", "warnings");
    if (list->dropped > 0)
        buf_printf(out, " (and %zu more than can be listed)", list->dropped);
    buf_append_byte(out, '\n');
}

static void append_json(const struct manifests *manifests, const struct check_flags *flags,
                        struct buf *out)
{
    const struct diag_list *list = &manifests->diags;
    const char *separator = "\n";

    buf_printf(out,
               "{\"files\":%zu,\"documents\":%zu,\"ingresses\":%zu,\"errors\":%zu,"
               "\"warnings\":%zu,\"dropped\":%zu,\"diagnostics\":[",
               manifests->files, manifests->documents,
               kube_store_len(&manifests->store, KUBE_INGRESS), list->errors, list->warnings,
               list->dropped);
    vec_for_each (diag, &list->diags) {
        if (diag->severity > flags->severity)
            continue;
        buf_append(out, span_from_str(separator));
        diag_format_json(diag, out);
        separator = ",\n";
    }
    buf_append(out, SPAN("]}\n"));
}

/* Reads, compiles and judges all of `paths`. Returns an enum command_exit. */
static int check_paths(const struct option_words *words, const struct check_flags *flags,
                       struct manifests *manifests, struct buf *out)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    struct ingress_options meaning = meaning_options(&flags->meaning);

    vec_for_each (path, &words->operands)
        manifests_add(manifests, *path);
    meaning.any_class = !meaning_names_class(&flags->meaning);

    int r = serving_view_new(&manifests->store, &meaning, &manifests->diags, &view);
    diag_list_sort(&manifests->diags);
    if (flags->output == OUTPUT_JSON)
        append_json(manifests, flags, out);
    else
        append_text(manifests, flags, out);

    if (r == SERVING_BROKEN || manifests->diags.errors > 0)
        return COMMAND_FAILED;
    return flags->strict && manifests->diags.warnings > 0 ? COMMAND_FAILED : COMMAND_OK;
}

static int check_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    SCOPED(buf_deinit) struct buf out = { 0 };
    SCOPED(manifests_deinit) struct manifests manifests;
    struct check_flags flags = { .meaning = meaning_flags_default(false), .severity = DIAG_NOTE };
    int status;

    manifests_init(&manifests);
    if (!command_parse(&command_check, argc, argv, &flags, &words, &status))
        return status;
    if (words.operands.len == 0)
        return command_usage_error(&command_check,
                                   "nothing to check; give files, directories, or - for standard "
                                   "input");
    status = check_paths(&words, &flags, &manifests, &out);
    return print_result(&out, status);
}

const struct command command_check = {
    .name = "check",
    .usage = "check [flags] PATH...",
    .summary = "find what is wrong in manifests, and say how to mend it",
    .help =
        "Reads files, directories (all .yaml, .yml and .json in them and below) or standard input "
        "(-),\n"
        "and judges them as a running yett would, every Ingress as if it were ours unless a flag "
        "names\n"
        "a class. Each finding is one line, as compilers have it, and how to mend it:\n"
        "\n"
        "  shop.yaml:12:17: error: Ingress default/shop: spec.rules[0].host: what is wrong [code]\n"
        "      mend: what to do about it\n"
        "\n"
        "Exit status: 0 no errors, 1 errors, 2 a wrong command line.\n",
    .options = &table,
    .run = check_run,
};
