#include "http/h2_head.h"

#include "base/bug.h"
#include "base/num.h"
#include "http/chars.h"
#include "http/chunked.h"
#include "http/h1_scan.h"
#include "http/h2_limits.h"
#include "http/target.h"

/* nghttp2 refuses much of this by itself. The rules stand here all the same: what a backend is sent as
 * HTTP/1.1 must not hang on what a library, in this version or the next, takes for a field. */

enum { TEXT_BLOCK_BYTES = 2048, FIELD_OVERHEAD = 4 /* ": " and a line's end, as in HTTP/1 */ };

static const struct span pseudo_names[H2_PSEUDOS_LEN] = {
    [H2_PSEUDO_METHOD] = { ":method", 7 },        [H2_PSEUDO_SCHEME] = { ":scheme", 7 },
    [H2_PSEUDO_AUTHORITY] = { ":authority", 10 }, [H2_PSEUDO_PATH] = { ":path", 5 },
    [H2_PSEUDO_PROTOCOL] = { ":protocol", 9 },    [H2_PSEUDO_STATUS] = { ":status", 7 },
};

/* Fields of a connection, which HTTP/2 does not have (RFC 9113, 8.2.2). */
static const uint64_t connection_specific =
    1ull << HTTP_CONNECTION | 1ull << HTTP_KEEP_ALIVE | 1ull << HTTP_PROXY_CONNECTION |
    1ull << HTTP_TRANSFER_ENCODING | 1ull << HTTP_UPGRADE | 1ull << HTTP_HTTP2_SETTINGS;

void h2_head_begin(struct h2_head *head, enum h2_head_kind kind, const struct h1_limits *limits)
{
    invariant(limits->headers + (kind == H2_HEAD_REQUEST) <= HTTP_HEADERS_MAX);
    memset(head, 0, offsetof(struct h2_head, headers));
    head->kind = kind;
    head->limits = limits;
    head->cookie_at = UINT32_MAX;
    arena_init(&head->texts, TEXT_BLOCK_BYTES);
}

void h2_head_deinit(struct h2_head *head)
{
    arena_deinit(&head->texts);
    buf_deinit(&head->cookie);
}

static void fault_note(struct h2_head *head, enum h1_fault fault)
{
    if (head->fault == H1_FAULT_NONE)
        head->fault = fault;
}

static bool is_text(struct span value)
{
    const char *end = value.ptr + value.len;

    return h1_scan_text(value.ptr, end) == end;
}

static bool is_lower_token(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return false;
    }
    return http_is_token(name);
}

/* ---- pseudo fields ---- */

static bool is_allowed(enum h2_head_kind kind, enum h2_pseudo which)
{
    if (kind == H2_HEAD_TRAILERS)
        return false;
    return (kind == H2_HEAD_RESPONSE) == (which == H2_PSEUDO_STATUS);
}

static enum h1_fault pseudo_add(struct h2_head *head, struct span name, struct span value)
{
    if (head->names_were_regular)
        return H1_FAULT_START_LINE;
    for (unsigned i = 0; i < H2_PSEUDOS_LEN; i++) {
        if (!span_eq(name, pseudo_names[i]))
            continue;
        if (!is_allowed(head->kind, (enum h2_pseudo)i) || head->pseudo[i].ptr || !is_text(value))
            return H1_FAULT_START_LINE;
        if (i == H2_PSEUDO_PATH && value.len > head->limits->target_bytes) {
            head->pseudo[i] = SPAN("/");
            return H1_FAULT_TARGET_TOO_LONG;
        }
        head->pseudo[i] = arena_dup(&head->texts, value);
        return H1_FAULT_NONE;
    }
    return H1_FAULT_START_LINE;
}

/* ---- fields ---- */

/* A Cookie may come in crumbs, for the sake of compression; whoever reads it as HTTP/1.1 expects one
 * field (RFC 9113, 8.2.3). */
