/* net/proxy_header.h
 *
 * Purpose    The PROXY protocol's header, versions 1 and 2, without I/O: what a balancer says before a
 *            connection's first byte about whose connection it is.
 * Lifetime   Plain values.
 * Limits     PROXY_HEADER_BYTES_MAX of a header, its TLVs included; a longer one is bad.
 * See        https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt */
#ifndef YETT_NET_PROXY_HEADER_H
#define YETT_NET_PROXY_HEADER_H

#include <stdint.h>

#include "base/ip.h"

enum {
    PROXY_HEADER_V1_BYTES_MAX = 107, /* by the specification, its CRLF included */
    /* Version 2 may say 64 KB; addresses take 52 bytes, and what clouds add in TLVs a few hundred. */
    PROXY_HEADER_BYTES_MAX = 4096,
};

struct proxy_header {
    bool has_addresses; /* false (LOCAL, UNKNOWN, UNSPEC, UNIX): the connection's own ones hold */
    struct ip_addr source, destination;
    uint16_t source_port, destination_port;
};

enum proxy_header_result {
    PROXY_HEADER_OK = 0,
    PROXY_HEADER_MORE, /* a header's beginning: come again with more bytes in front of the same end */
    PROXY_HEADER_BAD, /* no header, or a malformed one: the connection is to be closed */
};

/* The header at the start of `bytes`; on OK it takes *ret_len of them. */
YETT_MUST_USE int proxy_header_parse(struct span bytes, struct proxy_header *ret_header,
                                     size_t *ret_len);

/* Writes a header of that version (1 or 2) at `at` (PROXY_HEADER_V1_BYTES_MAX of room, which is more
 * than version 2 takes); returns its length. Where one address is IPv4 and the other IPv6, both are
 * written as IPv6. Without addresses it is UNKNOWN, or LOCAL. */
size_t proxy_header_encode(const struct proxy_header *header, unsigned version, char *at);

#endif
