/* base/utf8.h
 *
 * Purpose    UTF-8 (RFC 3629), sequence by sequence. */
#ifndef YETT_BASE_UTF8_H
#define YETT_BASE_UTF8_H

#include <stdint.h>

#include "base/span.h"

enum { UTF8_BYTES_MAX = 4 };

/* Length of the sequence that `s`, which is not empty, begins with; 0: there is none. */
size_t utf8_sequence(struct span s);

/* Writes `rune` (not a surrogate, at most 0x10FFFF) to `at`, at most UTF8_BYTES_MAX bytes; returns the end. */
char *utf8_encode(char *at, uint32_t rune);

#endif
