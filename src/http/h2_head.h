/* http/h2_head.h
 *
 * Purpose    Makes one head out of the fields that HTTP/2 brings one by one: a request's, an answer's, or
 *            a trailer section, by the rules of RFC 9113 8.2 and 8.3 and, for all that they share, by those
 *            of HTTP/1. Knows neither frames nor HPACK.
 * Ownership  The collector copies what it is given; the head borrows from it.
 * Lifetime   h2_head_begin() … h2_head_deinit(); for one head.
 * Limits     As HTTP/1's: `limits` (a request's leave one of HTTP_HEADERS_MAX for Host), a field counting
 *            its name, its value and 4 bytes; a trailer section's bytes are those of a chunked body's. What
 *            comes past them is counted but not kept.
 * Errors     enum h2_head_result.
 * See        docs/internals/http2.md */
#ifndef YETT_HTTP_H2_HEAD_H
#define YETT_HTTP_H2_HEAD_H

#include "base/arena.h"
#include "base/buf.h"
#include "http/h1_head.h"

enum h2_head_kind { H2_HEAD_REQUEST, H2_HEAD_RESPONSE, H2_HEAD_TRAILERS };

enum h2_head_result {
    H2_HEAD_OK = 0,
    H2_HEAD_REFUSED, /* well-formed HTTP/2, but no request that we take: answer with the fault's status */
    H2_HEAD_MALFORMED, /* a stream error, PROTOCOL_ERROR (RFC 9113, 8.1.1) */
};

/* The pseudo fields, in the order of their names' table. */
enum h2_pseudo {
    H2_PSEUDO_METHOD,
    H2_PSEUDO_SCHEME,
    H2_PSEUDO_AUTHORITY,
    H2_PSEUDO_PATH,
    H2_PSEUDO_PROTOCOL,
    H2_PSEUDO_STATUS,
    H2_PSEUDOS_LEN
};

struct h2_head {
    enum h2_head_kind kind;
    const struct h1_limits *limits;
    struct arena texts;
    struct buf cookie; /* crumbs of a Cookie that came as several, joined */
    uint32_t cookie_at;
    struct span pseudo[H2_PSEUDOS_LEN]; /* ptr NULL: not there */
    struct h1_fields fields;
    uint64_t bytes;          /* of all that was added, kept or not */
    enum h1_fault fault;     /* the first; whether it is malformed is h2_head_end_…()'s to say */
    bool names_were_regular; /* a field that is no pseudo field came */
    struct http_header headers[HTTP_HEADERS_MAX];
};

void h2_head_begin(struct h2_head *head, enum h2_head_kind kind, const struct h1_limits *limits);
void h2_head_deinit(struct h2_head *head);

/* Adds the next field. False: so much came past the limits (H2_HEAD_EXCESS) that the rest shall not even
 * be looked at. */
YETT_MUST_USE bool h2_head_add(struct h2_head *head, struct span name, struct span value);

/* All fields are there. `ends`: END_STREAM came with them. H2_HEAD_OK: *ret_head is set, in the form that
 * all versions of HTTP share: Host is listed, pseudo fields are not. Otherwise head->fault says why. */
YETT_MUST_USE int h2_head_end_request(struct h2_head *head, bool ends, struct http_head *ret_head);
/* `to` is the method of the request that it answers. */
YETT_MUST_USE int h2_head_end_response(struct h2_head *head, bool ends, enum http_method to,
                                       struct http_head *ret_head);
/* Fields that may not be trailers are left out. */
YETT_MUST_USE int h2_head_end_trailers(struct h2_head *head, uint32_t *ret_len);

#endif
