#include "proxy/exchange/stages/stage.h"

/* A rule that is not served, such as that of an Ingress whose guard cannot be honoured. */
int stage_respond(struct exchange *exchange, const struct image_filter *filter)
{
    exchange_respond(exchange, filter->status, SPAN_EMPTY);
    return STAGE_ANSWERED;
}
