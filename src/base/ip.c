#include "base/ip.h"

#include <arpa/inet.h>

#include "base/bug.h"
#include "base/num.h"

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

bool ip_parse(struct span text, struct ip_addr *ret_addr)
{
    char str[IP_TEXT_MAX];
    struct ip_addr addr;

    if (text.len == 0 || text.len >= sizeof(str) || span_find(text, '\0') != SPAN_NOT_FOUND)
        return false;
    memcpy(str, text.ptr, text.len);
    str[text.len] = '\0';

    memcpy(addr.bytes, v4_prefix, sizeof(v4_prefix));
    if (inet_pton(AF_INET, str, addr.bytes + 12) != 1 && inet_pton(AF_INET6, str, addr.bytes) != 1)
        return false;
    *ret_addr = addr;
    return true;
}

bool ip_block_parse(struct span text, struct ip_block *ret_block)
{
    size_t slash = span_find(text, '/');
    struct ip_block block = { .prefix_bits = 128 };
    uint64_t bits;

    if (!ip_parse(span_upto(text, MIN(slash, text.len)), &block.addr))
        return false;
    if (slash != SPAN_NOT_FOUND) {
        uint64_t base = ip_is_v4(&block.addr) ? 96 : 0;
        if (!num_parse_u64(span_from(text, slash + 1), 128 - base, &bits))
            return false;
        block.prefix_bits = (uint8_t)(base + bits);
    }
    *ret_block = block;
    return true;
}

struct ip_addr ip_from_v4(const void *bytes)
{
    struct ip_addr addr = { { [10] = 0xFF, [11] = 0xFF } };

    memcpy(addr.bytes + 12, bytes, 4);
    return addr;
}

bool ip_is_v4(const struct ip_addr *addr)
{
    return memcmp(addr->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool ip_is_loopback(const struct ip_addr *addr)
{
    static const uint8_t v6_loopback[16] = { [15] = 1 };

    return ip_is_v4(addr) ? addr->bytes[12] == 127
                          : memcmp(addr->bytes, v6_loopback, sizeof(v6_loopback)) == 0;
}

bool ip_is_unspecified(const struct ip_addr *addr)
{
    static const uint8_t nothing[16];

    return memcmp(addr->bytes + 12, nothing, 4) == 0 &&
           (ip_is_v4(addr) || memcmp(addr->bytes, nothing, 12) == 0);
}

bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

bool ip_block_has(const struct ip_block *block, const struct ip_addr *addr)
{
    size_t whole = block->prefix_bits / 8;
    unsigned rest = block->prefix_bits % 8;

    if (ip_is_v4(&block->addr) != ip_is_v4(addr))
        return false;
    if (memcmp(block->addr.bytes, addr->bytes, whole) != 0)
        return false;
    return rest == 0 || ((block->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest)) == 0;
}

static char *octet_put(char *at, uint8_t octet)
{
    if (octet >= 100)
        *at++ = (char)('0' + octet / 100);
    if (octet >= 10)
        *at++ = (char)('0' + octet / 10 % 10);
    *at++ = (char)('0' + octet % 10);
    return at;
}

/* By hand, for inet_ntop() prints through stdio, and a worker formats an address per request. */
static size_t v4_format(const uint8_t *octets, char *at)
{
    char *to = octet_put(at, octets[0]);

    for (size_t i = 1; i < 4; i++) {
        *to++ = '.';
        to = octet_put(to, octets[i]);
    }
    *to = '\0';
    return (size_t)(to - at);
}

size_t ip_format(const struct ip_addr *addr, char *at)
{
    if (ip_is_v4(addr))
        return v4_format(addr->bytes + 12, at);
    const char *text = inet_ntop(AF_INET6, addr->bytes, at, IP_TEXT_MAX);
    invariant(text != NULL);
    return strlen(text);
}
