#include "ingress/names.h"

#include "base/ip.h"

/* A rule's path and a request's path must go through the same mill, or a rule could be walked around
 * by another spelling. The `http` room has the request's; this one is small because it may refuse. */

enum { HOST_BYTES_MAX = 253, LABEL_BYTES_MAX = 63 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool object_part_is_valid(struct span part)
{
    for (size_t i = 0; i < part.len; i++) {
        if (!is_alnum(part.ptr[i]) && part.ptr[i] != '-' && part.ptr[i] != '.')
            return false;
    }
    return part.len > 0;
}

struct ingress_object_name ingress_object_name_parse(struct span text)
{
    size_t slash = span_find(text, '/');
    struct ingress_object_name none = { SPAN_EMPTY, SPAN_EMPTY };

    if (slash == SPAN_NOT_FOUND)
        return none;
    struct ingress_object_name name = { span_upto(text, slash), span_from(text, slash + 1) };
    return object_part_is_valid(name.namespace) && object_part_is_valid(name.name) ? name : none;
}

static int label_check(struct span label)
{
    if (label.len > LABEL_BYTES_MAX)
        return HOST_TOO_LONG;
    if (label.len == 0 || !is_alnum(label.ptr[0]) || !is_alnum(label.ptr[label.len - 1]))
        return HOST_BAD_LABEL;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-')
            return HOST_BAD_LABEL;
    }
    return HOST_OK;
}

static int labels_check(struct span name)
{
    for (;;) {
        size_t dot = span_find(name, '.');
        int r = label_check(span_upto(name, dot));

        if (r != HOST_OK || dot == SPAN_NOT_FOUND)
            return r;
        name = span_from(name, dot + 1);
    }
}

/* An address ends in a digit or has a colon: few names get as far as the parser. */
static bool host_is_address(struct span text)
{
    struct ip_addr addr;

    if (text.len == 0)
        return false;
    char last = text.ptr[text.len - 1];
    if (text.ptr[0] != '[' && (last < '0' || last > '9') && span_find(text, ':') == SPAN_NOT_FOUND)
        return false;
    return text.ptr[0] == '[' || ip_parse(text, &addr);
}

int ingress_host_parse(struct span text, struct arena *arena, struct span *ret_host)
{
    if (text.len > HOST_BYTES_MAX)
        return HOST_TOO_LONG;
    if (host_is_address(text))
        return HOST_IS_ADDRESS;

    struct span host = arena_dup(arena, text);
    char *at = (char *)host.ptr;
    for (size_t i = 0; i < host.len; i++)
        at[i] = ascii_lower(at[i]);

    bool is_wildcard = span_starts_with(host, SPAN("*."));
    if (!is_wildcard && span_find(host, '*') != SPAN_NOT_FOUND)
        return HOST_BAD_WILDCARD;
    struct span name = span_from(host, is_wildcard ? 2 : 0);
    if (span_find(name, '*') != SPAN_NOT_FOUND)
        return HOST_BAD_WILDCARD;
    int r = labels_check(name);
    if (r != HOST_OK)
        return r;

    *ret_host = host;
    return HOST_OK;
}

const char *ingress_host_result_text(enum ingress_host_result result)
{
    switch (result) {
    case HOST_OK:
        return "fine";
    case HOST_TOO_LONG:
        return "too long (253 bytes in all, 63 between two dots)";
    case HOST_IS_ADDRESS:
        return "an IP address, not a DNS name";
    case HOST_BAD_WILDCARD:
        return "a wildcard that is not the whole first label";
    case HOST_BAD_LABEL:
        return "not a DNS name";
    }
    return "not a DNS name";
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes at *i and steps past; false for a bad escape. */
static bool byte_decode(struct span text, size_t *i, char *ret_byte)
{
    if (text.ptr[*i] != '%') {
        *ret_byte = text.ptr[(*i)++];
        return true;
    }
    if (text.len - *i < 3)
        return false;
    int high = hex_digit(text.ptr[*i + 1]), low = hex_digit(text.ptr[*i + 2]);
    if (high < 0 || low < 0 || high + low == 0)
        return false;
    *ret_byte = (char)(high << 4 | low);
    *i += 3;
    return true;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

static int path_decode(struct span text, char *at, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len;) {
        if (text.ptr[i] == '?' || text.ptr[i] == '#')
            return PATH_HAS_QUERY;
        if (is_control(text.ptr[i]))
            return PATH_HAS_CONTROL;
        if (!byte_decode(text, &i, &at[len++]))
            return PATH_BAD_ESCAPE;
    }
    *ret_len = len;
    return PATH_OK;
}

/* In place: what is kept is never longer than what was read. `len` then ends the kept part. */
static int segments_resolve(char *at, size_t *len)
{
    size_t kept = 0;

    for (size_t i = 0; i < *len;) {
        size_t start = i + 1; /* at[i] is a slash */
        size_t end = start;
        while (end < *len && at[end] != '/')
            end++;
        struct span segment = span_of(at + start, end - start);
        bool is_last = end == *len;

        if (span_eq(segment, SPAN(".."))) {
            if (kept == 0)
                return PATH_ABOVE_ROOT;
            while (at[--kept] != '/')
                ;
        } else if (segment.len > 0 && !span_eq(segment, SPAN("."))) {
            memmove(at + kept, at + i, end - i);
            kept += end - i;
            i = end;
            continue;
        }
        if (is_last)
            at[kept++] = '/';
        i = end;
    }
    *len = kept;
    return PATH_OK;
}

static bool path_is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%' || c == '?' || c == '#' || is_control(c))
            return false;
        if ((c == '/' || c == '.') && i > 0 && text.ptr[i - 1] == '/')
            return false;
    }
    return true;
}

int ingress_path_parse(struct span text, struct arena *arena, struct span *ret_path)
{
    size_t len;

    if (text.len == 0 || text.ptr[0] != '/')
        return PATH_NOT_ABSOLUTE;
    if (path_is_plain(text)) {
        *ret_path = text;
        return PATH_OK;
    }

    char *at = arena_alloc(arena, text.len);
    int r = path_decode(text, at, &len);
    if (r == PATH_OK)
        r = segments_resolve(at, &len);
    if (r != PATH_OK)
        return r;
    *ret_path = span_of(at, len);
    return PATH_OK;
}

const char *ingress_path_result_text(enum ingress_path_result result)
{
    switch (result) {
    case PATH_OK:
        return "fine";
    case PATH_NOT_ABSOLUTE:
        return "does not begin with '/'";
    case PATH_BAD_ESCAPE:
        return "has a '%' that is no valid escape";
    case PATH_ABOVE_ROOT:
        return "climbs above the root";
    case PATH_HAS_QUERY:
        return "has a '?' or '#', which are never part of a request's path";
    case PATH_HAS_CONTROL:
        return "has a control character";
    }
    return "is not a path";
}

static bool is_regex_char(char c)
{
    return memchr("()[]{}*^$|\\", c, 11) != NULL;
}

bool ingress_path_looks_like_regex(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (is_regex_char(path.ptr[i]))
            return true;
    }
    return false;
}

struct span ingress_path_literal_head(struct span path)
{
    size_t len = 0;

    while (len < path.len && !is_regex_char(path.ptr[len]) && path.ptr[len] != '?' &&
           path.ptr[len] != '+')
        len++;
    /* A quantifier, and the dot before it, are no part of the literal. */
    if (len < path.len && len > 1 && strchr("*?+{", path.ptr[len]))
        len--;
    return len > 0 ? span_upto(path, len) : SPAN("/");
}
