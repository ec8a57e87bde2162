/* http/h1.h
 *
 * Purpose    HTTP/1.x heads, without I/O. Strict where laxness means smuggling.
 * Ownership  The head borrows from `bytes`; its fields go into the caller's array, which has room
 *            for HTTP_HEADERS_MAX.
 * Lifetime   A zeroed h1_parser is ready; after a head it must be zeroed again for the next.
 * Errors     An h1_result each; enum h1_fault says what was wrong, and the status to answer.
 * See        RFC 9112; docs/internals/http1.md lists each strictness with its reason. */
#ifndef YETT_HTTP_H1_H
#define YETT_HTTP_H1_H

#include "base/compiler.h"
#include "http/message.h"

enum h1_result {
    H1_OK = 0,
    H1_PARTIAL, /* call again with more bytes after these */
    H1_BAD,     /* parser->fault says why */
};

/* Codes with their texts and the status that a request earns stand in http/h1_faults.h. */
#define H1_FAULT(id, status, text) id,
enum h1_fault {
    H1_FAULT_NONE,
#include "http/h1_faults.h"
    H1_FAULTS_LEN
};
#undef H1_FAULT

struct h1_parser {
    size_t seen;    /* bytes in which earlier calls did not find the head's end */
    uint32_t lines; /* complete lines among them */
    enum h1_fault fault;
};

struct h1_limits {
    size_t head_bytes; /* start line and fields, all line ends included */
    size_t target_bytes;
    uint32_t headers; /* at most HTTP_HEADERS_MAX */
};

/* Parses a request head at the start of `bytes` (leading empty lines are skipped, RFC 9112 2.2).
 * H1_OK: *ret_head is set and *ret_bytes is the length of the head with what was skipped. Its
 * target is one that target_parse() takes (but CONNECT's is not read), its host one for
 * host_normalise(). H1_PARTIAL: nothing is set. What can be judged early is: bytes that begin no
 * request, targets and heads without end, too many fields, bare line feeds. */
YETT_MUST_USE int h1_request_parse(struct h1_parser *parser, struct span bytes,
                                   const struct h1_limits *limits, struct http_header *headers,
                                   struct http_head *ret_head, size_t *ret_bytes);

/* Likewise a response head; `to` is the method of the request that it answers, on which the framing
 * depends (RFC 9112, 6.3). 1xx heads are returned like any other, with HTTP_BODY_NONE. */
YETT_MUST_USE int h1_response_parse(struct h1_parser *parser, struct span bytes,
                                    const struct h1_limits *limits, enum http_method to,
                                    struct http_header *headers, struct http_head *ret_head,
                                    size_t *ret_bytes);

const char *h1_fault_text(enum h1_fault fault);
uint16_t h1_fault_status(enum h1_fault fault); /* for requests; a response's fault is a 502 */

#endif
