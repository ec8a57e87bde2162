#include "proxy/head_out.h"

#include "base/num.h"

struct head_out head_out_begin(struct stream *stream, size_t bytes)
{
    struct iobuf *buf = stream_out(stream);

    if (iobuf_room(buf) < bytes)
        buf = stream->out = iobuf_enlarge(stream->pool, buf);
    return (struct head_out){ buf, buf->data + buf->end, buf->data + buf->cap };
}

size_t head_out_end(struct head_out *out)
{
    size_t len = (size_t)(out->at - (out->buf->data + out->buf->end));

    out->buf->end += (uint32_t)len;
    return len;
}

void head_put_u64(struct head_out *out, uint64_t value)
{
    char digits[20];

    head_put(out, span_of(digits, num_format_u64(digits, value)));
}
