/* proxy/body/duplex.h
 *
 * Purpose    Bytes both ways between two sides, each direction with its own end (half-close).
 * Ownership  Borrows sources and sinks.
 * Lifetime   duplex_init(), then duplex_run() whenever any of them may go on, until it is over. */
#ifndef YETT_PROXY_BODY_DUPLEX_H
#define YETT_PROXY_BODY_DUPLEX_H

#include "proxy/body/pump.h"

struct duplex {
    struct pump to_upstream, to_client;
    bool to_upstream_over, to_client_over;
};

enum duplex_result {
    DUPLEX_GOES_ON = 0, /* waits for either side */
    DUPLEX_AGAIN,       /* there is more to do: let others have their turn first */
    DUPLEX_OVER,        /* both directions ended, or one broke */
};

void duplex_init(struct duplex *duplex, struct body_source *client_source,
                 struct body_sink *upstream_sink, struct body_source *upstream_source,
                 struct body_sink *client_sink);

YETT_MUST_USE int duplex_run(struct duplex *duplex);

/* Bytes moved so far, both ways: for whoever watches whether anything moves. */
static inline uint64_t duplex_bytes(const struct duplex *duplex)
{
    return duplex->to_upstream.bytes + duplex->to_client.bytes;
}

#endif
