/* proxy/client/connection.h
 *
 * Purpose    An accepted connection: what is known of it, and who has the say on it: one speaker after
 *            another (a PROXY header, a TLS handshake, then HTTP), each of which knows its successor.
 * Ownership  Owns its stream and its speaker; is owned by the worker's list.
 * Lifetime   connection_accept() … connection_close().
 * See        docs/internals/exchange.md */
#ifndef YETT_PROXY_CLIENT_CONNECTION_H
#define YETT_PROXY_CLIENT_CONNECTION_H

#include "net/socket.h"
#include "proc/inherit.h"
#include "proxy/stream/stream.h"

struct client_identity;
struct connection;
struct worker;

struct speaker_ops {
    /* The stream may go on. May close the connection. */
    void (*advance)(struct connection *connection);
    /* The connection's timer fired. May close the connection. */
    void (*on_timeout)(struct connection *connection);
    /* The worker drains: closes the connection where nothing is under way on it; where something is, tells the
     * client to begin no more, if there are words for that. Called every PROXY_DRAIN_IDLE_MS. */
    void (*close_idle)(struct connection *connection);
    /* The connection closes: ends what is under way and frees the speaker. Does not close it. */
    void (*end)(struct connection *connection);
};

/* What a connection does, by nginx's words for its gauges. */
enum connection_activity { CONNECTION_READING, CONNECTION_WRITING, CONNECTION_WAITING };

struct connection {
    struct stream stream;
    struct worker *worker;
    struct list link; /* in worker->clients */
    struct loop_timer timer;
    const struct speaker_ops *ops;
    void *speaker;                    /* its memory */
    struct client_identity *identity; /* the last that its client was judged by; NULL: none yet */
    struct ip_addr ip; /* the client's, as a trusted PROXY header says or else the peer's */
    struct ip_addr peer_ip;
    struct ip_addr local_ip; /* where the client went: set with is_proxied */
    uint16_t port;
    uint16_t local_port;
    uint16_t listener_port;
    bool is_proxied;       /* by a PROXY header with addresses */
    uint8_t listener_kind; /* enum proc_listener_kind */
    uint8_t activity;      /* enum connection_activity */
    uint32_t requests;     /* begun on it */
};

/* Takes over an accepted connection, whose `fd` is the connection's from now on. May close it at once. */
void connection_accept(struct worker *worker, int fd, const struct net_peer *peer,
                       const struct proc_listener *listener);
/* The first speaker of the listener's protocol gets the say, once it is known whose connection it is. May close
 * the connection. */
void connection_begin(struct connection *connection);
/* Ends what is under way on it. Its memory stays until the loop's turn is over, with a descriptor of -1. */
void connection_close(struct connection *connection);

/* The next speaker has the say from now on. The former one is not told: it frees its memory itself, before. The
 * connection's timer goes on as it is. */
void connection_hand_over(struct connection *connection, const struct speaker_ops *ops,
                          void *speaker);
void connection_set_activity(struct connection *connection, enum connection_activity activity);

static inline bool connection_is_tls(const struct connection *connection)
{
    return connection->listener_kind == PROC_LISTEN_HTTPS;
}

/* The client's address where a PROXY header said it, else NULL. Borrows from the connection. */
static inline const struct ip_addr *connection_proxied_ip(const struct connection *connection)
{
    return connection->is_proxied ? &connection->ip : NULL;
}

/* How long a client may take for its (first) head. */
uint64_t connection_header_timeout_ms(const struct connection *connection);
/* And for the next one. */
uint64_t connection_keep_alive_ms(const struct connection *connection);

/* After our end was sent: drops what the client still sends, so that a reset does not destroy what was said last.
 * `*bytes` counts it from call to call. False: it is enough (PROXY_LINGER_BYTES_MAX), or over. */
YETT_MUST_USE bool connection_linger(struct connection *connection, uint32_t *bytes);

#endif
