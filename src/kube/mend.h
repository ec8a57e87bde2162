/* kube/mend.h
 *
 * Purpose    From what a parser complains of, and the text there, to what a person should do. */
#ifndef YETT_KUBE_MEND_H
#define YETT_KUBE_MEND_H

#include "base/span.h"

/* `line_at`: lines of `piece` before the one that libyaml pointed at. Static text. */
struct span kube_mend_yaml(struct span problem, struct span piece, size_t line_at);

/* The word of `known` (ends with NULL) that `word` was most likely meant to be, or NULL. */
const char *kube_mend_word(struct span word, const char *const *known);

#endif
