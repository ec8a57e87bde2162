/* proxy/log/access_log.h
 *
 * Purpose    A line per finished request, tunnel, and connection or session below HTTP, in ingress-nginx's format or
 *            the ConfigMap's own, gathered and written without ever waiting for a reader.
 * Ownership  Owns its pending lines; the descriptor, which does not block, is the process'. Records are
 *            borrowed for the call.
 * Limits     Where ACCESS_LOG_PENDING_MAX bytes wait for a slow reader, lines are dropped and counted.
 * See        docs/compatibility.md, "Access log" */
#ifndef YETT_PROXY_LOG_ACCESS_LOG_H
#define YETT_PROXY_LOG_ACCESS_LOG_H

#include "base/buf.h"
#include "base/vec.h"
#include "net/loop.h"
#include "proxy/log/access_format.h"

enum {
    ACCESS_LOG_PENDING_MAX = 1 << 20,
    ACCESS_LOG_FLUSH_MS = 200, /* a line waits no longer than this */
};

struct access_log {
    int fd; /* -1: none is written */
    bool enabled, stream_enabled;
    size_t write_bytes; /* lines to a pipe go out in pieces that the kernel keeps whole */
    struct loop *loop;
    struct loop_timer timer;
    struct buf pending;
    size_t sent; /* of pending */
    struct access_format format;
    struct access_format stream_format;
    uint64_t *dropped; /* counter */
};

void access_log_init(struct access_log *log, struct loop *loop, int fd, uint64_t *dropped);
/* Writes what it can, once. */
void access_log_deinit(struct access_log *log);

/* The format's text is copied. */
void access_log_configure(struct access_log *log, bool enabled, struct span format,
                          enum access_escape escape);
void access_log_add(struct access_log *log, const struct access_record *record);

/* The same for connections and sessions below HTTP, which have a format of their own. */
void access_log_configure_stream(struct access_log *log, bool enabled, struct span format,
                                 enum access_escape escape);
void access_log_add_stream(struct access_log *log, const struct access_record *record);

#endif
