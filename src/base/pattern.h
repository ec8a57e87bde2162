/* base/pattern.h
 *
 * Purpose    Regular expressions, in the dialect in which people wrote them for nginx (PCRE), with a bound
 *            on what one may cost: neither whoever writes an expression nor whoever sends what it is held
 *            against is trusted.
 * Ownership  The caller owns a pattern. Texts are borrowed for the call.
 * Lifetime   pattern_new() … pattern_free().
 * Limits     PATTERN_BYTES_MAX of an expression; PATTERN_STEPS_MAX and PATTERN_HEAP_KIB_MAX of a match.
 * See        pcre2pattern(3), pcre2perform(3) */
#ifndef YETT_BASE_PATTERN_H
#define YETT_BASE_PATTERN_H

#include "base/compiler.h"
#include "base/span.h"

enum {
    /* Lists of browsers and of paths reach some hundred bytes. */
    PATTERN_BYTES_MAX = 4096,
    /* Of 20 ns each: 2 ms for the worst expression and subject; good ones take some hundred. */
    PATTERN_STEPS_MAX = 100000,
    PATTERN_HEAP_KIB_MAX = 1024,
};

struct pattern;

enum pattern_result {
    PATTERN_OK = 0,
    PATTERN_BAD,   /* no expression, or a longer or larger one than we take */
    PATTERN_MISS,  /* of a match: the subject has no such part */
    PATTERN_LIMIT, /* of a match: given up. Whether it matches is not known */
};

/* Returns PATTERN_OK or PATTERN_BAD. */
YETT_MUST_USE int pattern_new(struct span expression, struct pattern **ret_pattern);
struct pattern *pattern_free(struct pattern *pattern);

/* Does any part of `subject` match? Case counts. PATTERN_OK, _MISS or _LIMIT. */
YETT_MUST_USE int pattern_match(const struct pattern *pattern, struct span subject);

#endif