static void crumb_add(struct h2_head *head, struct span value)
{
    struct http_header *first = &head->headers[head->cookie_at];

    if (head->cookie.len == 0)
        buf_append(&head->cookie, http_header_value(first));
    buf_append(&head->cookie, SPAN("; "));
    buf_append(&head->cookie, value);
    first->value = head->cookie.ptr;
    first->value_len = (uint32_t)head->cookie.len;
}

static enum h1_fault header_fault(const struct h2_head *head, const struct http_header *header)
{
    struct span value = http_header_value(header);

    if (connection_specific & 1ull << header->id)
        return H1_FAULT_FIELD_NAME;
    if (header->id == HTTP_TE && !span_eq_nocase(value, SPAN("trailers")))
        return H1_FAULT_FIELD_VALUE;
    return head->fields.len >= head->limits->headers ? H1_FAULT_TOO_MANY_FIELDS : H1_FAULT_NONE;
}

static enum h1_fault header_add(struct h2_head *head, struct span name, struct span value)
{
    struct http_header header = {
        .name_len = (uint16_t)name.len,
        .value_len = (uint32_t)value.len,
    };

    head->names_were_regular = true;
    if (!is_lower_token(name))
        return H1_FAULT_FIELD_NAME;
    if (!is_text(value) || !span_eq(value, span_trim(value)))
        return H1_FAULT_FIELD_VALUE;
    header.id = (uint16_t)http_name_of(name);
    header.value = value.ptr;
    if (header.id == HTTP_COOKIE && head->cookie_at != UINT32_MAX) {
        crumb_add(head, value);
        return H1_FAULT_NONE;
    }
    enum h1_fault fault = header_fault(head, &header);
    if (fault != H1_FAULT_NONE)
        return fault;
    header.name = arena_dup(&head->texts, name).ptr;
    header.value = arena_dup(&head->texts, value).ptr;
    if (header.id == HTTP_COOKIE)
        head->cookie_at = head->fields.len;
    fault = head->kind == H2_HEAD_TRAILERS ? H1_FAULT_NONE : h1_field_note(&head->fields, &header);
    head->fields.names_seen |= 1ull << header.id;
    head->headers[head->fields.len++] = header;
    return fault;
}

/* Whoever speaks HTTP/1.1 on the other side has no more room for trailers than that. */
static size_t bytes_max(const struct h2_head *head)
{
    return head->kind == H2_HEAD_TRAILERS
               ? MIN((size_t)head->limits->head_bytes, (size_t)CHUNKED_TRAILERS_MAX)
               : head->limits->head_bytes;
}

bool h2_head_add(struct h2_head *head, struct span name, struct span value)
{
    bool is_pseudo = name.len > 0 && name.ptr[0] == ':';

    head->bytes += name.len + value.len + FIELD_OVERHEAD;
    if (head->bytes > bytes_max(head)) {
        fault_note(head, H1_FAULT_HEAD_TOO_LARGE);
        return head->bytes <= (uint64_t)H2_HEAD_EXCESS * head->limits->head_bytes;
    }
    fault_note(head, is_pseudo ? pseudo_add(head, name, value) : header_add(head, name, value));
    return true;
}

/* ---- the whole ---- */

/* What HTTP/2 can carry and we refuse, the client is told in HTTP. All else is no HTTP/2. */
static int result_of(enum h1_fault fault)
{
    switch (fault) {
    case H1_FAULT_NONE:
        return H2_HEAD_OK;
    case H1_FAULT_TARGET_TOO_LONG:
    case H1_FAULT_HEAD_TOO_LARGE:
    case H1_FAULT_TOO_MANY_FIELDS:
    case H1_FAULT_HOST:
    case H1_FAULT_EXPECT:
        return H2_HEAD_REFUSED;
    case H1_FAULT_START_LINE:
    case H1_FAULT_METHOD:
    case H1_FAULT_TARGET:
    case H1_FAULT_VERSION:
    case H1_FAULT_STATUS:
    case H1_FAULT_LINE_END:
    case H1_FAULT_FIELD_NAME:
    case H1_FAULT_SPACE_BEFORE_COLON:
    case H1_FAULT_FOLDED:
    case H1_FAULT_FIELD_VALUE:
    case H1_FAULT_CONTENT_LENGTH:
    case H1_FAULT_LENGTH_AND_CHUNKED:
    case H1_FAULT_TRANSFER_ENCODING:
    case H1_FAULT_TRANSFER_ENCODING_REPEATED:
    case H1_FAULTS_LEN:
        break;
    }
    return H2_HEAD_MALFORMED;
}

