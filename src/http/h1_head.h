/* http/h1_head.h
 *
 * Purpose    What request and response heads share: where a head ends, and its fields.
 * Ownership  Spans borrow from the bytes given in.
 * Errors     An h1_result, or NULL for a pointer; the fault stands in parser->fault then. */
#ifndef YETT_HTTP_H1_HEAD_H
#define YETT_HTTP_H1_HEAD_H

#include "http/h1.h"

/* What fields say about framing, before version and kind of the message decide what that means. */
struct h1_fields {
    uint32_t len;
    uint64_t names_seen;
    struct span host; /* meaningful where names_seen has HTTP_HOST; likewise the next three */
    uint64_t content_length;
    struct span upgrade; /* the first Upgrade field */
    bool expects_continue;
    enum h1_fault request_fault; /* the first that a request, but no response, is refused for */
    bool says_close, says_keep_alive, says_upgrade; /* in the Connection fields */
};

static inline bool h1_fields_has(const struct h1_fields *fields, enum http_name id)
{
    return fields->names_seen & 1ull << id;
}

/* Sets the fault and returns H1_BAD. */
YETT_COLD int h1_refuse(struct h1_parser *parser, enum h1_fault fault);

/* Finds the empty line that ends the head which begins at `start`, *ret_end past it. Bare line
 * feeds, over-long heads and too many lines are found on the way, at the same byte however the
 * bytes were split. The caller has made sure that the first byte begins no line end. */
YETT_MUST_USE int h1_head_end(struct h1_parser *parser, struct span bytes, size_t start,
                              const struct h1_limits *limits, size_t *ret_end);

/* The line does not end at `at` as it should: bare CR or LF, or `otherwise`. Returns NULL. */
YETT_COLD const char *h1_refuse_line(struct h1_parser *parser, const char *at, const char *end,
                                     enum h1_fault otherwise);

/* "\r\n" at `at`: returns what follows; or NULL as h1_refuse_line() does. */
static inline const char *h1_line_end(struct h1_parser *parser, const char *at, const char *end,
                                      enum h1_fault otherwise)
{
    if (likely(end - at >= 2 && at[0] == '\r' && at[1] == '\n'))
        return at + 2;
    return h1_refuse_line(parser, at, end, otherwise);
}

/* Parses one field line at `at`; returns what follows its line end, or NULL. */
const char *h1_field_parse(struct h1_parser *parser, const char *at, const char *end,
                           struct http_header *ret_header);

/* Draws from one field what framing and the connection need of it; it is not yet in fields->names_seen. */
YETT_MUST_USE enum h1_fault h1_field_note(struct h1_fields *fields, const struct http_header *h);

/* Parses the field lines of a complete head: all of [at, end) but the empty line, at most as many
 * as h1_head_end() let pass. */
YETT_MUST_USE int h1_fields_parse(struct h1_parser *parser, const char *at, const char *end,
                                  struct http_header *headers, struct h1_fields *ret_fields);

#endif
