/* test/unit/supervisor/own_address.h
 *
 * Purpose    An address of the loopback that belongs to this process alone (127.64.0.0/10, by its number): what
 *            it binds there, no other test has, nor does the kernel give it away to one. */
#ifndef YETT_TEST_SUPERVISOR_OWN_ADDRESS_H
#define YETT_TEST_SUPERVISOR_OWN_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/ip.h"

/* Below those that the kernel gives away by itself (ip_local_port_range). */
enum { OWN_PORTS_FROM = 10000, OWN_PORTS_UNTIL = 32000 };

static inline uint32_t own_ipv4(void)
{
    return 127u << 24 | 1u << 22 | ((uint32_t)getpid() & ((1u << 22) - 1));
}

static inline struct ip_addr own_ip(void)
{
    uint32_t ip = own_ipv4();

    return (struct ip_addr){ .bytes = { [10] = 0xFF,
                                        0xFF,
                                        (uint8_t)(ip >> 24),
                                        (uint8_t)(ip >> 16),
                                        (uint8_t)(ip >> 8),
                                        (uint8_t)ip } };
}

static inline struct sockaddr_in own_sockaddr(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(own_ipv4()) };
}

#endif
