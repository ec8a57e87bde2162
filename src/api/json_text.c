#include "api/json_text.h"

#include <stdint.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *space_skip(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

const char *json_text_plain_end(const char *at, const char *end)
{
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Past the string that opens at `at`; NULL: it does not end. */
static const char *string_skip(const char *at, const char *end)
{
    for (at = json_text_plain_end(at + 1, end); at < end; at = json_text_plain_end(at + 2, end)) {
        if (*at == '"')
            return at + 1;
        if (end - at < 2)
            return NULL;
    }
    return NULL;
}

/* Past the list or map that opens at `at`; NULL: it does not end. */
static const char *nest_skip(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = string_skip(at, end);
            if (!at)
                return NULL;
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
        if (depth == 0)
            return at;
    }
    return NULL;
}

static const char *word_skip(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_space(*at))
        at++;
    return at;
}

/* Past the value at `at`; NULL: it does not end. */
static const char *value_skip(const char *at, const char *end)
{
    if (at == end)
        return NULL;
    if (*at == '"')
        return string_skip(at, end);
    if (*at == '{' || *at == '[')
        return nest_skip(at, end);
    return word_skip(at, end);
}

static struct span between(const char *at, const char *end)
{
    return span_of(at, (size_t)(end - at));
}

struct span json_text_member(struct span object, struct span key)
{
    const char *end = object.ptr + object.len;
    const char *at = space_skip(object.ptr, end);

    if (at == end || *at != '{')
        return SPAN_EMPTY;
    for (at = space_skip(at + 1, end); at < end && *at == '"'; at = space_skip(at + 1, end)) {
        const char *name = at + 1;
        at = string_skip(at, end);
        if (!at)
            return SPAN_EMPTY;
        bool is_wanted = span_eq(between(name, at - 1), key);
        at = space_skip(at, end);
        if (at == end || *at != ':')
            return SPAN_EMPTY;
        const char *value = space_skip(at + 1, end);
        at = value_skip(value, end);
        if (!at)
            return SPAN_EMPTY;
        if (is_wanted)
            return between(value, at);
        at = space_skip(at, end);
        if (at == end || *at != ',')
            return SPAN_EMPTY;
    }
    return SPAN_EMPTY;
}

struct span json_text_path(struct span object, const char *const *keys)
{
    for (; *keys && object.len; keys++)
        object = json_text_member(object, span_from_str(*keys));
    return object;
}

struct span json_text_inside(struct span value)
{
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return SPAN_EMPTY;
    return span_of(value.ptr + 1, value.len - 2);
}

struct span json_text_string(struct span value)
{
    struct span text = json_text_inside(value);

    return span_find(text, '\\') == SPAN_NOT_FOUND ? text : SPAN_EMPTY;
}