static bool has(const struct h2_head *head, enum h2_pseudo which)
{
    return head->pseudo[which].ptr != NULL;
}

/* CONNECT names a host and nothing else, but for the extended one (RFC 9113, 8.5; RFC 8441, 4). Any other
 * request has a method, a scheme and a path. */
static bool has_right_pseudos(const struct h2_head *head, enum http_method method)
{
    bool located = has(head, H2_PSEUDO_SCHEME) && has(head, H2_PSEUDO_PATH);

    if (method != HTTP_CONNECT)
        return located && !has(head, H2_PSEUDO_PROTOCOL);
    if (!has(head, H2_PSEUDO_AUTHORITY))
        return false;
    if (has(head, H2_PSEUDO_PROTOCOL))
        return located;
    return !has(head, H2_PSEUDO_SCHEME) && !has(head, H2_PSEUDO_PATH);
}

static enum h1_fault find_method(const struct h2_head *head, struct http_head *request)
{
    struct span text = head->pseudo[H2_PSEUDO_METHOD];

    if (!text.ptr || !http_is_token(text) || text.len > HTTP_METHOD_BYTES_MAX)
        return H1_FAULT_METHOD;
    request->method_text = text;
    request->method = http_method_of(text);
    return has_right_pseudos(head, request->method) ? H1_FAULT_NONE : H1_FAULT_START_LINE;
}

static bool is_target(struct span path, enum http_method method)
{
    const char *end = path.ptr + path.len;
    struct target target;

    return h1_scan_target(path.ptr, end) == end &&
           target_parse(path, method, &target) == TARGET_OK && target.form != TARGET_ABSOLUTE;
}

static enum h1_fault find_target(const struct h2_head *head, struct http_head *request)
{
    struct span scheme = head->pseudo[H2_PSEUDO_SCHEME];
    bool extended = has(head, H2_PSEUDO_PROTOCOL);

    request->protocol = extended ? head->pseudo[H2_PSEUDO_PROTOCOL] : SPAN_EMPTY;
    if (request->method == HTTP_CONNECT && !extended) {
        request->target = head->pseudo[H2_PSEUDO_AUTHORITY];
        return H1_FAULT_NONE;
    }
    if (!span_eq_nocase(scheme, SPAN("https")) && !span_eq_nocase(scheme, SPAN("http")))
        return H1_FAULT_START_LINE;
    if (extended && !http_is_token(request->protocol))
        return H1_FAULT_START_LINE;
    request->target = head->pseudo[H2_PSEUDO_PATH];
    return is_target(request->target, extended ? HTTP_GET : request->method) ? H1_FAULT_NONE
                                                                             : H1_FAULT_TARGET;
}

/* :authority says for whom the request is. Where Host stands beside it, both must say the same: one that
 * reads the one and another that reads the other must not see two sites (RFC 9113, 8.3.1). */
static enum h1_fault find_host(struct h2_head *head, struct http_head *request)
{
    struct span authority = head->pseudo[H2_PSEUDO_AUTHORITY];
    bool named = h1_fields_has(&head->fields, HTTP_HOST);

