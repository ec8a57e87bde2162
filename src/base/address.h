/* base/address.h
 *
 * Purpose    Socket addresses of an IP address and a port, for whoever opens sockets. */
#ifndef YETT_BASE_ADDRESS_H
#define YETT_BASE_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/ip.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* Returns its length. */
static inline socklen_t address_fill(union address *address, const struct ip_addr *ip,
                                     uint16_t port)
{
    memset(address, 0, sizeof(*address));
    if (ip_is_v4(ip)) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        memcpy(&address->v4.sin_addr, ip->bytes + 12, 4);
        return sizeof(address->v4);
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    memcpy(&address->v6.sin6_addr, ip->bytes, 16);
    return sizeof(address->v6);
}

static inline struct ip_addr address_ip_of_v6(const struct in6_addr *v6)
{
    struct ip_addr ip;

    memcpy(ip.bytes, v6, sizeof(ip.bytes));
    return ip;
}

/* Of a family that is not IP: 0.0.0.0, port 0. */
static inline void address_read(const union address *address, struct ip_addr *ret_ip,
                                uint16_t *ret_port)
{
    static const struct in_addr none = { 0 };

    *ret_ip = ip_from_v4(&none);
    *ret_port = 0;
    if (address->any.sa_family == AF_INET) {
        *ret_ip = ip_from_v4(&address->v4.sin_addr);
        *ret_port = ntohs(address->v4.sin_port);
    } else if (address->any.sa_family == AF_INET6) {
        *ret_ip = address_ip_of_v6(&address->v6.sin6_addr);
        *ret_port = ntohs(address->v6.sin6_port);
    }
}

#endif
