/* cli/words.h
 *
 * Purpose    Words for people: how near two spellings are, and paragraphs wrapped to a width. */
#ifndef YETT_CLI_WORDS_H
#define YETT_CLI_WORDS_H

#include "base/buf.h"
#include "base/span.h"

enum {
    WORDS_LEN_MAX = 64, /* longer words are never near to anything */
    WORDS_FAR = 1000,
};

/* Letters to insert, delete, replace or swap with their neighbour to get from one to the other;
 * WORDS_FAR where either is too long. */
unsigned words_distance(struct span a, struct span b);

/* Near enough to be a slip of the hand. */
bool words_are_near(struct span typed, struct span known);

/* Appends `text`, broken at spaces so that lines end before `width`; the first line starts at
 * column `at`, the others are indented by `indent`. No newline at the end. */
void words_wrap(struct buf *out, struct span text, size_t at, size_t indent, size_t width);

/* Appends `n` spaces. */
void words_pad(struct buf *out, size_t n);

#endif
