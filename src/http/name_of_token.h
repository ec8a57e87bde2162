/* http/name_of_token.h
 *
 * Purpose    Finds a field's name in the table (http/names.h). Inline, because the parser of HTTP/1 does so for
 *            each field. */
#ifndef YETT_HTTP_NAME_OF_TOKEN_H
#define YETT_HTTP_NAME_OF_TOKEN_H

#include "http/message.h"

/* Names are looked up by length first: at most five of the table share one, and the first letter
 * tells those apart but for a few. The texts stand in http/names.h alone. */
enum { HTTP_NAME_LEN_MAX = 25, HTTP_NAMES_OF_A_LEN = 6 };

extern const char *const http_name_texts[HTTP_NAMES_LEN];
/* Frequent ones first; HTTP_NAME_OTHER ends each row. */
extern const uint8_t http_names_by_len[HTTP_NAME_LEN_MAX + 1][HTTP_NAMES_OF_A_LEN];

/* Eight or four bytes in lower case. Bit 5 is set in every byte of the table's texts, and among token
 * bytes only an upper-case letter becomes a lower-case one by setting it: comparing is exact, for
 * tokens. */
static inline uint64_t http_load8_lower(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word | 0x2020202020202020u;
}

static inline uint32_t http_load4_lower(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return word | 0x20202020u;
}

/* Compares in words, of which the last overlaps the one before it where the length is uneven. */
static inline bool http_token_is(struct span token, const char *text)
{
    if (token.len >= 8) {
        size_t last = token.len - 8;
        for (size_t i = 0; i < last; i += 8) {
            if (http_load8_lower(token.ptr + i) != http_load8_lower(text + i))
                return false;
        }
        return http_load8_lower(token.ptr + last) == http_load8_lower(text + last);
    }
    if (token.len >= 4) {
        size_t last = token.len - 4;
        return http_load4_lower(token.ptr) == http_load4_lower(text) &&
               http_load4_lower(token.ptr + last) == http_load4_lower(text + last);
    }
    for (size_t i = 0; i < token.len; i++) {
        if ((token.ptr[i] | 0x20) != text[i])
            return false;
    }
    return true;
}

/* In any case, where token-ness is known. */
static inline enum http_name http_name_of_token(struct span token)
{
    if (token.len > HTTP_NAME_LEN_MAX)
        return HTTP_NAME_OTHER;
    for (const uint8_t *id = http_names_by_len[token.len]; *id != HTTP_NAME_OTHER; id++) {
        const char *text = http_name_texts[*id];
        if ((token.ptr[0] | 0x20) == text[0] && http_token_is(token, text))
            return (enum http_name) * id;
    }
    return HTTP_NAME_OTHER;
}

#endif
