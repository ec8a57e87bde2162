#include "base/bug.h"
#include "http/chars.h"
#include "http/h1_head.h"
#include "http/h1_scan.h"
#include "http/target.h"

/* Clients that end a request's body with a line end too many are as old as HTTP; more than a few is
 * someone keeping the connection busy. */
enum { EMPTY_LINES_MAX = 4 };

static size_t skip_empty_lines(struct span bytes)
{
    size_t at = 0;
    for (int i = 0; i < EMPTY_LINES_MAX; i++) {
        if (bytes.len - at < 2 || bytes.ptr[at] != '\r' || bytes.ptr[at + 1] != '\n')
            return at;
        at += 2;
    }
    return at;
}

static size_t method_bytes(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && at - start <= HTTP_METHOD_BYTES_MAX && http_char_is(*at, HTTP_CHAR_TOKEN))
        at++;
    return (size_t)(at - start);
}

static enum h1_fault fault_after_method(char c)
{
    if (c == '\n')
        return H1_FAULT_LINE_END;
    return c == '\r' ? H1_FAULT_START_LINE : H1_FAULT_METHOD;
}

/* What can be refused before the head is complete: bytes that are no request at all (a TLS hello,
 * say), and a target without end. */
static int check_beginning(struct h1_parser *parser, struct span bytes, size_t start,
                           const struct h1_limits *limits)
{
    struct span head = span_upto(span_from(bytes, start), limits->head_bytes);
    size_t method_len = method_bytes(head.ptr, head.ptr + head.len);

    if (method_len > HTTP_METHOD_BYTES_MAX)
        return h1_refuse(parser, H1_FAULT_METHOD);
    if (method_len == head.len)
        return H1_OK;
    if (method_len == 0 || head.ptr[method_len] != ' ')
        return h1_refuse(parser, fault_after_method(head.ptr[method_len]));

    size_t target_at = method_len + 1;
    size_t too_far = target_at + limits->target_bytes;
    if (head.len <= too_far || parser->seen > start + too_far)
        return H1_OK; /* not there yet, or looked at by an earlier call */
    const char *longest = head.ptr + too_far + 1;
    if (h1_scan_target(head.ptr + target_at, longest) == longest)
        return h1_refuse(parser, H1_FAULT_TARGET_TOO_LONG);
    return H1_OK;
}

static enum h1_fault version_fault(const char *at, const char *end)
{
    bool other = end - at >= 9 && memcmp(at, "HTTP/", 5) == 0 && http_char_is_digit(at[5]) &&
                 at[6] == '.' && http_char_is_digit(at[7]) && at[8] == '\r';
    return other ? H1_FAULT_VERSION : H1_FAULT_START_LINE;
}

/* Parses "HTTP/1.x" and the line end; returns what follows. */
static const char *parse_version(struct h1_parser *parser, const char *at, const char *end,
                                 struct http_head *head)
{
    bool known = end - at > 8 && memcmp(at, "HTTP/1.", 7) == 0 && (at[7] == '0' || at[7] == '1');
    if (unlikely(!known || at[8] != '\r')) {
        (void)h1_refuse(parser, version_fault(at, end));
        return NULL;
    }
    head->version_major = 1;
    head->version_minor = (uint8_t)(at[7] - '0');
    return h1_line_end(parser, at + 8, end, H1_FAULT_START_LINE);
}

/* Parses the request line of a complete head, whose method check_beginning() has seen to be a
 * token. */
static const char *parse_request_line(struct h1_parser *parser, const char *at, const char *end,
                                      struct http_head *head)
{
    head->method_text = span_of(at, method_bytes(at, end));
    head->method = http_method_of(head->method_text);

    const char *target = at + head->method_text.len + 1;
    const char *stop = h1_scan_target(target, end);
    head->target = span_of(target, (size_t)(stop - target));
    if (unlikely(*stop != ' ' || stop == target)) {
        bool line_ends = *stop == '\r' || *stop == ' ';
        (void)h1_refuse(parser, line_ends ? H1_FAULT_START_LINE : H1_FAULT_TARGET);
        return NULL;
    }
    return parse_version(parser, stop + 1, end, head);
}

