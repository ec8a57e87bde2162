/* proxy/exchange/agent_pattern.h
 *
 * Purpose    The ConfigMap's expression for user agents, compiled when its text changes and not for each request.
 * Ownership  Owns the compiled form and a copy of its text.
 * Lifetime   A zeroed struct is empty; agent_pattern_deinit() returns it to that.
 * Limits     AGENT_BYTES_MAX of a User-Agent are looked at. */
#ifndef YETT_PROXY_EXCHANGE_AGENT_PATTERN_H
#define YETT_PROXY_EXCHANGE_AGENT_PATTERN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/pattern.h"

/* Browsers say 100 to 300 bytes. */
enum { AGENT_BYTES_MAX = 512 };

struct agent_pattern {
    struct pattern *pattern; /* NULL: none yet, or no expression */
    struct buf text;
};

/* False for an empty expression, too, and where a match would cost too much. */
bool agent_pattern_matches(struct agent_pattern *agents, struct span expression,
                           struct span user_agent);
void agent_pattern_deinit(struct agent_pattern *agents);

#endif
