/* test/unit/http/feed.h
 *
 * Purpose    Gives bytes to a parser in every way they may arrive, each time from a heap block of
 * just their length, so that a read past the end is caught. */
#ifndef YETT_TEST_HTTP_FEED_H
#define YETT_TEST_HTTP_FEED_H

#include "base/mem.h"
#include "base/scope.h"
#include "http/h1.h"

#define LIMITS ((struct h1_limits){ .head_bytes = 32768, .target_bytes = 16384, .headers = 100 })

/* What one feeding came to. */
struct outcome {
    int result;
    enum h1_fault fault;
    size_t bytes;
    struct http_head head; /* its spans are dead: compare numbers alone */
};

typedef int feed_parse(struct h1_parser *parser, struct span bytes, const struct h1_limits *limits,
                       struct http_header *headers, struct http_head *ret_head, size_t *ret_bytes);

/* The first `len` bytes of `whole`, in a block of their own. */
static inline void feed_one(feed_parse *parse, struct h1_parser *parser, struct span whole,
                            size_t len, const struct h1_limits *limits, struct outcome *outcome)
{
    SCOPED(mem_freep) char *block = mem_alloc(len + 1);
    char *at = block + 1; /* unaligned, and ending where the block ends */
    struct http_header headers[HTTP_HEADERS_MAX];

    memcpy(at, whole.ptr, len);
    outcome->result =
        parse(parser, span_of(at, len), limits, headers, &outcome->head, &outcome->bytes);
    outcome->fault = parser->fault;
}

/* Everything up to each of `first`, `first + step`, … and at last the whole, until there is a
 * verdict. */
static inline struct outcome feed(feed_parse *parse, struct span whole, size_t first, size_t step,
                                  const struct h1_limits *limits)
{
    struct h1_parser parser = { 0 };
    struct outcome outcome = { .result = H1_PARTIAL };

    for (size_t len = first; outcome.result == H1_PARTIAL && len < whole.len; len += step)
        feed_one(parse, &parser, whole, len, limits, &outcome);
    if (outcome.result == H1_PARTIAL)
        feed_one(parse, &parser, whole, whole.len, limits, &outcome);
    return outcome;
}

static inline bool outcome_eq(const struct outcome *a, const struct outcome *b)
{
    if (a->result != b->result || a->fault != b->fault)
        return false;
    if (a->result != H1_OK)
        return true;
    return a->bytes == b->bytes && a->head.headers_len == b->head.headers_len &&
           a->head.body == b->head.body && a->head.content_length == b->head.content_length &&
           a->head.host.len == b->head.host.len && a->head.target.len == b->head.target.len &&
           a->head.status == b->head.status && a->head.names_seen == b->head.names_seen &&
           a->head.keep_alive == b->head.keep_alive;
}

#endif
