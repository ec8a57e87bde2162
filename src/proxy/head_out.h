/* proxy/head_out.h
 *
 * Purpose    Writes a head as text, with room reserved beforehand: whole for HTTP/1, or its fields alone,
 *            which HTTP/2 cuts into its list.
 * Ownership  The text goes behind the content of the buffer given.
 * Limits     The room asked for, and HEAD_FIELDS_MAX fields. More is a bug. */
#ifndef YETT_PROXY_HEAD_OUT_H
#define YETT_PROXY_HEAD_OUT_H

#include "base/bug.h"
#include "http/message.h"
#include "proxy/stream/iobuf.h"

/* What a side takes. */
enum head_form {
    HEAD_WHOLE,  /* start line, fields, those that concern one hop too, empty line */
    HEAD_FIELDS, /* lines of fields only; the start line's parts are told apart from it */
};

/* All that can come from the other side, and what the gate adds. */
enum { HEAD_FIELDS_MAX = HTTP_HEADERS_MAX + 32 };

/* What a request's start line and its Host field say. */
struct head_request {
    struct span method, scheme, authority, path;
};

struct head_out {
    struct iobuf *buf;
    char *at, *end;
    enum head_form form;
};

static inline struct head_out head_out_begin(struct iobuf *buf, enum head_form form)
{
    return (struct head_out){ buf, buf->data + buf->end, buf->data + buf->cap, form };
}

/* Room for `len` bytes, which are the caller's to write: one look at it for all that a line is made of. */
static inline char *head_reserve(struct head_out *out, size_t len)
{
    char *at = out->at;

    invariant(len <= (size_t)(out->end - at));
    out->at += len;
    return at;
}

/* Returns the place behind it. */
static inline char *head_text_copy(char *at, struct span text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static inline void head_put(struct head_out *out, struct span text)
{
    head_text_copy(head_reserve(out, text.len), text);
}

/* "name: value\r\n" */
static inline void head_put_field(struct head_out *out, struct span name, struct span value)
{
    char *at = head_reserve(out, name.len + value.len + 4);

    at = head_text_copy(at, name);
    at = head_text_copy(at, SPAN(": "));
    at = head_text_copy(at, value);
    head_text_copy(at, SPAN("\r\n"));
}

static inline void head_put_header(struct head_out *out, const struct http_header *header)
{
    head_put_field(out, http_header_name(header), http_header_value(header));
}

void head_put_field_u64(struct head_out *out, struct span name, uint64_t value);

/* The start line of a request, with Host, and of a response: nothing where fields alone are taken. */
static inline void head_put_request(struct head_out *out, const struct head_request *request)
{
    if (out->form != HEAD_WHOLE)
        return;
    const struct span version = SPAN(" HTTP/1.1\r\nHost: ");
    char *at = head_reserve(out, request->method.len + 1 + request->path.len + version.len +
                                     request->authority.len + 2);

    at = head_text_copy(at, request->method);
    at = head_text_copy(at, SPAN(" "));
    at = head_text_copy(at, request->path);
    at = head_text_copy(at, version);
    at = head_text_copy(at, request->authority);
    head_text_copy(at, SPAN("\r\n"));
}

/* A status has three digits. */
static inline char *status_put(char *at, uint16_t status)
{
    at[0] = (char)('0' + status / 100);
    at[1] = (char)('0' + status / 10 % 10);
    at[2] = (char)('0' + status % 10);
    return at + 3;
}

static inline void head_put_status(struct head_out *out, uint16_t status, struct span reason)
{
    if (out->form != HEAD_WHOLE)
        return;
    const struct span version = SPAN("HTTP/1.1 ");
    char *at = head_reserve(out, version.len + 4 + reason.len + 2);

    at = head_text_copy(at, version);
    at = status_put(at, status);
    at = head_text_copy(at, SPAN(" "));
    at = head_text_copy(at, reason);
    head_text_copy(at, SPAN("\r\n"));
}

/* What was written counts now; returns its length. */
static inline size_t head_out_end(struct head_out *out)
{
    if (out->form == HEAD_WHOLE)
        head_put(out, SPAN("\r\n"));
    size_t len = (size_t)(out->at - (out->buf->data + out->buf->end));
    out->buf->end += (uint32_t)len;
    return len;
}

/* Cuts lines of fields, as they were written here, into a list that borrows from them; nobody there asks which
 * names they are (`id`). Returns how many there are. */
size_t head_fields_cut(struct span lines, struct http_header *fields, size_t max);

#endif
