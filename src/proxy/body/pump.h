/* proxy/body/pump.h
 *
 * Purpose    Moves one body from a source to a sink, with back-pressure: nothing is asked of the source
 *            while the sink has no room.
 * Ownership  Borrows both.
 * Lifetime   pump_init(), then pump_run() whenever either side may go on, until it is PUMP_DONE. */
#ifndef YETT_PROXY_BODY_PUMP_H
#define YETT_PROXY_BODY_PUMP_H

#include "proxy/body/body_sink.h"
#include "proxy/body/body_source.h"

struct pump {
    struct body_source *source; /* NULL: no content */
    struct body_sink *sink;
    bool ended;         /* the sink took the end of the body */
    uint64_t bytes;     /* content moved */
    uint64_t bytes_max; /* content allowed; 0: any */
    bool (*trailer_passes)(const struct http_header *trailer); /* NULL: all do */
};

enum pump_result {
    PUMP_DONE = 0,     /* all of the body is sent */
    PUMP_WAIT_SOURCE,  /* needs more from the source; what came is sent */
    PUMP_WAIT_SINK,    /* the sink does not take more now */
    PUMP_AGAIN,        /* there is more to do: let others have their turn first */
    PUMP_SOURCE_BAD,   /* malformed framing */
    PUMP_SOURCE_ENDED, /* before the body was complete */
    PUMP_SOURCE_FAILED,
    PUMP_SINK_FAILED,
    PUMP_TOO_LARGE, /* more than bytes_max */
};

/* `source` NULL: the message has no content, and its head said so; it has only to be sent. */
void pump_init(struct pump *pump, struct body_source *source, struct body_sink *sink);
YETT_MUST_USE int pump_run(struct pump *pump);

#endif
