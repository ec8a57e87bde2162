/* test/unit/supervisor/own_address.h
 *
 * Purpose    An address of the loopback that belongs to this process alone (127.64.0.0/10, by its number): what
 *            it binds there, no other test has, nor does the kernel give it away to one. */
#ifndef YETT_TEST_SUPERVISOR_OWN_ADDRESS_H
#define YETT_TEST_SUPERVISOR_OWN_ADDRESS_H

#include <unistd.h>

#include "base/ip.h"

/* Below those that the kernel gives away by itself (ip_local_port_range). */
enum { OWN_PORTS_FROM = 10000, OWN_PORTS_UNTIL = 32000 };

static inline struct ip_addr own_ip(void)
{
    uint32_t pid = (uint32_t)getpid(); /* of 22 bits at most */

    return (struct ip_addr){ .bytes = { [10] = 0xFF,
                                        0xFF,
                                        127,
                                        (uint8_t)(64 | (pid >> 16 & 63)),
                                        (uint8_t)(pid >> 8),
                                        (uint8_t)pid } };
}

#endif
