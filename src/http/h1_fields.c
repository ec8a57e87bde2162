#include "base/num.h"
#include "http/chars.h"
#include "http/h1_head.h"
#include "http/h1_scan.h"
#include "http/name_of_token.h"

/* Says what is wrong where a field's name should have ended with a colon. */
static enum h1_fault name_fault(const char *name, const char *at, const char *end)
{
    if (at == name)
        return at < end && http_char_is_blank(*at) ? H1_FAULT_FOLDED : H1_FAULT_FIELD_NAME;

    while (at < end && http_char_is_blank(*at))
        at++;
    return at < end && *at == ':' ? H1_FAULT_SPACE_BEFORE_COLON : H1_FAULT_FIELD_NAME;
}

const char *h1_field_parse(struct h1_parser *parser, const char *at, const char *end,
                           struct http_header *ret_header)
{
    const char *name = at;
    at = h1_scan_name(at, end);
    while (at < end && http_char_is(*at, HTTP_CHAR_TOKEN)) /* names less usual, "x_y" */
        at++;
    if (unlikely(at == end || *at != ':' || at == name)) {
        (void)h1_refuse(parser, name_fault(name, at, end));
        return NULL;
    }
    size_t name_len = (size_t)(at - name);
    if (unlikely(name_len > UINT16_MAX)) {
        (void)h1_refuse(parser, H1_FAULT_HEAD_TOO_LARGE);
        return NULL;
    }

    at++;
    while (at < end && http_char_is_blank(*at))
        at++;
    const char *value = at;
    const char *stop = h1_scan_text(at, end);
    const char *next = h1_line_end(parser, stop, end, H1_FAULT_FIELD_VALUE);
    if (unlikely(next == NULL))
        return NULL;
    while (stop > value && http_char_is_blank(stop[-1]))
        stop--;

    *ret_header = (struct http_header){
        .name = name,
        .value = value,
        .value_len = (uint32_t)(stop - value),
        .name_len = (uint16_t)name_len,
        .id = (uint16_t)http_name_of_token(span_of(name, name_len)),
    };
    return next;
}

static void note_connection(struct h1_fields *fields, struct span value)
{
    struct span option;
    while (span_split(&value, ',', &option)) {
        option = span_trim(option);
        if (span_eq_nocase(option, SPAN("keep-alive")))
            fields->says_keep_alive = true;
        else if (span_eq_nocase(option, SPAN("close")))
            fields->says_close = true;
        else if (span_eq_nocase(option, SPAN("upgrade")))
            fields->says_upgrade = true;
    }
}

/* Only exactly one "chunked" is understood. A list that could not be meant that way, such as a
 * coding applied twice, is malformed; other codings are merely not implemented (RFC 9112, 6.1). */
static enum h1_fault transfer_encoding_fault(struct span value)
{
    if (span_eq_nocase(value, SPAN("chunked")))
        return H1_FAULT_NONE;

    uint32_t chunked = 0;
    struct span coding;
    if (span_is_empty(value))
        return H1_FAULT_TRANSFER_ENCODING_REPEATED;
    while (span_split(&value, ',', &coding)) {
        coding = span_trim(coding);
        if (!http_is_token(span_trim(span_upto(coding, span_find(coding, ';')))))
            return H1_FAULT_TRANSFER_ENCODING_REPEATED;
        if (span_eq_nocase(coding, SPAN("identity")) || chunked > 0)
            return H1_FAULT_TRANSFER_ENCODING_REPEATED;
        chunked += span_eq_nocase(coding, SPAN("chunked"));
    }
    return H1_FAULT_TRANSFER_ENCODING;
}

static void note_request_fault(struct h1_fields *fields, enum h1_fault fault)
{
    if (fields->request_fault == H1_FAULT_NONE)
        fields->request_fault = fault;
}

/* The fields that note_field() draws something from; most are none of them. */
static const uint64_t names_noted = 1ull << HTTP_HOST | 1ull << HTTP_CONTENT_LENGTH |
                                    1ull << HTTP_TRANSFER_ENCODING | 1ull << HTTP_CONNECTION |
                                    1ull << HTTP_UPGRADE | 1ull << HTTP_EXPECT;

/* Draws what framing and the connection need from one field. A repeated field, even one that says
 * the same again, is a difference of opinion waiting to happen: where a field may stand once, it
 * must. */
static YETT_INLINE enum h1_fault note_field(struct h1_fields *fields, const struct http_header *h)
{
    struct span value = http_header_value(h);
    bool repeated = fields->names_seen & 1ull << h->id;

    switch (h->id) {
    case HTTP_HOST:
        fields->host = value;
        note_request_fault(fields, repeated ? H1_FAULT_HOST : H1_FAULT_NONE);
        return H1_FAULT_NONE;
    case HTTP_CONTENT_LENGTH:
        if (repeated || !num_parse_u64(value, INT64_MAX, &fields->content_length))
            return H1_FAULT_CONTENT_LENGTH;
        return H1_FAULT_NONE;
    case HTTP_TRANSFER_ENCODING:
        return repeated ? H1_FAULT_TRANSFER_ENCODING_REPEATED : transfer_encoding_fault(value);
    case HTTP_CONNECTION:
        note_connection(fields, value);
        return H1_FAULT_NONE;
    case HTTP_UPGRADE:
        if (!repeated)
            fields->upgrade = value;
        return H1_FAULT_NONE;
    case HTTP_EXPECT:
        fields->expects_continue = !repeated && span_eq_nocase(value, SPAN("100-continue"));
        note_request_fault(fields, fields->expects_continue ? H1_FAULT_NONE : H1_FAULT_EXPECT);
        return H1_FAULT_NONE;
    default:
        return H1_FAULT_NONE;
    }
}

enum h1_fault h1_field_note(struct h1_fields *fields, const struct http_header *h)
{
    return note_field(fields, h);
}

int h1_fields_parse(struct h1_parser *parser, const char *at, const char *end,
                    struct http_header *headers, struct h1_fields *ret_fields)
{
    struct h1_fields fields = { .upgrade = SPAN_EMPTY, .host = SPAN_EMPTY };

    for (; *at != '\r'; fields.len++) {
        struct http_header *h = &headers[fields.len];
        at = h1_field_parse(parser, at, end, h);
        if (unlikely(at == NULL))
            return H1_BAD;

        if (names_noted & 1ull << h->id) {
            enum h1_fault fault = note_field(&fields, h);
            if (unlikely(fault != H1_FAULT_NONE))
                return h1_refuse(parser, fault);
        }
        fields.names_seen |= 1ull << h->id;
    }

    if (unlikely(end - at != 2)) /* a line that begins with a bare CR */
        return h1_refuse(parser, H1_FAULT_LINE_END);
    if (h1_fields_has(&fields, HTTP_CONTENT_LENGTH) &&
        h1_fields_has(&fields, HTTP_TRANSFER_ENCODING))
        return h1_refuse(parser, H1_FAULT_LENGTH_AND_CHUNKED);

    *ret_fields = fields;
    return H1_OK;
}
