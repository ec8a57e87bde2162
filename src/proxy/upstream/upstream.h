/* proxy/upstream/upstream.h
 *
 * Purpose    The backend's side of one try: something that takes a request and gives an answer, be it a
 *            whole connection or one stream of many.
 * Ownership  An exchange (or tunnel) owns the one that it took, until upstream_release().
 * Lifetime   Begun by whoever knows the endpoint's protocol (h1_upstream.h) … upstream_release(). */
#ifndef YETT_PROXY_UPSTREAM_UPSTREAM_H
#define YETT_PROXY_UPSTREAM_UPSTREAM_H

#include "proxy/body/body_sink.h"
#include "proxy/body/body_source.h"
#include "proxy/head_out.h"
#include "proxy/stream/stream.h"

struct endpoint;
struct upstream;

enum upstream_result {
    UPSTREAM_OK = 0,
    UPSTREAM_WAIT,    /* nothing now: on_ready() tells */
    UPSTREAM_MORE,    /* something came, but no whole head: ask again */
    UPSTREAM_BAD,     /* what came is no answer */
    UPSTREAM_FAILED,  /* ended or reset before a whole head */
    UPSTREAM_REFUSED, /* said that nothing of the request was processed */
};

struct upstream_ops {
    /* Goes on with connecting. UPSTREAM_OK: takes a request; UPSTREAM_WAIT; or -errno. */
    int (*connect)(struct upstream *upstream);
    /* Where the request's head is written, behind what stands there: has room for `bytes`. */
    struct iobuf *(*head_room)(struct upstream *upstream, size_t bytes);
    /* It stands there; it goes out with what the sink takes. `body` frames what follows; with
     * HTTP_BODY_NONE the request is complete. */
    void (*head_end)(struct upstream *upstream, const struct head_request *request,
                     enum http_body_kind body);
    /* The next head of the answer to a request of method `to`: interim or final. *ret_bytes: its length,
     * as text. Borrows until take_head(). */
    int (*read_head)(struct upstream *upstream, enum http_method to, struct http_header *headers,
                     struct http_head *ret_head, size_t *ret_bytes);
    /* The head that was read is done with; behind a final one the source has its body. */
    void (*take_head)(struct upstream *upstream, const struct http_head *head);
    /* The answer was 101: source and sink carry bytes as they are from now on. */
    void (*tunnel_begin)(struct upstream *upstream);
    /* `reusable`: request and answer went through whole, and the answer said nothing against another. */
    void (*release)(struct upstream *upstream, bool reusable);
};

struct upstream {
    const struct upstream_ops *ops;
    enum head_form head_form; /* what it takes */
    struct endpoint *endpoint;
    struct stream *stream; /* of the connection beneath */
    struct body_source *source;
    struct body_sink *sink;
    bool was_reused;     /* its connection has served an exchange before this one */
    bool answer_started; /* bytes of an answer came, or that there is none */
    void *owner;
    void (*on_ready)(void *owner);
};

static inline void upstream_own(struct upstream *upstream, void *owner,
                                void (*on_ready)(void *owner))
{
    upstream->owner = owner;
    upstream->on_ready = on_ready;
}

static inline void upstream_release(struct upstream *upstream, bool reusable)
{
    upstream->ops->release(upstream, reusable);
}

#endif
