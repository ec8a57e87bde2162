#include "proxy/exchange/stages/stage.h"

#include "route/model.h"

static int filter_run(struct exchange *exchange, const struct image_filter *filter)
{
    switch ((enum route_filter_kind)filter->kind) {
    case ROUTE_FILTER_HTTPS_REDIRECT:
        return stage_https_redirect(exchange, filter);
    case ROUTE_FILTER_RESPOND:
        return stage_respond(exchange, filter);
    }
    unreachable();
}

int stages_run(struct exchange *exchange)
{
    const struct image_rule *rule = exchange->rule;

    for (uint32_t i = 0; i < rule->filters_len; i++) {
        if (filter_run(exchange, image_filter_get(exchange->view, rule->filters_first + i)) ==
            STAGE_ANSWERED)
            return STAGE_ANSWERED;
    }
    return STAGE_NEXT;
}