/* The request's authority: that of an absolute-form target counts more than Host, which must stand
 * there and be well-formed all the same (RFC 9112, 3.2 and 3.2.2). */
static enum h1_fault find_host(struct http_head *head, const struct h1_fields *fields)
{
    bool required = head->version_minor > 0;
    if (!h1_fields_has(fields, HTTP_HOST) && required)
        return H1_FAULT_HOST;
    if (!host_is_valid(fields->host) || (span_is_empty(fields->host) && required))
        return H1_FAULT_HOST;

    head->host = fields->host;
    if (likely(head->target.ptr[0] == '/') || head->method == HTTP_CONNECT)
        return H1_FAULT_NONE;

    struct target target;
    if (target_parse(head->target, head->method, &target) != TARGET_OK)
        return H1_FAULT_TARGET;
    if (target.form == TARGET_ABSOLUTE)
        head->host = target.authority;
    return H1_FAULT_NONE;
}

static void find_body(struct http_head *head, const struct h1_fields *fields)
{
    if (h1_fields_has(fields, HTTP_TRANSFER_ENCODING)) {
        head->body = HTTP_BODY_CHUNKED;
    } else if (h1_fields_has(fields, HTTP_CONTENT_LENGTH)) {
        head->body = HTTP_BODY_LENGTH;
        head->content_length = fields->content_length;
    }
}

/* HTTP/1.0 knows neither expectations nor upgrades (RFC 9110, 10.1.1 and 7.8), and closes by
 * default. */
static void find_connection(struct http_head *head, const struct h1_fields *fields)
{
    bool modern = head->version_minor > 0;
    head->keep_alive = !fields->says_close && (modern || fields->says_keep_alive);
    head->expects_continue = modern && fields->expects_continue;
    head->upgrade = fields->upgrade;
    head->upgrades = modern && fields->says_upgrade && !span_is_empty(fields->upgrade);
}

static int parse_complete(struct h1_parser *parser, const char *at, const char *end,
                          struct http_header *headers, struct http_head *ret_head)
{
    struct http_head head = { .reason = SPAN_EMPTY, .headers = headers };
    struct h1_fields fields;

    at = parse_request_line(parser, at, end, &head);
    if (unlikely(at == NULL))
        return H1_BAD;
    int r = h1_fields_parse(parser, at, end, headers, &fields);
    if (unlikely(r != H1_OK))
        return r;
    if (unlikely(head.version_minor == 0 && h1_fields_has(&fields, HTTP_TRANSFER_ENCODING)))
        return h1_refuse(parser, H1_FAULT_TRANSFER_ENCODING_REPEATED); /* RFC 9112, 6.1 */
    if (unlikely(fields.request_fault != H1_FAULT_NONE))
        return h1_refuse(parser, fields.request_fault);
    enum h1_fault fault = find_host(&head, &fields);
    if (unlikely(fault != H1_FAULT_NONE))
        return h1_refuse(parser, fault);

    find_body(&head, &fields);
    find_connection(&head, &fields);
    head.headers_len = fields.len;
    head.names_seen = fields.names_seen;
    *ret_head = head;
    return H1_OK;
}

int h1_request_parse(struct h1_parser *parser, struct span bytes, const struct h1_limits *limits,
                     struct http_header *headers, struct http_head *ret_head, size_t *ret_bytes)
{
    invariant(limits->headers <= HTTP_HEADERS_MAX);

    size_t start = skip_empty_lines(bytes);
    size_t left = bytes.len - start;
    bool may_be_empty_line = left == 1 && bytes.ptr[start] == '\r';
    if (left == 0 || may_be_empty_line)
        return H1_PARTIAL;

    if (parser->lines == 0) {
        int r = check_beginning(parser, bytes, start, limits);
        if (unlikely(r != H1_OK))
            return r;
    }
    size_t end;
    int r = h1_head_end(parser, bytes, start, limits, &end);
    if (r != H1_OK)
        return r;
    r = parse_complete(parser, bytes.ptr + start, bytes.ptr + end, headers, ret_head);
    if (likely(r == H1_OK))
        *ret_bytes = end;
    return r;
}
