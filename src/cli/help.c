#include "base/scope.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/words.h"

static const struct option_table table = { NULL, 0 };

static void overview_append(struct buf *out)
{
    buf_append(out, SPAN("yett: an Ingress gate, small, strong, and the only way in\n"
                         "\n"
                         "Usage: yett COMMAND [flags]\n"
                         "\n"));
    for (size_t i = 0; commands[i] != NULL; i++) {
        size_t start = out->len;

        buf_printf(out, "  %s", commands[i]->name);
        words_pad(out, 12 - (out->len - start));
        buf_printf(out, "%s\n", commands[i]->summary);
    }
    buf_append(out,
               SPAN("\n"
                    "Try it on a directory of manifests, no cluster needed:\n"
                    "\n"
                    "  yett check examples/hello\n"
                    "  yett explain http://hello.example/ --manifests examples/hello\n"
                    "  yett run --manifests examples/hello --http-port 8080 --https-port 8443\n"
                    "\n"
                    "yett help COMMAND tells more about each. Exit status: 0 well, 1 findings or\n"
                    "failure, 2 a wrong command line.\n"));
}

static int help_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    SCOPED(buf_deinit) struct buf out = { 0 };
    int status;

    if (!command_parse(&command_help, argc, argv, NULL, &words, &status))
        return status;
    if (words.operands.len > 1)
        return command_usage_error(&command_help, "'%s' is one word too many",
                                   words.operands.items[1]);
    if (words.operands.len == 0) {
        overview_append(&out);
        return print_result(&out, COMMAND_OK);
    }

    struct span name = span_from_str(words.operands.items[0]);
    const struct command *command = command_find(name);
    if (command == NULL)
        return command_usage_error(&command_help, "there is no command '" SPAN_FMT "'",
                                   SPAN_ARG(name));
    command_help_append(command, &out);
    return print_result(&out, COMMAND_OK);
}

const struct command command_help = {
    .name = "help",
    .usage = "help [COMMAND]",
    .summary = "this overview, or all about one command",
    .help =
        "Without a word, lists the commands; with the name of one, explains it and its flags.\n",
    .options = &table,
    .run = help_run,
};
