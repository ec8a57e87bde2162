#include "base/ip.h"
#include "base/num.h"
#include "http/chars.h"
#include "http/target.h"

/* A Host value is "name", "name:port", "[v6]" or "[v6]:port". User information, percent escapes and
 * bytes above 0x7f are refused: no client that resolved the name by DNS has them, and two programs
 * that read them differently would send one request to two sites. */

enum { PORT_DIGITS_MAX = 5 };

/* What follows the name: nothing, or a colon and a port, which may be empty (RFC 3986, 3.2.3). */
static bool is_port(struct span text)
{
    uint16_t port;
    if (text.len == 0)
        return true;
    struct span digits = span_from(text, 1);
    return text.ptr[0] == ':' && digits.len <= PORT_DIGITS_MAX &&
           (digits.len == 0 || num_parse_port(digits, &port));
}

/* Takes "[v6]" off the front; returns its length or 0. */
static size_t literal_bytes(struct span value)
{
    struct ip_addr addr;
    size_t close = span_find(value, ']');
    if (close == SPAN_NOT_FOUND)
        return 0;
    struct span inside = span_of(value.ptr + 1, close - 1);
    bool v6 = span_find(inside, ':') != SPAN_NOT_FOUND && ip_parse(inside, &addr);
    return v6 ? close + 1 : 0;
}

/* Takes the name off the front, with the root's dot where it has one; returns its length, or 0 where a
 * label is empty. */
static size_t name_bytes(struct span value)
{
    size_t at = 0;
    for (;;) {
        size_t label = at;
        while (at < value.len && http_char_is(value.ptr[at], HTTP_CHAR_HOST))
            at++;
        bool dotted = at < value.len && value.ptr[at] == '.';
        if (at == label)
            return dotted ? 0 : at;
        if (!dotted)
            return at;
        at++;
    }
}

/* Splits off the port and one trailing dot. */
static bool find_name(struct span value, struct span *ret_name)
{
    if (span_is_empty(value)) {
        *ret_name = value;
        return true;
    }
    size_t len = value.ptr[0] == '[' ? literal_bytes(value) : name_bytes(value);
    if (len == 0 || len > HOST_NAME_MAX_BYTES || !is_port(span_from(value, len)))
        return false;
    if (value.ptr[len - 1] == '.')
        len--;
    *ret_name = span_of(value.ptr, len);
    return true;
}

bool host_is_valid(struct span value)
{
    struct span name;
    return find_name(value, &name);
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

int host_normalise(struct span value, char *at, struct span *ret_host)
{
    struct span name;
    if (!find_name(value, &name))
        return TARGET_BAD;

    size_t i = 0;
    while (i < name.len && !is_upper(name.ptr[i]))
        i++;
    if (i == name.len) {
        *ret_host = name;
        return TARGET_OK;
    }
    for (i = 0; i < name.len; i++)
        at[i] = ascii_lower(name.ptr[i]);
    *ret_host = span_of(at, name.len);
    return TARGET_OK;
}
