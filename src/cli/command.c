#include "cli/command.h"

#include "base/scope.h"
#include "cli/print.h"
#include "cli/words.h"

const struct command *const commands[] = {
    &command_run,     &command_check, &command_routes,
    &command_explain, &command_rbac,  &command_echo,
    &command_version, &command_help,  NULL,
};

const struct command *command_find(struct span name)
{
    for (size_t i = 0; commands[i] != NULL; i++)
        if (span_eq(span_from_str(commands[i]->name), name))
            return commands[i];
    return NULL;
}

const struct command *command_suggest(struct span name)
{
    for (size_t i = 0; commands[i] != NULL; i++)
        if (words_are_near(name, span_from_str(commands[i]->name)))
            return commands[i];
    return NULL;
}

void command_help_append(const struct command *command, struct buf *out)
{
    buf_printf(out, "yett %s: %s\n\nUsage: yett %s\n\n%s", command->name, command->summary,
               command->usage, command->help);
    if (command->options != NULL)
        options_help_append(command->options, out);
}

int command_usage_error(const struct command *command, const char *fmt, ...)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    print_error("%s: " SPAN_FMT "\n      'yett help %s' says more", command->name,
                SPAN_ARG(buf_span(&text)), command->name);
    return COMMAND_USAGE;
}

bool command_parse(const struct command *command, int argc, char **argv, void *target,
                   struct option_words *words, int *ret_exit)
{
    SCOPED(buf_deinit) struct buf help = { 0 };

    switch ((enum options_result)options_parse(command->options, argc, argv, target, words)) {
    case OPTIONS_OK:
        return true;
    case OPTIONS_HELP:
        command_help_append(command, &help);
        *ret_exit = print_result(&help, COMMAND_OK);
        return false;
    case OPTIONS_BAD:
        *ret_exit = command_usage_error(command, SPAN_FMT, SPAN_ARG(buf_span(&words->error)));
        return false;
    }
    unreachable();
}
