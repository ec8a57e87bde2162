/* ingress/suggest.h
 *
 * Purpose    "Did you mean …?": the nearest of several names to one that was not found.
 * Limits     Names longer than SUGGEST_BYTES_MAX are never near to anything.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_SUGGEST_H
#define YETT_INGRESS_SUGGEST_H

#include "base/span.h"

enum { SUGGEST_BYTES_MAX = 64 };

struct ingress_suggestion {
    struct span wanted;
    struct span best; /* empty: nothing is near */
    size_t distance;
};

struct ingress_suggestion ingress_suggestion_for(struct span wanted);
/* Keeps `candidate` where it is nearer than what there is. */
void ingress_suggestion_offer(struct ingress_suggestion *suggestion, struct span candidate);

#endif
