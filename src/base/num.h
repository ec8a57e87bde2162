/* base/num.h
 *
 * Purpose    Numbers in text, whole-span and bounded: no sign, no spaces, no leftovers.
 * Errors     Each returns false, with the output untouched, where the text is not such a number. */
#ifndef YETT_BASE_NUM_H
#define YETT_BASE_NUM_H

#include <stdint.h>

#include "base/span.h"

/* Decimal digits, at most `max`. */
YETT_MUST_USE bool num_parse_u64(struct span text, uint64_t max, uint64_t *ret_value);
YETT_MUST_USE bool num_parse_u32(struct span text, uint32_t max, uint32_t *ret_value);
/* As above with an optional leading '-'. */
YETT_MUST_USE bool num_parse_i64(struct span text, int64_t *ret_value);
/* 1..65535. */
YETT_MUST_USE bool num_parse_port(struct span text, uint16_t *ret_port);
/* "1" "t" "T" "TRUE" "true" "True" and "0" "f" "F" "FALSE" "false" "False", as Go's ParseBool. */
YETT_MUST_USE bool num_parse_bool(struct span text, bool *ret_value);
/* Digits with an optional k, m or g (powers of 1024, either case). */
YETT_MUST_USE bool num_parse_size(struct span text, uint64_t max, uint64_t *ret_bytes);
/* Go durations such as "1h30m", "250ms", "10s"; a bare number counts as seconds. */
YETT_MUST_USE bool num_parse_duration_ms(struct span text, uint64_t max_ms, uint64_t *ret_ms);

/* Writes `value` in decimal at `at` (20 bytes of room) and returns the number of bytes written. */
size_t num_format_u64(char *at, uint64_t value);

#endif
