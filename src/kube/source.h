/* kube/source.h
 *
 * Purpose    The bytes of a file on their way to a parser: as UTF-8, and cut into documents.
 * Ownership  Spans borrow from the text given, or from the arena where it had to be converted. */
#ifndef YETT_KUBE_SOURCE_H
#define YETT_KUBE_SOURCE_H

#include <stdint.h>

#include "base/arena.h"

/* The text without its byte order mark; UTF-16 (which only a mark can tell) becomes UTF-8, with
 * U+FFFD for each unpaired surrogate. */
struct span kube_source_utf8(struct arena *arena, struct span text);

/* Cuts a YAML stream where a document can only begin or end: before a line "---" and at a line "...",
 * which belongs to no piece. Such a line means that in every context (YAML 1.2, 9.1.2:
 * c-forbidden), so that an error on one side never reaches the other. */
struct kube_cutter {
    struct span rest;
    uint32_t line; /* number of the first line of `rest`; start with 1 */
};

/* False: nothing is left. */
bool kube_cutter_next(struct kube_cutter *cutter, struct span *ret_piece, uint32_t *ret_first_line);

#endif
