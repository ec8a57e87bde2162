/* base/ip.h
 *
 * Purpose    IP addresses and address blocks, v4 held in its v4-mapped v6 form (RFC 4291, 2.5.5.2).
 * Lifetime   Plain values; bytewise equal when equal. */
#ifndef YETT_BASE_IP_H
#define YETT_BASE_IP_H

#include <stdint.h>

#include "base/span.h"

struct ip_addr {
    uint8_t bytes[16];
};

struct ip_block {
    struct ip_addr addr;
    uint8_t prefix_bits; /* of 128: a v4 /8 is 104 */
};

enum { IP_TEXT_MAX = 46 }; /* longest text with its NUL */

/* Dotted quad or RFC 4291 text, no zone, no brackets. */
YETT_MUST_USE bool ip_parse(struct span text, struct ip_addr *ret_addr);
/* "addr/bits", or a bare address as a block of one. Host bits are allowed and ignored. */
YETT_MUST_USE bool ip_block_parse(struct span text, struct ip_block *ret_block);

/* Of four bytes in network order, which need no alignment. */
struct ip_addr ip_from_v4(const void *bytes);
bool ip_is_v4(const struct ip_addr *addr);
bool ip_is_loopback(const struct ip_addr *addr);
/* 0.0.0.0 or "::": none, and to connect() this host. */
bool ip_is_unspecified(const struct ip_addr *addr);
bool ip_eq(const struct ip_addr *a, const struct ip_addr *b);
/* A v4 block never holds a v6 address, nor the reverse. */
bool ip_block_has(const struct ip_block *block, const struct ip_addr *addr);

/* Text of the address at `at` (IP_TEXT_MAX of room) and a NUL; returns its length. */
size_t ip_format(const struct ip_addr *addr, char *at);

#endif
