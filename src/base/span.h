/* base/span.h
 *
 * Purpose    A run of bytes that someone else owns.
 * Ownership  A span borrows; whoever hands one out says until when it holds.
 * Lifetime   Plain value; pass by value. The bytes need not end in NUL. */
#ifndef YETT_BASE_SPAN_H
#define YETT_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"

struct span {
    const char *ptr;
    size_t len;
};

#define SPAN(literal)  ((struct span){ "" literal, sizeof(literal) - 1 })
#define SPAN_EMPTY     ((struct span){ "", 0 })
#define SPAN_NOT_FOUND ((size_t)-1)
#define SPAN_FMT       "%.*s"
#define SPAN_ARG(s)    (int)(s).len, (s).ptr /* for SPAN_FMT; spans of text, shorter than 2 GiB */

static inline struct span span_of(const char *ptr, size_t len)
{
    return (struct span){ ptr, len };
}

static inline struct span span_from_str(const char *str)
{
    return (struct span){ str ? str : "", str ? strlen(str) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is_empty(struct span s)
{
    return s.len == 0;
}

/* ASCII letters compare equal in either case. */
bool span_eq_nocase(struct span a, struct span b);
/* Bytewise order, shorter first where one starts the other: <0, 0, >0. */
int span_cmp(struct span a, struct span b);
bool span_starts_with(struct span s, struct span prefix);
bool span_starts_with_nocase(struct span s, struct span prefix);
bool span_ends_with(struct span s, struct span suffix);

/* Position of the first (last) `byte`, or SPAN_NOT_FOUND. */
size_t span_find(struct span s, char byte);
size_t span_rfind(struct span s, char byte);
bool span_contains(struct span s, struct span needle);

/* `s` from `at` on; `s` up to `len` bytes. Both clamp to the span. */
struct span span_from(struct span s, size_t at);
struct span span_upto(struct span s, size_t len);

/* Without leading and trailing spaces and tabs. */
struct span span_trim(struct span s);

/* Cuts the next piece before `separator` off the front of *rest into *ret_piece. Returns false when
 * nothing is left. "a,,b" gives "a", "", "b"; the empty span gives nothing. */
bool span_split(struct span *rest, char separator, struct span *ret_piece);

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

#endif
