#include "kube/json_string.h"

#include <stdint.h>

#include "base/utf8.h"

/* Most strings have neither escapes nor bytes beyond ASCII: eight bytes are looked at in one step, and
 * nothing is copied. Where there are escapes, the end is found first, which gives the room that is needed. */

#define EACH_BYTE(value) ((value)*0x0101010101010101u)

/* Is any of the eight a quote, a backslash, a control byte or none of ASCII? Subtracting sets the upper bit of
 * a byte that is smaller; what a borrow sets besides lies above a byte that was. */
static bool has_special(uint64_t bytes)
{
    uint64_t quotes = bytes ^ EACH_BYTE('"');
    uint64_t backslashes = bytes ^ EACH_BYTE('\\');
    uint64_t found =
        bytes | (bytes - EACH_BYTE(0x20)) | (quotes - EACH_BYTE(1)) | (backslashes - EACH_BYTE(1));

    return (found & EACH_BYTE(0x80)) != 0;
}

static bool is_special(char c)
{
    return (unsigned char)c < 0x20 || (unsigned char)c >= 0x80 || c == '"' || c == '\\';
}

static size_t plain_len(struct span text)
{
    uint64_t bytes;
    size_t at = 0;

    for (; text.len - at >= sizeof(bytes); at += sizeof(bytes)) {
        memcpy(&bytes, text.ptr + at, sizeof(bytes));
        if (has_special(bytes))
            break;
    }
    while (at < text.len && !is_special(text.ptr[at]))
        at++;
    return at;
}

static void advance(struct span *rest, size_t len)
{
    *rest = span_of(rest->ptr + len, rest->len - len);
}

/* Finds the closing quote, and leaves *rest at it. */
static int end_find(struct span *rest, bool *ret_has_escapes)
{
    bool has_escapes = false;

    for (;;) {
        advance(rest, plain_len(*rest));
        if (rest->len == 0)
            return KUBE_JSON_STRING_OPEN;
        char c = rest->ptr[0];
        if (c == '"')
            break;
        if ((unsigned char)c < 0x20)
            return KUBE_JSON_STRING_CONTROL;
        if (c == '\\') { /* what follows it is judged later, but does not end the string */
            has_escapes = true;
            advance(rest, 1);
            if (rest->len > 0 && (rest->ptr[0] == '"' || rest->ptr[0] == '\\'))
                advance(rest, 1);
            continue;
        }
        size_t len = utf8_sequence(*rest);
        if (len == 0)
            return KUBE_JSON_STRING_NOT_UTF8;
        advance(rest, len);
    }
    *ret_has_escapes = has_escapes;
    return KUBE_JSON_STRING_OK;
}

/* "\uXXXX" at the start of `text`; false: it is none. */
static bool unit_read(struct span text, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    if (text.len < 6 || text.ptr[0] != '\\' || text.ptr[1] != 'u')
        return false;
    for (size_t i = 2; i < 6; i++) {
        char c = ascii_lower(text.ptr[i]);
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            unit = unit << 4 | (uint32_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret_unit = unit;
    return true;
}

static int unicode_take(struct span *raw, char **at)
{
    uint32_t unit, low;

    if (!unit_read(*raw, &unit))
        return KUBE_JSON_STRING_BAD_ESCAPE;
    if (unit == 0)
        return KUBE_JSON_STRING_NUL;
    if (unit < 0xD800 || unit > 0xDFFF) {
        *at = utf8_encode(*at, unit);
        advance(raw, 6);
        return KUBE_JSON_STRING_OK;
    }
    if (unit > 0xDBFF || !unit_read(span_from(*raw, 6), &low) || low < 0xDC00 || low > 0xDFFF)
        return KUBE_JSON_STRING_LONE_SURROGATE;
    *at = utf8_encode(*at, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
    advance(raw, 12);
    return KUBE_JSON_STRING_OK;
}

static int escape_take(struct span *raw, char **at)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *found = raw->len < 2 ? NULL : memchr(letters, raw->ptr[1], sizeof(letters) - 1);

    if (!found)
        return unicode_take(raw, at);
    *(*at)++ = meanings[found - letters];
    advance(raw, 2);
    return KUBE_JSON_STRING_OK;
}

/* What an escape stands for is never longer than the escape. */
static int unescape(struct arena *arena, struct span *raw, struct span *ret_text)
{
    char *start = arena_alloc(arena, raw->len), *at = start;

    while (raw->len > 0) {
        const char *escape = memchr(raw->ptr, '\\', raw->len);
        size_t len = escape ? (size_t)(escape - raw->ptr) : raw->len;

        memcpy(at, raw->ptr, len);
        at += len;
        advance(raw, len);
        int r = escape ? escape_take(raw, &at) : KUBE_JSON_STRING_OK;
        if (r != KUBE_JSON_STRING_OK)
            return r;
    }
    *ret_text = span_of(start, (size_t)(at - start));
    return KUBE_JSON_STRING_OK;
}

int kube_json_string(struct arena *arena, struct span *rest, struct span *ret_text)
{
    struct span raw = *rest;
    bool has_escapes;
    int r = end_find(rest, &has_escapes);

    if (r != KUBE_JSON_STRING_OK)
        return r;
    raw = span_of(raw.ptr, (size_t)(rest->ptr - raw.ptr));
    if (!has_escapes) {
        *ret_text = raw;
    } else {
        struct span left = raw;
        r = unescape(arena, &left, ret_text);
        if (r != KUBE_JSON_STRING_OK) {
            *rest = span_of(left.ptr, (size_t)(rest->ptr + rest->len - left.ptr));
            return r;
        }
    }
    advance(rest, 1);
    return KUBE_JSON_STRING_OK;
}
