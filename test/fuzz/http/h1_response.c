/* Response heads: how the bytes arrive makes no difference, and the framing is always decided. The
 * first three bytes of the input say how they are split and which method was asked with. */
#include "base/bug.h"
#include "feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_method asked;

static int parse(struct h1_parser *parser, struct span bytes, const struct h1_limits *limits,
                 struct http_header *headers, struct http_head *ret_head, size_t *ret_bytes)
{
    return h1_response_parse(parser, bytes, limits, asked, headers, ret_head, ret_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct span bytes = span_of((const char *)data + 3, size - 3);
    struct h1_limits limits = { .head_bytes = 4096, .headers = 32 };
    asked = (enum http_method)(data[2] % (HTTP_PATCH + 1));

    struct outcome whole = feed(parse, bytes, bytes.len, 1, &limits);
    struct outcome split = feed(parse, bytes, data[0], (size_t)data[1] % 16 + 1, &limits);
    invariant(outcome_eq(&whole, &split));
    if (whole.result != H1_OK)
        return 0;

    const struct http_head *head = &whole.head;
    bool bodiless = asked == HTTP_HEAD || head->status < 200 || head->status == 204 ||
                    head->status == 304 || (asked == HTTP_CONNECT && head->status < 300);
    invariant(head->status >= 100 && head->status <= 599);
    invariant((head->body == HTTP_BODY_NONE) == bodiless);
    invariant(head->body != HTTP_BODY_TO_END || !head->keep_alive);
    invariant(whole.bytes <= bytes.len);
    return 0;
}
