/* cli/print.h
 *
 * Purpose    What commands say: results on standard output, complaints on standard error.
 * Errors     A reader that went away ends the command quietly, as a pipe's SIGPIPE would; any other
 *            failure to write is told on standard error and turns success into failure. */
#ifndef YETT_CLI_PRINT_H
#define YETT_CLI_PRINT_H

#include "base/buf.h"
#include "base/compiler.h"

/* Writes all of `text` to standard output. Returns 0 or -errno. */
YETT_MUST_USE int print_out(struct span text);

/* As print_out(), as a command's last deed: `status`, or COMMAND_FAILED where it could not be
 * written. */
YETT_MUST_USE int print_result(const struct buf *text, int status);

/* "yett: …\n" on standard error. */
void print_error(const char *fmt, ...) YETT_PRINTF(1, 2);

/* Standard output is a terminal, and neither NO_COLOR nor TERM=dumb asks for plain text. */
bool print_has_colors(void);

#endif
