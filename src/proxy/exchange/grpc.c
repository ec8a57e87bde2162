#include "proxy/exchange/grpc.h"

#include "base/num.h"
#include "proxy/limits.h"

/* "application/grpc", alone, with a subtype ("+proto") or with parameters. */
bool grpc_is_request(const struct http_head *request)
{
    const struct span type = SPAN("application/grpc");
    const struct http_header *header = http_head_find(request, HTTP_CONTENT_TYPE);
    struct span value = header ? http_header_value(header) : SPAN_EMPTY;

    return span_starts_with_nocase(value, type) &&
           (value.len == type.len || value.ptr[type.len] == '+' || value.ptr[type.len] == ';');
}

/* One to eight digits and a unit; what is not that is for the backend to refuse. */
static bool timeout_parse(struct span value, uint64_t *ret_us)
{
    uint64_t number;

    if (value.len < 2 || value.len > 9 ||
        !num_parse_u64(span_upto(value, value.len - 1), UINT64_MAX, &number))
        return false;
    switch (value.ptr[value.len - 1]) {
    case 'H':
        *ret_us = number * 3600 * 1000 * 1000;
        return true;
    case 'M':
        *ret_us = number * 60 * 1000 * 1000;
        return true;
    case 'S':
        *ret_us = number * 1000 * 1000;
        return true;
    case 'm':
        *ret_us = number * 1000;
        return true;
    case 'u':
        *ret_us = number;
        return true;
    case 'n':
        *ret_us = number / 1000;
        return true;
    }
    return false;
}

uint32_t grpc_deadline_ms(const struct http_head *request)
{
    const struct http_header *header = http_head_find_text(request, SPAN("grpc-timeout"));
    uint64_t us;

    if (!header || !timeout_parse(http_header_value(header), &us))
        return 0;
    return (uint32_t)MIN(us / 1000 + 1, (uint64_t)PROXY_GRPC_DEADLINE_MAX_MS);
}

enum {
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

/* As clients map what intermediaries say, but for 504 and 413: what these mean, gRPC has words for. */
uint8_t grpc_status_of(uint16_t status)
{
    switch (status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 413:
        return GRPC_RESOURCE_EXHAUSTED;
    case 429:
    case 502:
    case 503:
        return GRPC_UNAVAILABLE;
    case 504:
        return GRPC_DEADLINE_EXCEEDED;
    }
    return GRPC_UNKNOWN;
}
