/* proxy/client.h
 *
 * Purpose    One client's connection: TLS, heads in sequence (keep-alive, pipelining), an exchange for
 *            each, and an orderly end. client_advance() is its engine: every event ends there.
 * Ownership  Owns its stream and its exchange; is owned by the worker's list.
 * Lifetime   client_accept() … client_close().
 * See        docs/internals/exchange.md */
#ifndef YETT_PROXY_CLIENT_H
#define YETT_PROXY_CLIENT_H

#include "net/socket.h"
#include "proc/inherit.h"
#include "proxy/exchange.h"
#include "proxy/stream.h"

enum client_state {
    CLIENT_HANDSHAKE, /* TLS */
    CLIENT_IDLE,      /* between exchanges: no byte of the next head is here */
    CLIENT_HEAD,      /* reads a head */
    CLIENT_EXCHANGE,
    CLIENT_TUNNEL,
    CLIENT_LINGER, /* its end is sent: drops what the peer still sends */
};

/* What client->timer waits for. */
enum client_wait {
    CLIENT_WAIT_NOTHING,
    CLIENT_WAIT_HANDSHAKE,
    CLIENT_WAIT_FIRST_HEAD,
    CLIENT_WAIT_NEXT_HEAD,
    CLIENT_WAIT_HEAD,
    CLIENT_WAIT_BODY,
    CLIENT_WAIT_SEND,
    CLIENT_WAIT_LINGER,
};

struct tunnel;

struct client {
    struct stream stream;
    struct worker *worker;
    struct list link; /* in worker->clients */
    struct loop_timer timer;
    struct loop_task again;    /* goes on after others had their turn */
    struct exchange *exchange; /* CLIENT_EXCHANGE; in CLIENT_HEAD the prepared one */
    struct ip_addr ip;
    uint16_t port;
    uint16_t listener_port;
    uint8_t listener_kind; /* enum proc_listener_kind */
    uint8_t state;         /* enum client_state */
    uint8_t wait;          /* enum client_wait */
    uint32_t requests;     /* begun on this connection */
    uint32_t lingered_bytes;
    struct tunnel *tunnel; /* CLIENT_TUNNEL */
    struct h1_parser parser;
};

/* Takes over an accepted connection. */
void client_accept(struct worker *worker, int fd, const struct net_peer *peer,
                   const struct proc_listener *listener);
void client_close(struct client *client);
void client_advance(struct client *client);

/* Arms the timer for `wait`; CLIENT_WAIT_NOTHING costs nothing. */
void client_wait_for(struct client *client, enum client_wait wait, uint64_t timeout_ms);

static inline bool client_is_tls(const struct client *client)
{
    return client->listener_kind == PROC_LISTEN_HTTPS;
}

#endif
