/* Request heads: what is accepted holds together, and how the bytes arrive makes no difference. The
 * first two bytes of the input say how they are split. */
#include "base/bug.h"
#include "feed.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const struct http_header *h, struct span bytes)
{
    struct span name = http_header_name(h), value = http_header_value(h);
    invariant(h->name >= bytes.ptr && h->value + h->value_len <= bytes.ptr + bytes.len);
    invariant(http_is_token(name));
    invariant(h->id == http_name_of(name));
    invariant(span_find(value, '\r') == SPAN_NOT_FOUND && span_find(value, '\n') == SPAN_NOT_FOUND);
    invariant(span_find(value, '\0') == SPAN_NOT_FOUND);
    invariant(span_eq(value, span_trim(value)));
}

static void check_head(const struct http_head *head, struct span bytes)
{
    char at[32768];
    struct span normal;
    struct target target;

    for (uint32_t i = 0; i < head->headers_len; i++)
        check_header(&head->headers[i], bytes);
    invariant(http_is_token(head->method_text));
    invariant(head->target.len <= sizeof(at) && head->host.len <= sizeof(at));
    invariant(host_normalise(head->host, at, &normal) == TARGET_OK);
    invariant(head->version_minor == 0 || !span_is_empty(head->host));
    invariant(head->method == HTTP_CONNECT ||
              target_parse(head->target, head->method, &target) == TARGET_OK);
    invariant(head->body != HTTP_BODY_TO_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span bytes = span_of((const char *)data + 2, size - 2);
    struct h1_limits limits = { .head_bytes = 4096, .target_bytes = 1024, .headers = 32 };

    struct outcome whole = feed(h1_request_parse, bytes, bytes.len, 1, &limits);
    struct outcome split =
        feed(h1_request_parse, bytes, data[0], (size_t)data[1] % 16 + 1, &limits);
    invariant(outcome_eq(&whole, &split));

    struct h1_parser parser = { 0 };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_head head;
    size_t head_bytes;
    if (h1_request_parse(&parser, bytes, &limits, headers, &head, &head_bytes) == H1_OK) {
        invariant(head_bytes <= bytes.len);
        check_head(&head, span_upto(bytes, head_bytes));
    }
    return 0;
}
