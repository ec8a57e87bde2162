/* proxy/l4/udp_port.h
 *
 * Purpose    A UDP Service's port: takes datagrams in batches, and sends the answers from the address that
 *            was asked.
 * Ownership  Owns its duplicate of the socket; the supervisor has another. Sessions borrow the port.
 * Lifetime   udp_port_new() … udp_port_close(), which waits for sessions; freed with its last one.
 * Roles      proxy.
 * Limits     PROXY_UDP_CLOSING_MS for the sessions of a port that is gone. */
#ifndef YETT_PROXY_L4_UDP_PORT_H
#define YETT_PROXY_L4_UDP_PORT_H

#include "net/loop.h"
#include "net/udp.h"

struct worker;

struct udp_port {
    struct loop_watch watch;
    struct worker *worker;
    struct loop_timer closing; /* armed once it is gone */
    struct list sessions;
    uint16_t number;
    bool is_v6;
    bool is_gone; /* takes no datagram any more */
    int fd;
};

/* Takes `fd`. It reads nothing before udp_port_serve(). */
struct udp_port *udp_port_new(struct worker *worker, int fd, uint16_t number);
/* Reads, or leaves what comes in the socket's queue. */
void udp_port_serve(struct udp_port *port, bool serves);
/* Takes no datagram from now on; sessions may still answer for a while. */
void udp_port_close(struct udp_port *port);
/* A session ended: a closed port may go with it. */
void udp_port_note_end(struct udp_port *port);

/* Room for an answer (UDP_BYTES_MAX), then its sending, before the loop sleeps. */
char *udp_port_room(struct udp_port *port);
void udp_port_answer(struct udp_port *port, const struct udp_path *path, size_t len);

#endif
