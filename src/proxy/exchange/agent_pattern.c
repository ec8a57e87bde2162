#include "proxy/exchange/agent_pattern.h"

#include "base/scope.h"

/* Letters match in either case, as in nginx's gzip_disable. Whoever made the image tried the expression: one
 * that is bad all the same matches nobody. */
static void agents_compile(struct agent_pattern *agents, struct span expression)
{
    SCOPED(buf_deinit) struct buf nocase = { 0 };

    agent_pattern_deinit(agents);
    buf_append(&agents->text, expression);
    buf_append(&nocase, SPAN("(?i)"));
    buf_append(&nocase, expression);
    (void)!pattern_new(buf_span(&nocase), &agents->pattern);
}

bool agent_pattern_matches(struct agent_pattern *agents, struct span expression,
                           struct span user_agent)
{
    if (expression.len == 0)
        return false;
    if (!span_eq(buf_span(&agents->text), expression))
        agents_compile(agents, expression);
    return agents->pattern &&
           pattern_match(agents->pattern, span_upto(user_agent, AGENT_BYTES_MAX)) == PATTERN_OK;
}

void agent_pattern_deinit(struct agent_pattern *agents)
{
    agents->pattern = pattern_free(agents->pattern);
    buf_deinit(&agents->text);
}
