/* net/udp.h
 *
 * Purpose    UDP sockets: connected ones to a peer, and datagrams of a bound one, many in one system call,
 *            each with the address that it was sent to, so that an answer can leave from there.
 * Ownership  A batch owns its buffers; what it returns borrows until its next use.
 * Limits     UDP_BATCH datagrams at a time, of any size that UDP has.
 * Errors     -errno.
 * See        recvmmsg(2), ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO */
#ifndef YETT_NET_UDP_H
#define YETT_NET_UDP_H

#include "base/ip.h"

enum {
    UDP_BATCH = 16, /* a megabyte of buffers; more saves hardly any further system calls */
    UDP_BYTES_MAX = 65535,
};

/* Whose a datagram is, seen from the bound socket. */
struct udp_path {
    struct ip_addr remote, local;
    uint16_t remote_port;
    uint32_t interface; /* of a link-local remote address; else 0 */
};

struct udp_batch;

struct udp_batch *udp_batch_new(void);
struct udp_batch *udp_batch_free(struct udp_batch *batch);

/* Takes what waits at `fd`, which has IP(V6)_PKTINFO set. Returns the number of datagrams, or -errno;
 * -EAGAIN: none waits. */
YETT_MUST_USE int udp_batch_receive(struct udp_batch *batch, int fd);
struct span udp_batch_bytes(const struct udp_batch *batch, uint32_t index);
const struct udp_path *udp_batch_path(const struct udp_batch *batch, uint32_t index);

/* Gathers datagrams to be sent: room (UDP_BYTES_MAX) for the next one, which udp_batch_add() then adds. The
 * batch is not full. */
char *udp_batch_room(struct udp_batch *batch);
void udp_batch_add(struct udp_batch *batch, const struct udp_path *path, size_t len);
uint32_t udp_batch_len(const struct udp_batch *batch);
/* Sends them from `fd`, whose family is IPv6 or IPv4, and empties the batch. Returns how many the kernel did
 * not take: UDP does not wait. */
uint32_t udp_batch_send(struct udp_batch *batch, int fd, bool is_v6);

/* A socket that talks with one peer only, and hears of ICMP's errors. */
YETT_MUST_USE int udp_connect(const struct ip_addr *ip, uint16_t port);
/* Whether a bound socket is of IPv6. */
bool udp_is_v6(int fd);

#endif
