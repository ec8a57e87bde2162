/* proxy/l4/udp_session.h
 *
 * Purpose    UDP Services: a session for each client (address, port, and what it asked), with a socket of
 *            its own to the endpoint, so that answers find back and ICMP's errors are heard.
 * Ownership  The worker owns the table and its sessions; a session borrows its port.
 * Lifetime   From a client's first datagram until the answers that proxy-stream-responses expects have come,
 *            nothing came for proxy-stream-timeout, the endpoint refuses or has left its Service, or others
 *            need the place.
 * Roles      proxy.
 * Limits     PROXY_UDP_SESSIONS_MAX of a worker, or a quarter of its descriptors if that is less. Past it the one that rested longest goes, and those first
 *            whose client was never heard to have got an answer: a forged address never was.
 * See        docs/tcp-udp.md */
#ifndef YETT_PROXY_L4_UDP_SESSION_H
#define YETT_PROXY_L4_UDP_SESSION_H

#include "base/map.h"
#include "proxy/l4/udp_port.h"
#include "proxy/log/access_format.h"

struct endpoint;

struct udp_session {
    uint64_t id; /* hash of path and port, with the table's seed */
    struct udp_path path;
    struct udp_port *port;
    struct list in_rank, in_port;
    struct loop_watch watch; /* of the socket to the endpoint */
    struct loop_timer timer;
    struct endpoint *endpoint;
    uint64_t checked_generation; /* of the image that still named the endpoint */
    uint32_t requests, responses;
    bool is_proven; /* the client went on after it was answered */
    uint16_t status;
    uint64_t start_us, received_bytes, sent_bytes; /* from and to the client */
    struct access_try tried;
    struct span upstream_name; /* for the log; owned */
};

struct udp_sessions {
    struct worker *worker;
    struct idmap by_id;
    uint64_t seed;
    struct list unproven, proven; /* longest resting first */
    uint32_t len, max;
    struct udp_batch *received, *answers; /* NULL until there is a port */
    struct udp_port *answering;           /* whose answers gather; NULL: none do */
    struct loop_task flush;
};

void udp_sessions_init(struct udp_sessions *sessions, struct worker *worker);
void udp_sessions_deinit(struct udp_sessions *sessions);
/* Before the first port. */
void udp_sessions_prepare(struct udp_sessions *sessions);
/* A worker that drains: UDP has no end to wait for. */
void udp_sessions_end_all(struct udp_sessions *sessions);
/* Sends the answers that gathered. */
void udp_sessions_flush(struct udp_sessions *sessions);

/* Passes a client's datagram on. What cannot be passed on is dropped, and counted. */
void udp_session_take(struct udp_port *port, const struct udp_path *path, struct span datagram);
/* Counts, logs, frees; the port too, if it was closed and this was its last one. */
void udp_session_end(struct udp_session *session);

#endif
