#include "kube/base64.h"

#include <stdint.h>

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool kube_base64_decode(struct arena *arena, struct span text, struct span *ret_bytes,
                        size_t *ret_at)
{
    char *out = arena_alloc(arena, text.len / 4 * 3 + 4);
    size_t out_len = 0, sextets = 0, padding = 0;
    uint32_t group = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r')
            continue;
        int value = sextet(c);
        bool is_padding = c == '=' && sextets % 4 >= 2 && padding < 4 - sextets % 4;
        if (is_padding) {
            padding++;
            continue;
        }
        if (value < 0 || padding) {
            *ret_at = i;
            return false;
        }
        group = group << 6 | (uint32_t)value;
        sextets++;
        if (sextets % 4 == 0) {
            out[out_len++] = (char)(group >> 16);
            out[out_len++] = (char)(group >> 8);
            out[out_len++] = (char)group;
        }
    }
    if ((sextets + padding) % 4 != 0) {
        *ret_at = text.len;
        return false;
    }
    /* Two or three sextets are left of a padded group: 8 or 16 bits and some that say nothing. */
    if (padding == 2) {
        out[out_len++] = (char)(group >> 4);
    } else if (padding == 1) {
        out[out_len++] = (char)(group >> 10);
        out[out_len++] = (char)(group >> 2);
    }
    out[out_len] = '\0';
    *ret_bytes = span_of(out, out_len);
    return true;
}

void kube_base64_encode(struct buf *out, struct span bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = MIN(bytes.len - i, (size_t)3);
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;

        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            group |= (unsigned char)bytes.ptr[i + 2];
        buf_append_byte(out, alphabet[group >> 18]);
        buf_append_byte(out, alphabet[group >> 12 & 63]);
        buf_append_byte(out, left > 1 ? alphabet[group >> 6 & 63] : '=');
        buf_append_byte(out, left > 2 ? alphabet[group & 63] : '=');
    }
}
