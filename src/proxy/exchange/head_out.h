/* proxy/exchange/head_out.h
 *
 * Purpose    Writes a head as text, with room reserved beforehand: whole for HTTP/1, or its fields alone,
 *            which HTTP/2 cuts into its list.
 * Ownership  The text goes behind the content of the buffer given.
 * Limits     The room asked for, and HEAD_FIELDS_MAX fields. More is a bug. */
#ifndef YETT_PROXY_EXCHANGE_HEAD_OUT_H
#define YETT_PROXY_EXCHANGE_HEAD_OUT_H

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

static inline void head_put(struct head_out *out, struct span text)
{
    invariant(text.len <= (size_t)(out->end - out->at));
    memcpy(out->at, text.ptr, text.len);
    out->at += text.len;
}

/* "name: value\r\n" */
static inline void head_put_field(struct head_out *out, struct span name, struct span value)
{
    head_put(out, name);
    head_put(out, SPAN(": "));
    head_put(out, value);
    head_put(out, SPAN("\r\n"));
}

static inline void head_put_header(struct head_out *out, const struct http_header *header)
{
    head_put_field(out, http_header_name(header), http_header_value(header));
}

void head_put_u64(struct head_out *out, uint64_t value);

/* The start line of a request, with Host, and of a response: nothing where fields alone are taken. */
static inline void head_put_request(struct head_out *out, const struct head_request *request)
{
    if (out->form != HEAD_WHOLE)
        return;
    head_put(out, request->method);
    head_put(out, SPAN(" "));
    head_put(out, request->path);
    head_put(out, SPAN(" HTTP/1.1\r\nHost: "));
    head_put(out, request->authority);
    head_put(out, SPAN("\r\n"));
}

static inline void head_put_status(struct head_out *out, uint16_t status, struct span reason)
{
    if (out->form != HEAD_WHOLE)
        return;
    head_put(out, SPAN("HTTP/1.1 "));
    head_put_u64(out, status);
    head_put(out, SPAN(" "));
    head_put(out, reason);
    head_put(out, SPAN("\r\n"));
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

/* Cuts lines of fields, as they were written here, into a list that borrows from them. Returns how many
 * there are. */
size_t head_fields_cut(struct span lines, struct http_header *fields, size_t max);

#endif
