/* proxy/exchange/patterns.h
 *
 * Purpose    Regular expressions that rules name, compiled once per worker and kept from image to image.
 * Ownership  Owns them; what is found is borrowed until the next sweep.
 * Limits     Those of base/pattern.h. */
#ifndef YETT_PROXY_EXCHANGE_PATTERNS_H
#define YETT_PROXY_EXCHANGE_PATTERNS_H

#include "base/map.h"
#include "base/pattern.h"

struct patterns {
    struct map by_text; /* → struct kept_pattern */
};

void patterns_deinit(struct patterns *patterns);

/* Holds `subject` against an expression. PATTERN_BAD for one that is none, which ingress refuses. */
YETT_MUST_USE int patterns_match(struct patterns *patterns, struct span expression,
                                 struct span subject);

/* Drops those that were not used since the last sweep. */
void patterns_sweep(struct patterns *patterns);

#endif
