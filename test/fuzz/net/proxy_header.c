/* PROXY headers: a header is taken whole or not at all, wherever it is cut; what was understood is
 * written and understood again. */
#include "net/proxy_header.h"
#include "base/bug.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct proxy_header *header, unsigned version)
{
    char text[PROXY_HEADER_V1_BYTES_MAX];
    struct span written = span_of(text, proxy_header_encode(header, version, text));
    struct proxy_header again;
    size_t len;

    invariant(written.len <= PROXY_HEADER_V1_BYTES_MAX);
    invariant(proxy_header_parse(written, &again, &len) == PROXY_HEADER_OK && len == written.len);
    invariant(again.has_addresses == header->has_addresses);
    if (!again.has_addresses)
        return;
    invariant(ip_eq(&again.source, &header->source));
    invariant(ip_eq(&again.destination, &header->destination));
    invariant(again.source_port == header->source_port);
    invariant(again.destination_port == header->destination_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of((const char *)data, size);
    struct proxy_header header, cut;
    size_t len = 0, cut_len;
    int r = proxy_header_parse(bytes, &header, &len);

    if (r == PROXY_HEADER_OK) {
        invariant(len > 0 && len <= size && len <= PROXY_HEADER_BYTES_MAX);
        invariant(proxy_header_parse(span_upto(bytes, len - 1), &cut, &cut_len) ==
                  PROXY_HEADER_MORE);
        check_again(&header, 1);
        check_again(&header, 2);
    } else if (r == PROXY_HEADER_MORE) {
        invariant(size < PROXY_HEADER_BYTES_MAX);
    }
    return 0;
}
