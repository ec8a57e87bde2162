/* proxy/pump.h
 *
 * Purpose    Moves one body from a stream to another, re-framed, with back-pressure: nothing is read
 *            while the sink has no room, so a pump holds two buffers at the most.
 * Ownership  Borrows both streams.
 * Lifetime   pump_init(), then pump_run() whenever either stream may go on, until it is PUMP_DONE. */
#ifndef YETT_PROXY_PUMP_H
#define YETT_PROXY_PUMP_H

#include "proxy/body.h"
#include "proxy/stream.h"

struct pump {
    struct stream *from, *to;
    struct body_reader reader;
    enum http_body_kind framing; /* towards the sink */
    bool ended;                  /* the end of the body stands in to->out */
    uint64_t bytes;              /* content moved */
    uint64_t bytes_max;          /* content allowed; 0: any */
};

enum pump_result {
    PUMP_DONE = 0,     /* all of the body is sent */
    PUMP_WAIT_SOURCE,  /* needs bytes from the source; what came is sent */
    PUMP_WAIT_SINK,    /* the sink does not take more now */
    PUMP_AGAIN,        /* there is more to do: let others have their turn first */
    PUMP_SOURCE_BAD,   /* malformed framing */
    PUMP_SOURCE_ENDED, /* before the body was complete */
    PUMP_SOURCE_FAILED,
    PUMP_SINK_FAILED,
    PUMP_TOO_LARGE, /* more than bytes_max */
};

void pump_init(struct pump *pump, struct stream *from, struct stream *to, enum http_body_kind in,
               uint64_t length, enum http_body_kind out);
YETT_MUST_USE int pump_run(struct pump *pump);

#endif
