#include "http/target.h"

#include "http/chars.h"

static size_t find_or_end(struct span s, char byte)
{
    size_t at = span_find(s, byte);
    return at == SPAN_NOT_FOUND ? s.len : at;
}

/* Splits path and query; a fragment, which no client should send, belongs to neither. */
static void split_origin(struct span origin, struct target *target)
{
    struct span whole = span_upto(origin, find_or_end(origin, '#'));
    size_t path_len = find_or_end(whole, '?');

    target->origin = origin;
    target->path = span_upto(whole, path_len);
    target->query = span_of(NULL, 0);
    if (path_len < whole.len)
        target->query = span_from(whole, path_len + 1);
}

/* "http://authority" off the front; *ret_rest is what follows. */
static bool split_authority(struct span text, struct target *target, struct span *ret_rest)
{
    struct span http = SPAN("http://"), https = SPAN("https://");
    size_t scheme_len;
    if (span_starts_with_nocase(text, http))
        scheme_len = http.len;
    else if (span_starts_with_nocase(text, https))
        scheme_len = https.len;
    else
        return false;

    struct span rest = span_from(text, scheme_len);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?' && rest.ptr[len] != '#')
        len++;
    target->scheme = scheme_len == http.len ? SPAN("http") : SPAN("https");
    target->authority = span_upto(rest, len);
    *ret_rest = span_from(rest, len);
    return len > 0 && host_is_valid(target->authority);
}

static int parse_absolute(struct span text, enum http_method method, struct target *ret_target)
{
    struct target target = { .form = TARGET_ABSOLUTE };
    struct span rest;
    if (!split_authority(text, &target, &rest))
        return TARGET_BAD;
    if (rest.len > 0 && rest.ptr[0] != '/')
        return TARGET_BAD;

    if (rest.len == 0)
        rest = method == HTTP_OPTIONS ? SPAN("*") : SPAN("/");
    split_origin(rest, &target);
    *ret_target = target;
    return TARGET_OK;
}

int target_parse(struct span text, enum http_method method, struct target *ret_target)
{
    if (text.len == 0 || method == HTTP_CONNECT)
        return TARGET_BAD;

    struct target target = { .scheme = SPAN_EMPTY, .authority = SPAN_EMPTY };
    if (text.ptr[0] == '/') {
        target.form = TARGET_ORIGIN;
        split_origin(text, &target);
        *ret_target = target;
        return TARGET_OK;
    }
    if (!span_eq(text, SPAN("*")))
        return parse_absolute(text, method, ret_target);
    if (method != HTTP_OPTIONS)
        return TARGET_BAD;

    target.form = TARGET_ASTERISK;
    split_origin(text, &target);
    *ret_target = target;
    return TARGET_OK;
}

/* True where a byte stands that could make the path change: an escape, or a slash with a slash or a
 * dot after it. A name that begins with a dot is harmless, but rare enough to go the long way. */
static bool may_change(struct span path)
{
    for (size_t i = 0; i + 1 < path.len; i++) {
        char next = path.ptr[i + 1];
        if (next == '%' || (path.ptr[i] == '/' && (next == '/' || next == '.')))
            return true;
    }
    return false;
}

/* The next byte of `path` from *at on, decoded, or -1: a bad escape or NUL. Moves *at past it. */
static int next_byte(struct span path, size_t *at)
{
    char c = path.ptr[*at];
    if (c != '%') {
        *at += 1;
        return c == '\0' ? -1 : (uint8_t)c;
    }
    if (path.len - *at < 3)
        return -1;
    int high = http_char_hex(path.ptr[*at + 1]);
    int low = http_char_hex(path.ptr[*at + 2]);
    if (high < 0 || low < 0 || (high | low) == 0)
        return -1;
    *at += 3;
    return high << 4 | low;
}

/* The path that is being written: complete segments with a slash after each, then the open one. */
struct writing {
    char *at;
    size_t segment; /* where the open segment begins; the byte before it is a slash */
    size_t len;
};

/* The open segment is over: dots are resolved, anything else stays. False: climbs above the root.
 */
static bool close_segment(struct writing *w, bool slash_follows)
{
    struct span segment = span_of(w->at + w->segment, w->len - w->segment);

    if (span_eq(segment, SPAN("."))) {
        w->len = w->segment;
        return true;
    }
    if (span_eq(segment, SPAN(".."))) {
        if (w->segment == 1)
            return false;
        w->segment--;
        while (w->at[w->segment - 1] != '/')
            w->segment--;
        w->len = w->segment;
        return true;
    }
    if (slash_follows && segment.len > 0) {
        w->at[w->len++] = '/';
        w->segment = w->len;
    }
    return true;
}

int target_normalise(struct span path, char *at, struct span *ret_path)
{
    bool rooted = path.len > 0 && path.ptr[0] == '/';
    if (!rooted && !span_eq(path, SPAN("*")))
        return TARGET_BAD;
    if (!may_change(path)) {
        *ret_path = path;
        return TARGET_OK;
    }

    struct writing w = { at, 1, 1 };
    at[0] = '/';
    for (size_t i = 1; i < path.len;) {
        int byte = next_byte(path, &i);
        if (byte < 0)
            return TARGET_BAD;
        if (byte != '/')
            w.at[w.len++] = (char)byte;
        else if (!close_segment(&w, true))
            return TARGET_BAD;
    }
    if (!close_segment(&w, false))
        return TARGET_BAD;
    *ret_path = span_of(w.at, w.len);
    return TARGET_OK;
}
