/* base/log.h
 *
 * Purpose    The program's own log on standard error: an event name and typed fields, a line each.
 *            log_warn("upstream_connect_failed", F_STR("endpoint", text), F_ERRNO(r));
 * Roles      All; only the rooms net, proc, proxy, control, supervisor and cli may call it.
 * Limits     LOG_LINE_MAX bytes a line, LOG_VALUE_MAX a value: a longer value is cut and ends in "...";
 *            fields that do not fit are left out, and "cut" says so. A line stays well-formed. A call
 *            site in a worker that a peer can drive uses log_limited(). Header values, keys and tokens are never logged. */
#ifndef YETT_BASE_LOG_H
#define YETT_BASE_LOG_H

#include <stdint.h>

#include "base/span.h"

enum { LOG_LINE_MAX = 4096, LOG_VALUE_MAX = 1024 };

enum log_level {
    LOG_ERROR, /* someone must act */
    LOG_WARN,  /* served, but degraded */
    LOG_INFO,  /* a state changed */
    LOG_DEBUG,
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_field_kind { LOG_FIELD_SPAN, LOG_FIELD_INT, LOG_FIELD_UINT, LOG_FIELD_ERRNO };

struct log_field {
    const char *name; /* NULL ends the list */
    enum log_field_kind kind;
    struct span span;
    int64_t number;
};

#define F_STR(name, str)   ((struct log_field){ name, LOG_FIELD_SPAN, span_from_str(str), 0 })
#define F_SPAN(name, s)    ((struct log_field){ name, LOG_FIELD_SPAN, s, 0 })
#define F_INT(name, value) ((struct log_field){ name, LOG_FIELD_INT, SPAN_EMPTY, (int64_t)(value) })
#define F_UINT(name, value) \
    ((struct log_field){ name, LOG_FIELD_UINT, SPAN_EMPTY, (int64_t)(value) })
/* `r` as functions return it: -errno. */
#define F_ERRNO(r) ((struct log_field){ "error", LOG_FIELD_ERRNO, SPAN_EMPTY, (int64_t)(r) })

/* `role` ("supervisor", "controller", "worker 0", …) is added to each line and must outlive the
 * process' logging. Until this is called: text, LOG_INFO, role "yett". */
void log_init(enum log_format format, enum log_level most_detailed, const char *role);

/* Once a role knows its name better: "worker 0". Must outlive the process' logging. */
void log_set_role(const char *role);

/* Added to each line once it is not 0. */
void log_set_generation(uint64_t generation);

/* Fields end with an entry whose name is NULL; call it through the macros below. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define log_at(level, event, ...) \
    log_write(level, event, (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })
#define log_error(event, ...) log_at(LOG_ERROR, event __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_WARN, event __VA_OPT__(, ) __VA_ARGS__)
#define log_info(event, ...)  log_at(LOG_INFO, event __VA_OPT__(, ) __VA_ARGS__)
#define log_debug(event, ...) log_at(LOG_DEBUG, event __VA_OPT__(, ) __VA_ARGS__)

/* One call site's budget: a burst of LOG_BURST lines, then one a second; it counts what it hid. */
struct log_limit {
    uint64_t window_start_ns;
    uint32_t in_window;
    uint32_t hidden;
};

enum { LOG_BURST = 5 };

/* True when a line may be written now; *ret_hidden says how many were hidden before it. */
bool log_limit_pass(struct log_limit *limit, uint32_t *ret_hidden);

#define log_limited(level, event, ...)                                                         \
    do {                                                                                       \
        static struct log_limit limit_;                                                        \
        uint32_t hidden_;                                                                      \
        if (log_limit_pass(&limit_, &hidden_))                                                 \
            log_at(level, event, __VA_ARGS__ __VA_OPT__(, ) F_UINT("hidden_before", hidden_)); \
    } while (0)

#endif
