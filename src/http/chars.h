/* http/chars.h
 *
 * Purpose    Which bytes may stand where in HTTP: one table, a bit per class.
 * See        RFC 9110 5.6.2 (token), RFC 3986 3.2.2 (host) */
#ifndef YETT_HTTP_CHARS_H
#define YETT_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_CHAR_TOKEN = 1, /* methods, field names, list members */
    HTTP_CHAR_HOST = 2,  /* labels of host names: what DNS and its users write, "_" included */
};

extern const uint8_t http_chars[256];

static inline bool http_char_is(char c, uint8_t class)
{
    return http_chars[(uint8_t)c] & class;
}

static inline bool http_char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Optional white space, RFC 9110 5.6.3. */
static inline bool http_char_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The value of a hexadecimal digit, or -1. */
int http_char_hex(char c);

#endif
