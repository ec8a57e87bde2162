/* proxy/head_out.h
 *
 * Purpose    Writes a head into a stream's output buffer, with room reserved beforehand. */
#ifndef YETT_PROXY_HEAD_OUT_H
#define YETT_PROXY_HEAD_OUT_H

#include "base/bug.h"
#include "http/message.h"
#include "proxy/stream.h"

struct head_out {
    struct iobuf *buf;
    char *at, *end;
};

/* Room for `bytes` more in the stream's output; a large buffer takes over where needed. */
struct head_out head_out_begin(struct stream *stream, size_t bytes);
/* What was written counts now; returns its length. */
size_t head_out_end(struct head_out *out);

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

#endif
