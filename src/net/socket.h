/* net/socket.h
 *
 * Purpose    TCP and UNIX sockets, non-blocking and close-on-exec from birth.
 * Ownership  Functions that return a descriptor give it to the caller.
 * Errors     -errno. */
#ifndef YETT_NET_SOCKET_H
#define YETT_NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/ip.h"

struct net_peer {
    struct ip_addr ip;
    uint16_t port;
};

/* Accepts one connection; sets TCP_NODELAY. -EAGAIN: none waits. */
YETT_MUST_USE int socket_accept(int listener, struct net_peer *ret_peer);

/* Begins to connect; writability tells the end, socket_error() the outcome. */
YETT_MUST_USE int socket_connect_tcp(const struct ip_addr *ip, uint16_t port);
/* To an abstract UNIX address (without its leading NUL). */
YETT_MUST_USE int socket_connect_unix_abstract(struct span name);

/* A listening TCP socket; `::` listens to IPv4 as well. Port 0 lets the kernel choose. */
YETT_MUST_USE int socket_listen_tcp(const struct ip_addr *ip, uint16_t port, int backlog);
/* The address and port that a connection was made to. */
YETT_MUST_USE int socket_local_address(int fd, struct net_peer *ret_local);
/* The port that a socket is bound to. */
YETT_MUST_USE int socket_local_port(int fd, uint16_t *ret_port);

/* The pending error as -errno; 0: none. */
int socket_error(int fd);

/* True where what was sent over TCP has gone unacknowledged for `ms`, though it was sent again: the other
 * host is gone, or the way to it. One that is only slow acknowledges, and so does one that has no room. */
bool socket_peer_is_silent(int fd, uint32_t ms);

/* While nothing is said for `idle_s`, asks the other host every `interval_s` whether it is there; after
 * `probes` in vain the connection fails. */
void socket_keep_watch(int fd, int idle_s, int interval_s, int probes);

/* Sends FIN, goes on receiving. */
void socket_end_output(int fd);

#endif
