/* proxy/client/downstream.h
 *
 * Purpose    The client's side of one exchange: what an exchange needs of whoever brought it, be it a
 *            connection that carries one request after another or one stream of many.
 * Ownership  The side owns its source, its sink, its tunnel, and the exchange. The exchange borrows it.
 * Lifetime   Longer than its exchange. */
#ifndef YETT_PROXY_CLIENT_DOWNSTREAM_H
#define YETT_PROXY_CLIENT_DOWNSTREAM_H

#include "proxy/body/body_sink.h"
#include "proxy/body/body_source.h"
#include "proxy/head_out.h"

struct connection;
struct downstream;
struct tunnel;

struct downstream_ops {
    /* Something came that the exchange, or the tunnel, waits for: time, the backend, its turn. The side
     * runs it and ends it where it is over: nobody touches it after calling. */
    void (*advance)(struct downstream *side);
    /* Nobody will take an answer any more. `waits`: the request is whole and nothing of an answer is on
     * its way, where a connection's end means that its client gave up. */
    bool (*is_gone)(const struct downstream *side, bool waits);
    /* False while interim answers wait unread: they do not pile up. */
    bool (*can_take_interim)(const struct downstream *side);
    /* Where the next head is written, behind what stands there: has room for `bytes`. */
    struct iobuf *(*head_room)(struct downstream *side, size_t bytes);
    /* It stands there; it goes out with what the sink takes. `body` frames what follows; with
     * HTTP_BODY_NONE a final answer is complete. */
    void (*head_end)(struct downstream *side, uint16_t status, enum http_body_kind body);
    /* The backend answered a request that asks for an upgrade, with 101 or in the end: whether that may be passed on.
     * If not, it counts as no answer at all. */
    bool (*takes_upgrade)(struct downstream *side, const struct http_head *answer);
    /* The answer was 101: source and sink carry bytes as they are from now on. */
    void (*tunnel_begin)(struct downstream *side);
};

struct downstream {
    const struct downstream_ops *ops;
    enum head_form head_form; /* what it takes */
    struct connection *connection;
    struct body_source
        *source;            /* of the request's body, where that did not come whole with its head */
    struct body_sink *sink; /* of the answer's body */
    struct tunnel *tunnel;  /* after an exchange that ended in one; NULL: none */
};

#endif
