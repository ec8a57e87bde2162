/* cli/command.h
 *
 * Purpose    The table of subcommands: what `yett NAME` runs, and the words that help shows for it.
 * Roles      cli. Each command is one file with one const struct; main.c lists them. */
#ifndef YETT_CLI_COMMAND_H
#define YETT_CLI_COMMAND_H

#include <stddef.h>

#include "base/span.h"
#include "cli/options.h"

enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* findings, or it could not do what was asked */
    COMMAND_USAGE = 2,  /* the command line itself is wrong */
};

struct command {
    const char *name;
    const char *usage;   /* "check [flags] PATH...", without "yett " */
    const char *summary; /* one line of `yett help` */
    const char *help;    /* paragraphs between the usage line and the flags */
    const struct option_table *options;
    /* argv[0] is the command's name. Returns an enum command_exit, or a role's exit status. */
    int (*run)(int argc, char **argv);
};

extern const struct command command_run, command_check, command_routes, command_explain,
    command_rbac, command_echo, command_version, command_help;

/* All of them, in the order of `yett help`; NULL ends the list. */
extern const struct command *const commands[];

const struct command *command_find(struct span name);

/* The name nearest to a mistyped one, or NULL where none is near. */
const struct command *command_suggest(struct span name);

/* Parses the flags of `command` into `target`. Returns true when the command may go on; else help
 * or an error was printed and *ret_exit is what to return. */
YETT_MUST_USE bool command_parse(const struct command *command, int argc, char **argv, void *target,
                                 struct option_words *words, int *ret_exit);

/* Says what is wrong with the command line, and where help is; returns COMMAND_USAGE. */
int command_usage_error(const struct command *command, const char *fmt, ...) YETT_PRINTF(2, 3);

/* The whole help text of a command. */
void command_help_append(const struct command *command, struct buf *out);

#endif
