#include "base/span.h"

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    }
    return true;
}

int span_cmp(struct span a, struct span b)
{
    size_t n = MIN(a.len, b.len);
    int r = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (r != 0)
        return r;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool span_starts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_eq(span_upto(s, prefix.len), prefix);
}

bool span_starts_with_nocase(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_eq_nocase(span_upto(s, prefix.len), prefix);
}

bool span_ends_with(struct span s, struct span suffix)
{
    return s.len >= suffix.len && span_eq(span_from(s, s.len - suffix.len), suffix);
}

size_t span_find(struct span s, char byte)
{
    const char *at = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : SPAN_NOT_FOUND;
}

size_t span_rfind(struct span s, char byte)
{
    const char *at = s.len ? memrchr(s.ptr, byte, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : SPAN_NOT_FOUND;
}

bool span_contains(struct span s, struct span needle)
{
    return needle.len == 0 || (s.len >= needle.len && memmem(s.ptr, s.len, needle.ptr, needle.len));
}

struct span span_from(struct span s, size_t at)
{
    at = MIN(at, s.len);
    return span_of(s.ptr + at, s.len - at);
}

struct span span_upto(struct span s, size_t len)
{
    return span_of(s.ptr, MIN(len, s.len));
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = span_from(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool span_split(struct span *rest, char separator, struct span *ret_piece)
{
    if (rest->len == 0)
        return false;

    size_t at = span_find(*rest, separator);
    if (at == SPAN_NOT_FOUND) {
        *ret_piece = *rest;
        *rest = span_from(*rest, rest->len);
        return true;
    }
    *ret_piece = span_upto(*rest, at);
    *rest = span_from(*rest, at + 1);
    return true;
}
