/* proxy/client/h2_side.h
 *
 * Purpose    One stream of a client's HTTP/2 connection: the client's side of one exchange, or of the tunnel
 *            that it becomes (RFC 8441).
 * Ownership  Owned by its connection's h2_client; owns its stream, its exchange until that ends, and what
 *            came of the request's body.
 * Lifetime   h2_side_new() when the request's head came, then h2_side_run() at each event, until that says
 *            it is over; h2_side_free().
 * See        docs/internals/exchange.md, docs/internals/http2.md */
#ifndef YETT_PROXY_CLIENT_H2_SIDE_H
#define YETT_PROXY_CLIENT_H2_SIDE_H

#include "proxy/body/h2_body.h"
#include "proxy/client/downstream.h"
#include "proxy/exchange/exchange.h"
#include "tls/websocket.h"

struct h2_side {
    struct downstream side;
    struct list link;  /* in its h2_client's sides */
    struct list ready; /* among those that h2_client runs next, or linked to itself */
    struct h2_link *h2;
    struct h2_stream *stream;
    struct exchange *exchange; /* NULL: over, it is a tunnel now */
    struct h2_source source;
    struct h2_sink sink;
    struct iobuf *request; /* the head's texts, until the exchange begins; NULL: it has */
    size_t request_bytes;  /* as HTTP/1.1 would have them, about */
    struct iobuf *body;    /* of the request, where that came whole; until the exchange ends */
    struct iobuf *head;    /* an answer's, while it is written */
    uint16_t refusal;      /* to be refused with this status; 0: begun in earnest */
    struct loop_timer linger_timer;
    size_t lingered_bytes;
    bool is_begun;
    bool is_lingering; /* it is answered: what still comes is dropped, for a while */
    bool is_websocket; /* by extended CONNECT */
    bool was_reset;
    char websocket_key[TLS_WEBSOCKET_KEY_BYTES];
};

/* The request of an event. Nothing is done with it before h2_side_run(): a client that takes it back in
 * the same breath costs no more than this. */
struct h2_side *h2_side_new(struct connection *connection, struct h2_link *link,
                            struct h2_stream *stream, const struct http_head *head,
                            const struct downstream_ops *ops);
/* Likewise one whose head is to be refused. */
struct h2_side *h2_side_new_refused(struct connection *connection, struct h2_link *link,
                                    struct h2_stream *stream, uint16_t status,
                                    const struct downstream_ops *ops);
/* Ends what is under way. Freed when the loop's turn is over. */
void h2_side_free(struct h2_side *side);

enum h2_side_result { H2_SIDE_GOES_ON = 0, H2_SIDE_OVER };

/* Begins, or goes on. */
YETT_MUST_USE int h2_side_run(struct h2_side *side);

/* The operations that are the stream's own; h2_client adds `advance`. */
bool h2_side_is_gone(const struct downstream *side, bool waits);
bool h2_side_can_take_interim(const struct downstream *side);
struct iobuf *h2_side_head_room(struct downstream *side, size_t bytes);
void h2_side_head_end(struct downstream *side, uint16_t status, enum http_body_kind body);
bool h2_side_takes_upgrade(struct downstream *side, const struct http_head *answer);
void h2_side_tunnel_begin(struct downstream *side);

#endif
