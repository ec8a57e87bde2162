#include "http/chars.h"

enum {
    ALNUM = HTTP_CHAR_TOKEN | HTTP_CHAR_HOST,
    TOKEN = HTTP_CHAR_TOKEN,
};

const uint8_t http_chars[256] = {
    ['0' ... '9'] = ALNUM,
    ['A' ... 'Z'] = ALNUM,
    ['a' ... 'z'] = ALNUM,
    ['-'] = ALNUM,
    ['.'] = TOKEN,
    ['_'] = TOKEN | HTTP_CHAR_HOST,
    ['~'] = TOKEN | HTTP_CHAR_HOST,
    ['+'] = TOKEN,
    ['!'] = TOKEN,
    ['#'] = TOKEN,
    ['$'] = TOKEN,
    ['%'] = TOKEN,
    ['&'] = TOKEN,
    ['\''] = TOKEN,
    ['*'] = TOKEN,
    ['^'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
};

int http_char_hex(char c)
{
    if (http_char_is_digit(c))
        return c - '0';
    char lower = (char)(c | 0x20);
    if (lower >= 'a' && lower <= 'f')
        return lower - 'a' + 10;
    return -1;
}
