#include "proxy/body/duplex.h"

void duplex_init(struct duplex *duplex, struct body_source *client_source,
                 struct body_sink *upstream_sink, struct body_source *upstream_source,
                 struct body_sink *client_sink)
{
    *duplex = (struct duplex){ 0 };
    pump_init(&duplex->to_upstream, client_source, upstream_sink);
    pump_init(&duplex->to_client, upstream_source, client_sink);
}

/* One direction. */
static int direction_run(struct pump *pump, bool *over)
{
    if (*over)
        return DUPLEX_GOES_ON;
    switch ((enum pump_result)pump_run(pump)) {
    case PUMP_DONE:
        *over = true;
        return DUPLEX_GOES_ON;
    case PUMP_AGAIN:
        return DUPLEX_AGAIN;
    case PUMP_WAIT_SOURCE:
    case PUMP_WAIT_SINK:
        return DUPLEX_GOES_ON;
    case PUMP_SOURCE_BAD:
    case PUMP_SOURCE_ENDED:
    case PUMP_SOURCE_FAILED:
    case PUMP_SINK_FAILED:
    case PUMP_TOO_LARGE:
        break;
    }
    return DUPLEX_OVER;
}

int duplex_run(struct duplex *duplex)
{
    int there = direction_run(&duplex->to_upstream, &duplex->to_upstream_over);

    if (there == DUPLEX_OVER)
        return DUPLEX_OVER;
    int back = direction_run(&duplex->to_client, &duplex->to_client_over);
    if (back == DUPLEX_OVER || (duplex->to_upstream_over && duplex->to_client_over))
        return DUPLEX_OVER;
    return there == DUPLEX_AGAIN || back == DUPLEX_AGAIN ? DUPLEX_AGAIN : DUPLEX_GOES_ON;
}
