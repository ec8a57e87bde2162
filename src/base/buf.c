#include "base/buf.h"

#include <stdio.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { BUF_BYTES_FIRST = 256 };

void buf_deinit(struct buf *buf)
{
    mem_free(buf->ptr);
    *buf = (struct buf){ 0 };
}

char *buf_reserve(struct buf *buf, size_t more)
{
    size_t need = buf->len + more;

    invariant(need >= more);
    if (need > buf->cap) {
        size_t cap = MAX(buf->cap * 2, (size_t)BUF_BYTES_FIRST);
        buf->cap = MAX(cap, need);
        buf->ptr = mem_realloc(buf->ptr, buf->cap);
    }
    return buf->ptr + buf->len;
}

void buf_append(struct buf *buf, struct span bytes)
{
    if (bytes.len == 0)
        return;
    memcpy(buf_reserve(buf, bytes.len), bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

void buf_append_byte(struct buf *buf, char byte)
{
    *buf_reserve(buf, 1) = byte;
    buf->len++;
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    invariant(len >= 0);
    char *at = buf_reserve(buf, (size_t)len + 1);
    vsnprintf(at, (size_t)len + 1, fmt, again);
    buf->len += (size_t)len;
    va_end(again);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    buf_vprintf(buf, fmt, args);
    va_end(args);
}

void buf_append_json(struct buf *buf, struct span s)
{
    while (s.len > 0) {
        char c = s.ptr[0];
        size_t len = utf8_sequence(s);

        if (c == '"' || c == '\\') {
            buf_append_byte(buf, '\\');
            buf_append_byte(buf, c);
        } else if (c == '\n') {
            buf_append(buf, SPAN("\\n"));
        } else if ((unsigned char)c < 0x20 || c == 0x7F) {
            buf_printf(buf, "\\u%04x", (unsigned)(unsigned char)c);
        } else if (len == 0) {
            buf_append(buf, SPAN("\\ufffd"));
        } else {
            buf_append(buf, span_upto(s, len));
        }
        s = span_from(s, MAX(len, (size_t)1));
    }
}
