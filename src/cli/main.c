/* yett: one binary, a table of commands. The first word chooses; ingress-nginx's own name, as the
 * path of the program or as the first argument that its Helm chart passes, means `run`. */
#include <signal.h>

#include "base/scope.h"
#include "cli/command.h"
#include "cli/names.h"
#include "cli/print.h"
#include "proc/title.h"

static int run_unknown(const char *word)
{
    const struct command *nearest = command_suggest(span_from_str(word));

    if (nearest != NULL)
        print_error("there is no command '%s'; did you mean 'yett %s'?", word, nearest->name);
    else
        print_error("there is no command '%s'; 'yett help' lists them", word);
    return COMMAND_USAGE;
}

/* "yett --help" and "yett --version" are what hands type first. */
static struct span command_word(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-help") == 0 || strcmp(word, "-h") == 0)
        return SPAN("help");
    if (strcmp(word, "--version") == 0 || strcmp(word, "-version") == 0)
        return SPAN("version");
    return span_from_str(word);
}

int main(int argc, char **argv)
{
    proc_title_init(argc, argv);
    signal(SIGPIPE, SIG_IGN); /* a peer or reader that went away is an error of one write */

    if (argc > 0 && names_are_ingress_nginx(argv[0]))
        return command_run.run(argc, argv);
    if (argc < 2) {
        (void)command_help.run(1, argv);
        return COMMAND_USAGE;
    }
    if (names_are_ingress_nginx(argv[1]))
        return command_run.run(argc - 1, argv + 1);

    const struct command *command = command_find(command_word(argv[1]));
    if (command == NULL)
        return run_unknown(argv[1]);
    return command->run(argc - 1, argv + 1);
}
