#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "cli/command.h"

static int print_to(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return -errno;
        text = span_from(text, (size_t)n);
    }
    return 0;
}

int print_out(struct span text)
{
    return print_to(STDOUT_FILENO, text);
}

int print_result(const struct buf *text, int status)
{
    int r = print_out(buf_span(text));

    if (r == 0 || r == -EPIPE)
        return status;
    print_error("cannot write to standard output: %s", strerror(-r));
    return COMMAND_FAILED;
}

void print_error(const char *fmt, ...)
{
    SCOPED(buf_deinit) struct buf line = { 0 };
    va_list args;

    buf_append(&line, SPAN("yett: "));
    va_start(args, fmt);
    buf_vprintf(&line, fmt, args);
    va_end(args);
    buf_append_byte(&line, '\n');
    (void)!print_to(STDERR_FILENO, buf_span(&line)); /* nowhere left to complain */
}

bool print_has_colors(void)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */

    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return term != NULL && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}
