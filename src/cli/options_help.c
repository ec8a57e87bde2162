#include "base/scope.h"
#include "cli/options.h"
#include "cli/words.h"

enum {
    HELP_WIDTH = 96,
    HELP_TEXT_AT = 34, /* column of the sentences */
};

static void append_flag(const struct option *option, struct buf *out)
{
    size_t start = out->len;

    if (option->letter != 0)
        buf_printf(out, "  -%c, --%s", option->letter, option->name);
    else
        buf_printf(out, "      --%s", option->name);
    if (option->value != NULL)
        buf_printf(out, " %s", option->value);
    size_t used = out->len - start;
    if (used + 2 > HELP_TEXT_AT) {
        buf_append_byte(out, '\n');
        used = 0;
    }
    words_pad(out, HELP_TEXT_AT - used);
    words_wrap(out, span_from_str(option->help), HELP_TEXT_AT, HELP_TEXT_AT, HELP_WIDTH);
    buf_append_byte(out, '\n');
}

static void append_without_effect(const struct option_table *table, struct buf *out)
{
    SCOPED(buf_deinit) struct buf names = { 0 };

    for (size_t i = 0; i < table->len; i++) {
        const struct option *option = &table->options[i];

        if (option->kind == OPTION_GROUP || option->no_effect == NULL)
            continue;
        buf_append(&names, names.len ? SPAN(" --") : SPAN("--"));
        buf_append(&names, span_from_str(option->name));
    }
    if (names.len == 0)
        return;
    buf_append(
        out,
        SPAN("\nAccepted as ingress-nginx has them, without an effect so far (each is reported "
             "at the start):\n      "));
    words_wrap(out, buf_span(&names), 6, 6, HELP_WIDTH);
    buf_append_byte(out, '\n');
}

void options_help_append(const struct option_table *table, struct buf *out)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct option *option = &table->options[i];

        if (option->kind == OPTION_GROUP)
            buf_printf(out, "\n%s:\n", option->name);
        else if (option->no_effect == NULL)
            append_flag(option, out);
    }
    append_without_effect(table, out);
}
