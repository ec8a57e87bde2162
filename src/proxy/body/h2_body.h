/* proxy/body/h2_body.h
 *
 * Purpose    A body on a stream of HTTP/2, in either role: what came and was not passed on yet, and what
 *            is to be said. Tunnels as well: there is no other framing to them.
 * Ownership  The source owns what it keeps; both borrow their stream and link, whose owner tells the source
 *            what events bring and runs the exchange then.
 * Limits     The stream's window, which opens as content is consumed; a buffer is held only while there is
 *            content. PROXY_H2_BUFFERS_BYTES_MAX for all of a worker's. */
#ifndef YETT_PROXY_BODY_H2_BODY_H
#define YETT_PROXY_BODY_H2_BODY_H

#include "proxy/body/body_sink.h"
#include "proxy/body/body_source.h"
#include "proxy/stream/h2_link.h"

struct h2_source {
    struct body_source base;
    struct h2_link *link;
    struct h2_stream *stream;
    struct iobuf_pool *pool;
    struct iobuf *in;             /* NULL: nothing */
    struct http_header *trailers; /* one block; NULL: none */
    uint32_t trailers_len;
    bool ended, failed;
};

void h2_source_init(struct h2_source *source, struct h2_link *link, struct h2_stream *stream);
void h2_source_deinit(struct h2_source *source);
/* What the session's events of the same names told. False: the worker holds so much that it refuses more;
 * the stream is to be reset. */
bool h2_source_on_data(struct h2_source *source, struct span piece);
void h2_source_on_end(struct h2_source *source, const struct http_header *trailers, uint32_t len);
void h2_source_on_reset(struct h2_source *source);

struct h2_sink {
    struct body_sink base;
    struct h2_link *link;
    struct h2_stream *stream;
    bool ended;
};

void h2_sink_init(struct h2_sink *sink, struct h2_link *link, struct h2_stream *stream);

#endif
