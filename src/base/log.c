#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static struct {
    enum log_format format;
    enum log_level most_detailed;
    const char *role;
    uint64_t generation;
} log_state = { LOG_FORMAT_TEXT, LOG_INFO, "yett", 0 };

/* Kept free behind the fields: for "cut", the generation and the line's end. */
enum { LINE_TAIL_MAX = 64 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_init(enum log_format format, enum log_level most_detailed, const char *role)
{
    log_state.format = format;
    log_state.most_detailed = most_detailed;
    log_state.role = role;
}

void log_set_role(const char *role)
{
    log_state.role = role;
}

void log_set_generation(uint64_t generation)
{
    log_state.generation = generation;
}

static void value_append(struct buf *line, const struct log_field *field, bool json)
{
    struct span text = field->span;

    switch (field->kind) {
    case LOG_FIELD_INT:
        buf_printf(line, "%" PRId64, field->number);
        return;
    case LOG_FIELD_UINT:
        buf_printf(line, "%" PRIu64, (uint64_t)field->number);
        return;
    case LOG_FIELD_ERRNO:
        text = span_from_str(strerrordesc_np((int)-field->number));
        break;
    case LOG_FIELD_SPAN:
        break;
    }
    bool quote = json || text.len == 0 || span_find(text, ' ') != SPAN_NOT_FOUND ||
                 span_find(text, '"') != SPAN_NOT_FOUND || span_find(text, '=') != SPAN_NOT_FOUND;
    if (quote)
        buf_append_byte(line, '"');
    buf_append_json(line, span_upto(text, LOG_VALUE_MAX));
    if (text.len > LOG_VALUE_MAX)
        buf_append(line, SPAN("..."));
    if (quote)
        buf_append_byte(line, '"');
}

/* A field that does not fit is taken back whole, and with it all that follow. */
static void fields_append(struct buf *line, const struct log_field *fields, bool json)
{
    for (; fields->name; fields++) {
        size_t before = line->len;

        buf_printf(line, json ? ",\"%s\":" : " %s=", fields->name);
        value_append(line, fields, json);
        if (line->len + LINE_TAIL_MAX > LOG_LINE_MAX) {
            line->len = before;
            buf_append(line, json ? SPAN(",\"cut\":true") : SPAN(" cut=true"));
            return;
        }
    }
}

static void line_append_json(struct buf *line, const char *time, enum log_level level,
                             const char *event, const struct log_field *fields)
{
    buf_printf(line, "{\"time\":\"%.*s\",\"level\":\"%s\",\"role\":\"%s\",\"event\":\"%s\"",
               CLOCK_RFC3339_LEN, time, level_names[level], log_state.role, event);
    if (log_state.generation)
        buf_printf(line, ",\"generation\":%" PRIu64, log_state.generation);
    fields_append(line, fields, true);
    buf_append_byte(line, '}');
}

static void line_append_text(struct buf *line, const char *time, enum log_level level,
                             const char *event, const struct log_field *fields)
{
    buf_printf(line, "%.*s %-5s [%s] %s", CLOCK_RFC3339_LEN, time, level_names[level],
               log_state.role, event);
    fields_append(line, fields, false);
    if (log_state.generation)
        buf_printf(line, " generation=%" PRIu64, log_state.generation);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    struct buf line = { 0 };
    char time[CLOCK_RFC3339_LEN];

    if (level > log_state.most_detailed)
        return;
    clock_format_rfc3339(clock_wall_ns(), time);
    if (log_state.format == LOG_FORMAT_JSON)
        line_append_json(&line, time, level, event, fields);
    else
        line_append_text(&line, time, level, event, fields);
    buf_append_byte(&line, '\n');

    /* One write keeps lines of several processes apart; a log that cannot be written has no other
     * place to complain in. */
    ssize_t written = write(STDERR_FILENO, line.ptr, line.len);
    (void)written;
    buf_deinit(&line);
}

bool log_limit_pass(struct log_limit *limit, uint32_t *ret_hidden)
{
    uint64_t now_ns = clock_mono_ns();

    if (now_ns - limit->window_start_ns >= 1000000000u || limit->window_start_ns == 0) {
        limit->in_window = limit->in_window > LOG_BURST ? LOG_BURST - 1 : 0;
        limit->window_start_ns = now_ns;
    }
    if (++limit->in_window > LOG_BURST) {
        limit->hidden++;
        return false;
    }
    *ret_hidden = limit->hidden;
    limit->hidden = 0;
    return true;
}
