#include "base/utf8.h"

size_t utf8_sequence(struct span s)
{
    const unsigned char *b = (const unsigned char *)s.ptr;
    size_t len;

    if (b[0] < 0x80)
        return 1;
    if (b[0] >= 0xC2 && b[0] <= 0xDF)
        len = 2;
    else if (b[0] >= 0xE0 && b[0] <= 0xEF)
        len = 3;
    else if (b[0] >= 0xF0 && b[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) ||
        (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F))
        return 0;
    return len;
}

char *utf8_encode(char *at, uint32_t rune)
{
    if (rune < 0x80) {
        *at++ = (char)rune;
        return at;
    }
    if (rune < 0x800) {
        *at++ = (char)(0xC0 | rune >> 6);
    } else if (rune < 0x10000) {
        *at++ = (char)(0xE0 | rune >> 12);
        *at++ = (char)(0x80 | (rune >> 6 & 0x3F));
    } else {
        *at++ = (char)(0xF0 | rune >> 18);
        *at++ = (char)(0x80 | (rune >> 12 & 0x3F));
        *at++ = (char)(0x80 | (rune >> 6 & 0x3F));
    }
    *at++ = (char)(0x80 | (rune & 0x3F));
    return at;
}
