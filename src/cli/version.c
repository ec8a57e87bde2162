#include "base/scope.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/print.h"
#include "image/format.h"

struct version_flags {
    uint32_t output;
};

static const struct option options[] = {
    { .name = "Flags", .kind = OPTION_GROUP },
    OUTPUT_OPTION(struct version_flags, output),
};
static const struct option_table table = { options, ARRAY_LEN(options) };

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static int version_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    SCOPED(buf_deinit) struct buf out = { 0 };
    struct version_flags flags = { OUTPUT_TEXT };
    int status;

    if (!command_parse(&command_version, argc, argv, &flags, &words, &status))
        return status;
    if (words.operands.len > 0)
        return command_usage_error(&command_version, "'%s' is one word too many",
                                   words.operands.items[0]);

    if (flags.output == OUTPUT_JSON)
        buf_printf(&out, "{\"version\":\"%s\",\"imageFormat\":%d,\"compiler\":\"%s\"}\n",
                   YETT_VERSION, IMAGE_FORMAT_VERSION, COMPILER);
    else
        buf_printf(&out, "yett %s\nimage format %d\nbuilt with %s\n", YETT_VERSION,
                   IMAGE_FORMAT_VERSION, COMPILER);
    return print_result(&out, COMMAND_OK);
}

const struct command command_version = {
    .name = "version",
    .usage = "version [--output text|json]",
    .summary = "print the version",
    .help = "Prints the version of yett, of the routing images that it writes and reads, and the\n"
            "compiler that built it.\n",
    .options = &table,
    .run = version_run,
};
