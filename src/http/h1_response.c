#include "base/bug.h"
#include "http/chars.h"
#include "http/h1_head.h"
#include "http/h1_scan.h"

/* Whether what has arrived can still become "HTTP/x": a backend that speaks something else is found
 * out at its first bytes. */
static int check_beginning(struct h1_parser *parser, struct span bytes)
{
    struct span prefix = SPAN("HTTP/");
    if (memcmp(bytes.ptr, prefix.ptr, MIN(bytes.len, prefix.len)) == 0)
        return H1_OK;
    return h1_refuse(parser, H1_FAULT_STATUS);
}

/* "HTTP/1.1 200" in its fixed places: the version's digits, the space, the code. */
static bool parse_code(const char *at, struct http_head *head)
{
    if (at[8] != ' ' || at[9] < '1' || at[9] > '5')
        return false;
    if (!http_char_is_digit(at[10]) || !http_char_is_digit(at[11]))
        return false;
    head->status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    return true;
}

/* Parses the status line; returns what follows. The reason phrase and even the space before it may
 * be missing: many servers leave them out, and nobody's framing depends on them. */
static const char *parse_status_line(struct h1_parser *parser, const char *at, const char *end,
                                     struct http_head *head)
{
    enum { CODE_END = 12 };
    enum h1_fault fault = H1_FAULT_STATUS;

    if (end - at > CODE_END && (at[5] != '1' || at[6] != '.' || at[7] < '0' || at[7] > '1'))
        fault = at[6] == '.' && http_char_is_digit(at[5]) ? H1_FAULT_VERSION : H1_FAULT_STATUS;
    else if (end - at > CODE_END && parse_code(at, head))
        fault = H1_FAULT_NONE;
    if (fault != H1_FAULT_NONE) {
        (void)h1_refuse(parser, fault);
        return NULL;
    }

    head->version_major = 1;
    head->version_minor = (uint8_t)(at[7] - '0');
    at += CODE_END;
    if (*at == ' ')
        at++;
    else if (*at != '\r')
        return h1_line_end(parser, at, end, H1_FAULT_STATUS);
    const char *stop = h1_scan_text(at, end);
    head->reason = span_of(at, (size_t)(stop - at));
    return h1_line_end(parser, stop, end, H1_FAULT_STATUS);
}

static bool is_bodiless(uint16_t status)
{
    return status < 200 || status == 204 || status == 304;
}

/* RFC 9112, 6.3, in its order. A server that announces a body where none may be might send it, and
 * then its next answer would start with it: that connection is not used again. */
static void find_body(struct http_head *head, const struct h1_fields *fields, enum http_method to)
{
    bool chunked = h1_fields_has(fields, HTTP_TRANSFER_ENCODING);
    bool has_length = h1_fields_has(fields, HTTP_CONTENT_LENGTH);
    bool tunnels = to == HTTP_CONNECT && head->status / 100 == 2;
    if (has_length)
        head->content_length = fields->content_length;

    if (to == HTTP_HEAD || is_bodiless(head->status) || tunnels) {
        bool announces = chunked || (has_length && fields->content_length > 0);
        if (announces && to != HTTP_HEAD && head->status != 304)
            head->keep_alive = false;
        return;
    }
    if (chunked) {
        head->body = HTTP_BODY_CHUNKED;
    } else if (has_length) {
        head->body = HTTP_BODY_LENGTH;
    } else {
        head->body = HTTP_BODY_TO_END;
        head->keep_alive = false;
    }
}

static int parse_complete(struct h1_parser *parser, const char *at, const char *end,
                          enum http_method to, struct http_header *headers,
                          struct http_head *ret_head)
{
    struct http_head head = {
        .method_text = SPAN_EMPTY, .target = SPAN_EMPTY, .host = SPAN_EMPTY, .headers = headers
    };
    struct h1_fields fields;

    at = parse_status_line(parser, at, end, &head);
    if (unlikely(at == NULL))
        return H1_BAD;
    int r = h1_fields_parse(parser, at, end, headers, &fields);
    if (unlikely(r != H1_OK))
        return r;
    if (unlikely(head.version_minor == 0 && h1_fields_has(&fields, HTTP_TRANSFER_ENCODING)))
        return h1_refuse(parser, H1_FAULT_TRANSFER_ENCODING_REPEATED); /* RFC 9112, 6.1 */

    head.keep_alive = !fields.says_close && (head.version_minor > 0 || fields.says_keep_alive);
    head.upgrade = fields.upgrade;
    head.upgrades = head.status == 101;
    find_body(&head, &fields, to);
    head.headers_len = fields.len;
    head.names_seen = fields.names_seen;
    *ret_head = head;
    return H1_OK;
}

int h1_response_parse(struct h1_parser *parser, struct span bytes, const struct h1_limits *limits,
                      enum http_method to, struct http_header *headers, struct http_head *ret_head,
                      size_t *ret_bytes)
{
    invariant(limits->headers <= HTTP_HEADERS_MAX);

    if (bytes.len == 0)
        return H1_PARTIAL;
    int r = check_beginning(parser, bytes);
    if (unlikely(r != H1_OK))
        return r;
    size_t end;
    r = h1_head_end(parser, bytes, 0, limits, &end);
    if (r != H1_OK)
        return r;
    r = parse_complete(parser, bytes.ptr, bytes.ptr + end, to, headers, ret_head);
    if (likely(r == H1_OK))
        *ret_bytes = end;
    return r;
}
