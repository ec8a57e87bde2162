#include "proxy/log/access_log.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/page.h"

enum { ACCESS_LOG_FILE_BYTES = 64 << 10 };

static void access_log_on_timeout(struct loop_timer *timer);

void access_log_init(struct access_log *log, struct loop *loop, int fd, uint64_t *dropped)
{
    struct stat st;
    bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

    *log = (struct access_log){ .fd = fd, .enabled = fd >= 0, .loop = loop, .dropped = dropped };
    log->write_bytes = is_file ? ACCESS_LOG_FILE_BYTES : PIPE_BUF;
    loop_timer_init(&log->timer, access_log_on_timeout);
}

/* As many whole lines as fit into one write; a line that is longer alone. */
static size_t chunk_len(const struct access_log *log, struct span rest)
{
    if (rest.len <= log->write_bytes)
        return rest.len;
    size_t end = span_rfind(span_upto(rest, log->write_bytes), '\n');
    return end == SPAN_NOT_FOUND ? MIN(span_find(rest, '\n'), rest.len - 1) + 1 : end + 1;
}

/* Writes until nothing is left below `keep` bytes, or the reader is slow. */
static void log_flush(struct access_log *log, size_t keep)
{
    while (log->pending.len - log->sent > keep) {
        struct span rest = span_from(buf_span(&log->pending), log->sent);
        ssize_t n = write(log->fd, rest.ptr, chunk_len(log, rest));

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1 && errno != EAGAIN) {
            stats_add(log->dropped, 1); /* nobody reads any more */
            n = (ssize_t)rest.len;
        }
        if (n == -1)
            break;
        log->sent += (size_t)n;
    }
    if (log->sent == log->pending.len) {
        log->pending.len = log->sent = 0;
    } else if (log->sent > ACCESS_LOG_PENDING_MAX / 2) {
        memmove(log->pending.ptr, log->pending.ptr + log->sent, log->pending.len - log->sent);
        log->pending.len -= log->sent;
        log->sent = 0;
    }
}

void access_log_deinit(struct access_log *log)
{
    loop_timer_cancel(&log->timer);
    if (log->fd >= 0)
        log_flush(log, 0);
    buf_deinit(&log->pending);
    access_format_deinit(&log->format);
    access_format_deinit(&log->stream_format);
}

static void access_log_on_timeout(struct loop_timer *timer)
{
    struct access_log *log = container_of(timer, struct access_log, timer);

    log_flush(log, 0);
    if (log->pending.len > 0)
        loop_timer_set(log->loop, &log->timer, ACCESS_LOG_FLUSH_MS);
}

void access_log_configure(struct access_log *log, bool enabled, struct span format,
                          enum access_escape escape)
{
    log->enabled = enabled && log->fd >= 0;
    access_format_set(&log->format, format, escape);
}

void access_log_configure_stream(struct access_log *log, bool enabled, struct span format,
                                 enum access_escape escape)
{
    log->stream_enabled = enabled && log->fd >= 0;
    access_format_set(&log->stream_format, format, escape);
}

static void line_add(struct access_log *log, struct access_format *format,
                     const struct access_record *record)
{
    if (log->pending.len - log->sent >= ACCESS_LOG_PENDING_MAX) {
        stats_add(log->dropped, 1);
        return;
    }
    access_format_write(format, record, &log->pending);
    buf_append_byte(&log->pending, '\n');
    if (log->pending.len - log->sent >= log->write_bytes)
        log_flush(log, log->write_bytes - 1);
    if (log->pending.len > 0 && !loop_timer_is_set(&log->timer))
        loop_timer_set(log->loop, &log->timer, ACCESS_LOG_FLUSH_MS);
}

void access_log_add(struct access_log *log, const struct access_record *record)
{
    if (log->enabled)
        line_add(log, &log->format, record);
}

void access_log_add_stream(struct access_log *log, const struct access_record *record)
{
    if (log->stream_enabled)
        line_add(log, &log->stream_format, record);
}