    if (!authority.ptr)
        authority = named ? head->fields.host : SPAN_EMPTY;
    if (span_is_empty(authority) || !host_is_valid(authority))
        return H1_FAULT_HOST;
    if (named && !span_eq_nocase(head->fields.host, authority))
        return H1_FAULT_HOST;
    request->host = authority;
    if (!named) {
        head->headers[head->fields.len++] = (struct http_header){
            .name = "host",
            .name_len = 4,
            .id = HTTP_HOST,
            .value = authority.ptr,
            .value_len = (uint32_t)authority.len,
        };
        head->fields.names_seen |= 1ull << HTTP_HOST;
    }
    return H1_FAULT_NONE;
}

static enum h1_fault request_find(struct h2_head *head, struct http_head *request)
{
    if (head->fault != H1_FAULT_NONE)
        return head->fault;
    enum h1_fault fault = find_method(head, request);
    if (fault == H1_FAULT_NONE)
        fault = find_target(head, request);
    if (fault == H1_FAULT_NONE)
        fault = head->fields.request_fault;
    return fault == H1_FAULT_NONE ? find_host(head, request) : fault;
}

static void fields_give(struct h2_head *head, struct http_head *ret_head)
{
    ret_head->version_major = 2;
    ret_head->keep_alive = true;
    ret_head->headers = head->headers;
    ret_head->headers_len = head->fields.len;
    ret_head->names_seen = head->fields.names_seen;
    ret_head->content_length = head->fields.content_length;
}

static enum http_body_kind body_kind(const struct h2_head *head, bool ends)
{
    if (ends)
        return HTTP_BODY_NONE;
    return h1_fields_has(&head->fields, HTTP_CONTENT_LENGTH) ? HTTP_BODY_LENGTH : HTTP_BODY_CHUNKED;
}

int h2_head_end_request(struct h2_head *head, bool ends, struct http_head *ret_head)
{
    struct http_head request = { .reason = SPAN_EMPTY, .upgrade = SPAN_EMPTY };

    head->fault = request_find(head, &request);
    if (head->fault != H1_FAULT_NONE)
        return result_of(head->fault);
    request.expects_continue = head->fields.expects_continue && !ends;
    request.body = body_kind(head, ends);
    fields_give(head, &request);
    *ret_head = request;
    return H2_HEAD_OK;
}

/* Three digits of the classes that there are; 101 has no meaning here (RFC 9113, 8.6). */
static bool parse_status(struct span text, uint16_t *ret_status)
{
    uint64_t status;

    if (!text.ptr || text.len != 3 || !num_parse_u64(text, 599, &status) || status < 100 ||
        status == 101)
        return false;
    *ret_status = (uint16_t)status;
    return true;
}

int h2_head_end_response(struct h2_head *head, bool ends, enum http_method to,
                         struct http_head *ret_head)
{
    struct http_head response = {
        .method_text = SPAN_EMPTY,
        .target = SPAN_EMPTY,
        .host = SPAN_EMPTY,
        .protocol = SPAN_EMPTY,
        .upgrade = SPAN_EMPTY,
    };

    if (head->fault == H1_FAULT_NONE &&
        !parse_status(head->pseudo[H2_PSEUDO_STATUS], &response.status))
        head->fault = H1_FAULT_STATUS;
    if (head->fault == H1_FAULT_NONE && ends && response.status < 200)
        head->fault = H1_FAULT_STATUS;
    if (head->fault != H1_FAULT_NONE)
        return result_of(head->fault);

    bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
    response.reason = http_reason(response.status);
    response.body = body_kind(head, ends || bodiless || to == HTTP_HEAD);
    fields_give(head, &response);
    *ret_head = response;
    return H2_HEAD_OK;
}

int h2_head_end_trailers(struct h2_head *head, uint32_t *ret_len)
{
    uint32_t kept = 0;

    if (head->fault != H1_FAULT_NONE)
        return H2_HEAD_MALFORMED;
    for (uint32_t i = 0; i < head->fields.len && kept < HTTP_TRAILERS_MAX; i++) {
        if (http_may_trail(&head->headers[i]))
            head->headers[kept++] = head->headers[i];
    }
    *ret_len = kept;
    return H2_HEAD_OK;
}
