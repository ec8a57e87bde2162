/* proxy/exchange/stages/stage.h
 *
 * Purpose    What happens to a request between routing and the first attempt: one file per filter kind.
 * Ownership  Works on the exchange.
 * See        docs/internals/exchange.md, "Stages" */
#ifndef YETT_PROXY_EXCHANGE_STAGES_STAGE_H
#define YETT_PROXY_EXCHANGE_STAGES_STAGE_H

#include "image/format.h"
#include "proxy/exchange/exchange.h"

enum stage_result {
    STAGE_NEXT = 0,
    STAGE_ANSWERED, /* the answer was given: nothing more is to be done */
};

/* Runs the rule's filters in order. */
YETT_MUST_USE int stages_run(struct exchange *exchange);

YETT_MUST_USE int stage_https_redirect(struct exchange *exchange,
                                       const struct image_filter *filter);
YETT_MUST_USE int stage_respond(struct exchange *exchange, const struct image_filter *filter);

#endif
