/* base/buf.h
 *
 * Purpose    Text or bytes that grow at the end.
 * Ownership  The buf owns its bytes; buf_span() borrows until the next append.
 * Lifetime   A zeroed struct is an empty buf; buf_deinit() returns it to that. */
#ifndef YETT_BASE_BUF_H
#define YETT_BASE_BUF_H

#include <stdarg.h>

#include "base/compiler.h"
#include "base/span.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
};

void buf_deinit(struct buf *buf);
void buf_append(struct buf *buf, struct span bytes);
void buf_append_byte(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *fmt, ...) YETT_PRINTF(2, 3);
void buf_vprintf(struct buf *buf, const char *fmt, va_list args) YETT_PRINTF(2, 0);

/* Appends `s` as the inside of a JSON string: quotes, backslashes and control bytes are escaped,
 * bytes that are not UTF-8 become U+FFFD. */
void buf_append_json(struct buf *buf, struct span s);

/* Room for `more` bytes past the end, to be written by the caller who then adds to buf->len. */
char *buf_reserve(struct buf *buf, size_t more);

static inline struct span buf_span(const struct buf *buf)
{
    return span_of(buf->ptr ? buf->ptr : "", buf->len);
}

#endif
