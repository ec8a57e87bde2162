/* proxy/body/body_sink.h
 *
 * Purpose    Where the content of a message goes, whatever carries it. A sink may stand before another one
 *            and change what passes through.
 * Ownership  The sink belongs to its side (downstream.h, upstream.h); it keeps no span that it was given.
 * Errors     A sink_result each. */
#ifndef YETT_PROXY_BODY_BODY_SINK_H
#define YETT_PROXY_BODY_BODY_SINK_H

#include "base/compiler.h"
#include "http/message.h"
#include "proxy/stream/stream.h"

enum sink_result {
    SINK_OK = 0,
    SINK_WAIT,   /* no room now: its owner runs the exchange when there is */
    SINK_FAILED, /* takes no more, ever */
};

/* Of a sink that sends over a stream. */
static inline int sink_result_of(int stream_result)
{
    switch ((enum stream_result)stream_result) {
    case STREAM_OK:
        return SINK_OK;
    case STREAM_WAIT:
        return SINK_WAIT;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    return SINK_FAILED;
}

struct body_sink;

struct body_sink_ops {
    /* Takes what it has room for: *ret_taken bytes, set for every result. SINK_OK with less than all of
     * the piece: call again with the rest. */
    int (*write)(struct body_sink *sink, struct span piece, size_t *ret_taken);
    /* Takes the end, once, with trailer fields where it has a place for them. SINK_WAIT: call again. */
    int (*end)(struct body_sink *sink, const struct http_header *trailers, size_t trailers_len);
    /* What was taken must wait no longer, for its source pauses or has ended. SINK_OK: all of it is on
     * its way. */
    int (*flush)(struct body_sink *sink);
    /* The stream that carries content in the clear and as it is, so that after a flush a source may move some there past
     * us. NULL, as the function is in most sinks: there is none. */
    struct stream *(*plain)(struct body_sink *sink);
};

struct body_sink {
    const struct body_sink_ops *ops;
};

#endif
