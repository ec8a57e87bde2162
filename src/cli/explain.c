/* `yett explain`: one request, looked up by the very code that the workers run. */
#include "base/scope.h"
#include "cli/command.h"
#include "cli/explanation.h"
#include "cli/meaning.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/serving.h"
#include "http/target.h"

struct explain_flags {
    struct meaning_flags meaning;
    struct span manifests, method;
    struct option_list headers;
    uint32_t output;
};

static const struct option options[] = {
    OPTION_HEADING("Flags"),
    OPTION_FLAG(struct explain_flags, "manifests", TEXT, manifests, "PATH",
                "Manifests to look the request up in: a directory, a file, or - (.)."),
    OPTION_FLAG(struct explain_flags, "header", LIST, headers, "'NAME: VALUE'",
                "A header of the request; may be given several times. Host takes the URL's place.",
                .letter = 'H'),
    OPTION_FLAG(struct explain_flags, "request", TEXT, method, "METHOD",
                "Method of the request (GET).", .letter = 'X'),
    OUTPUT_OPTION(struct explain_flags, output),
    MEANING_OPTIONS(struct explain_flags),
};
static const struct option_table table = { options, ARRAY_LEN(options) };

/* The value of the header `name` among the "Name: value" texts given. */
static bool header_find(const void *ctx, struct span name, struct span *ret_value)
{
    const struct option_list *headers = ctx;

    vec_for_each (header, &headers->values) {
        size_t colon = span_find(*header, ':');

        if (colon == SPAN_NOT_FOUND || !span_eq_nocase(span_upto(*header, colon), name))
            continue;
        *ret_value = span_trim(span_from(*header, colon + 1));
        return true;
    }
    return false;
}

/* What the URL and the flags ask for, in the form that the look-up takes. */
struct asked {
    struct buf url, path_room, host_room; /* hold what the spans borrow */
    struct span scheme, raw_path;
    struct image_request request;
};

static void asked_deinit(struct asked *asked)
{
    buf_deinit(&asked->url);
    buf_deinit(&asked->path_room);
    buf_deinit(&asked->host_room);
}

/* "hello.example/x" is meant as people type it; "/x" has its host from -H. */
static void append_url(struct span typed, struct buf *out)
{
    if (typed.len > 0 && typed.ptr[0] != '/' && !span_contains(typed, SPAN("://")))
        buf_append(out, SPAN("http://"));
    buf_append(out, typed);
}

/* Returns what is wrong with the request, or NULL. */
static const char *asked_read(struct asked *asked, const char *typed,
                              const struct explain_flags *flags)
{
    struct target target;
    struct span host;

    append_url(span_from_str(typed), &asked->url);
    if (!http_is_token(flags->method))
        return "its method is no token";
    if (target_parse(buf_span(&asked->url), http_method_of(flags->method), &target) != TARGET_OK)
        return "it is no URL of http or https";

    asked->scheme = target.form == TARGET_ABSOLUTE ? target.scheme : SPAN("http");
    host = target.form == TARGET_ABSOLUTE ? target.authority : SPAN_EMPTY;
    if (!header_find(&flags->headers, SPAN("host"), &host) && host.len == 0)
        return "it names no host; add one to the URL, or -H 'Host: …'";

    asked->raw_path = target.path;
    asked->request.method = flags->method;
    asked->request.header_find = header_find;
    asked->request.header_ctx = &flags->headers;
    if (host_normalise(host, buf_reserve(&asked->host_room, host.len + 1), &asked->request.host) !=
        TARGET_OK)
        return "its host is none; the gate would answer 400";
    if (target_normalise(target.path, buf_reserve(&asked->path_room, target.path.len + 1),
                         &asked->request.path) != TARGET_OK)
        return "its path climbs above / or has a bad escape; the gate would answer 400";
    return NULL;
}

static bool headers_check(const struct explain_flags *flags, int *ret_exit)
{
    vec_for_each (header, &flags->headers.values) {
        size_t colon = span_find(*header, ':');

        if (colon != SPAN_NOT_FOUND && http_is_token(span_upto(*header, colon)))
            continue;
        *ret_exit = command_usage_error(&command_explain,
                                        "--header: '" SPAN_FMT "' is no header; give it as "
                                        "'Name: value'",
                                        SPAN_ARG(*header));
        return false;
    }
    return true;
}

static int explain_request(const struct explain_flags *flags, const struct asked *asked)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    SCOPED(explanation_deinit) struct explanation explanation = { 0 };
    SCOPED(buf_deinit) struct buf out = { 0 };
    struct ingress_options meaning = meaning_options(&flags->meaning);

    if (serving_view_read(flags->manifests, &meaning, &view) != SERVING_OK)
        return COMMAND_FAILED;

    explanation_init(&explanation, view, &asked->request, asked->scheme, asked->raw_path);
    if (flags->output == OUTPUT_JSON)
        explanation_append_json(&explanation, &out);
    else
        explanation_append_text(&explanation, &out);
    return print_result(&out, explanation.status >= 400 ? COMMAND_FAILED : COMMAND_OK);
}

static void explain_flags_deinit(struct explain_flags *flags)
{
    vec_deinit(&flags->headers.values);
}

static int explain_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    SCOPED(asked_deinit) struct asked asked = { 0 };
    SCOPED(explain_flags_deinit)
    struct explain_flags flags = {
        .meaning = meaning_flags_default(false),
        .manifests = SPAN("."),
        .method = SPAN("GET"),
    };
    int status;

    if (!command_parse(&command_explain, argc, argv, &flags, &words, &status))
        return status;
    if (words.operands.len != 1)
        return command_usage_error(&command_explain, "give one URL, such as http://shop.example/");
    if (!headers_check(&flags, &status))
        return status;

    const char *typed = words.operands.items[0];
    const char *wrong = asked_read(&asked, typed, &flags);
    if (wrong != NULL)
        return command_usage_error(&command_explain, "'%s': %s", typed, wrong);
    return explain_request(&flags, &asked);
}

const struct command command_explain = {
    .name = "explain",
    .usage = "explain URL [--manifests PATH] [-H 'Name: value']... [-X METHOD]",
    .summary = "say which rule takes a request, where it goes, and why no other does",
    .help = "Looks the request up as a worker would, step by step, and tells which rule of which "
            "Ingress\n"
            "takes it, through which filters it passes and which endpoints may answer it.\n"
            "\n"
            "  yett explain https://hello.example/api --manifests examples/hello\n"
            "\n"
            "Exit status: 0 where a backend or a redirect answers, 1 where the gate itself would "
            "answer with\n"
            "an error (404, 503), 2 a wrong command line.\n",
    .options = &table,
    .run = explain_run,
};
