/* `yett routes`: the table that is being served, or would be. */
#include "base/scope.h"
#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/meaning.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/routes_rows.h"
#include "cli/serving.h"
#include "image/routes_json.h"

struct routes_flags {
    struct meaning_flags meaning;
    struct span manifests, admin; /* one of them; both empty: "." */
    uint32_t output;
};

static const struct option options[] = {
    OPTION_HEADING("Flags"),
    OPTION_FLAG(struct routes_flags, "manifests", TEXT, manifests, "PATH",
                "Manifests to compile: a directory, a file, or - (.)."),
    OPTION_FLAG(struct routes_flags, "admin", TEXT, admin, "URL",
                "Ask the yett that runs there instead, at its --healthz-port: "
                "http://127.0.0.1:10254."),
    OUTPUT_OPTION(struct routes_flags, output),
    MEANING_OPTIONS(struct routes_flags),
};
static const struct option_table table = { options, ARRAY_LEN(options) };

/* The table as JSON, of manifests. Returns an enum command_exit. */
static int read_manifests(const struct routes_flags *flags, struct buf *ret_json)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    struct ingress_options meaning = meaning_options(&flags->meaning);

    if (serving_view_read(flags->manifests, &meaning, &view) != SERVING_OK)
        return COMMAND_FAILED;
    image_routes_json(view, ret_json);
    return COMMAND_OK;
}

/* The same from a running yett. */
static int read_admin(const struct routes_flags *flags, struct buf *ret_json)
{
    SCOPED(buf_deinit) struct buf error = { 0 };

    if (admin_client_get(flags->admin, SPAN("/api/v1/routes"), &error, ret_json))
        return COMMAND_OK;
    print_error("routes: --admin: '" SPAN_FMT "': " SPAN_FMT, SPAN_ARG(flags->admin),
                SPAN_ARG(buf_span(&error)));
    return COMMAND_FAILED;
}

/* One form, wherever it came from: another program's answer must be a table, too, before it is shown as
 * one. */
static int show(const struct routes_flags *flags, const struct buf *json)
{
    SCOPED(routes_rows_deinit) struct routes_rows rows;
    SCOPED(buf_deinit) struct buf out = { 0 };
    const char *what;

    routes_rows_init(&rows);
    if (!routes_rows_read_json(&rows, buf_span(json), &what)) {
        print_error("routes: --admin: '" SPAN_FMT "': %s", SPAN_ARG(flags->admin), what);
        return COMMAND_FAILED;
    }
    if (flags->output == OUTPUT_JSON)
        return print_result(json, COMMAND_OK);
    routes_rows_append_text(&rows, &out);
    return print_result(&out, COMMAND_OK);
}

static int routes_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    SCOPED(buf_deinit) struct buf json = { 0 };
    struct routes_flags flags = { .meaning = meaning_flags_default(false) };
    int status;

    if (!command_parse(&command_routes, argc, argv, &flags, &words, &status))
        return status;
    if (words.operands.len > 0)
        return command_usage_error(&command_routes,
                                   "'%s' is one word too many; give --manifests %s",
                                   words.operands.items[0], words.operands.items[0]);
    if (flags.admin.len > 0 && flags.manifests.len > 0)
        return command_usage_error(&command_routes,
                                   "--manifests and --admin exclude each other; give one of them");
    if (flags.admin.len > 0 && !admin_client_is_url(flags.admin))
        return command_usage_error(&command_routes,
                                   "--admin: '" SPAN_FMT "' is no URL; give one such as "
                                   "http://127.0.0.1:10254",
                                   SPAN_ARG(flags.admin));
    if (flags.manifests.len == 0)
        flags.manifests = SPAN(".");

    status = flags.admin.len > 0 ? read_admin(&flags, &json) : read_manifests(&flags, &json);
    return status == COMMAND_OK ? show(&flags, &json) : status;
}

const struct command command_routes = {
    .name = "routes",
    .usage = "routes [--manifests PATH | --admin URL]",
    .summary = "show the table of routes, of manifests or of a running yett",
    .help = "Compiles the manifests into an image, as a running yett does, and shows what is in "
            "it: a row a\n"
            "rule, with the Service and the endpoints that it leads to.\n"
            "\n"
            "  yett routes --manifests examples/hello\n"
            "  yett routes --admin http://127.0.0.1:10254\n",
    .options = &table,
    .run = routes_run,
};
