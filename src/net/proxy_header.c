#include "net/proxy_header.h"

#include "base/num.h"

/* Both versions begin with bytes that no HTTP request and no TLS record begins with, so a header is never
 * guessed: a connection either begins with one or is bad. */

static const char signature_v2[12] = "\r\n\r\n\0\r\nQUIT\n";

/* ---- version 1: a line of text ---- */

static bool take_word(struct span *rest, struct span *ret_word)
{
    return span_split(rest, ' ', ret_word) && ret_word->len > 0;
}

/* Port 0 is allowed: the specification's range is 0..65535. */
static bool port_parse(struct span text, uint16_t *ret_port)
{
    uint32_t port;

    if ((text.len > 1 && text.ptr[0] == '0') || !num_parse_u32(text, UINT16_MAX, &port))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool address_parse(struct span text, bool is_v6, struct ip_addr *ret_ip)
{
    return (span_find(text, ':') != SPAN_NOT_FOUND) == is_v6 && ip_parse(text, ret_ip);
}

/* " TCP4 255.255.255.255 255.255.255.255 65535 65535", after the word PROXY and without CRLF. */
static int line_parse(struct span line, struct proxy_header *ret_header)
{
    struct proxy_header header = { .has_addresses = true };
    struct span family, source, destination, source_port, destination_port;

    if (!take_word(&line, &family))
        return PROXY_HEADER_BAD;
    if (span_eq(family, SPAN("UNKNOWN"))) {
        *ret_header = (struct proxy_header){ 0 };
        return PROXY_HEADER_OK; /* whatever follows is to be ignored */
    }
    bool is_v6 = span_eq(family, SPAN("TCP6"));
    if ((!is_v6 && !span_eq(family, SPAN("TCP4"))) || !take_word(&line, &source) ||
        !take_word(&line, &destination) || !take_word(&line, &source_port))
        return PROXY_HEADER_BAD;
    destination_port = line;
    if (!address_parse(source, is_v6, &header.source) ||
        !address_parse(destination, is_v6, &header.destination) ||
        !port_parse(source_port, &header.source_port) ||
        !port_parse(destination_port, &header.destination_port))
        return PROXY_HEADER_BAD;
    *ret_header = header;
    return PROXY_HEADER_OK;
}

static int v1_parse(struct span bytes, struct proxy_header *ret_header, size_t *ret_len)
{
    const struct span begin = SPAN("PROXY ");
    struct span line = span_upto(bytes, PROXY_HEADER_V1_BYTES_MAX);

    if (!span_starts_with(begin, span_upto(line, begin.len)))
        return PROXY_HEADER_BAD;
    size_t end = span_find(line, '\r');
    size_t feed = span_find(line, '\n');
    if (end == SPAN_NOT_FOUND || end + 1 == line.len)
        return feed != SPAN_NOT_FOUND || line.len == PROXY_HEADER_V1_BYTES_MAX ? PROXY_HEADER_BAD
                                                                               : PROXY_HEADER_MORE;
    if (feed != end + 1 || end < begin.len)
        return PROXY_HEADER_BAD;
    int r = line_parse(span_from(span_upto(line, end), begin.len), ret_header);
    if (r == PROXY_HEADER_OK)
        *ret_len = end + 2;
    return r;
}

/* ---- version 2: binary ---- */

enum {
    V2_FIXED_BYTES = 16, /* signature, version and command, family, length */
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_INET = 1,
    V2_INET6 = 2,
    V2_UNIX = 3,
    V2_STREAM = 1,
    V2_DATAGRAM = 2,
    V2_TLV_CRC32C = 3,
};

static uint8_t u8_at(struct span bytes, size_t at)
{
    return (uint8_t)bytes.ptr[at];
}

static uint16_t u16_at(struct span bytes, size_t at)
{
    return (uint16_t)(u8_at(bytes, at) << 8 | u8_at(bytes, at + 1));
}

/* Castagnoli's polynomial, reflected, four bits at a time: a header is short, and few carry it. */
static uint32_t crc32c_add(uint32_t crc, struct span bytes)
{
    static const uint32_t steps[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3,
        0x61C69362, 0x7198540D, 0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
        0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= u8_at(bytes, i);
        crc = crc >> 4 ^ steps[crc & 15];
        crc = crc >> 4 ^ steps[crc & 15];
    }
    return crc;
}

/* Over the whole header, with the checksum's own four bytes at `at` taken for zeroes. */
static bool checksum_holds(struct span header, size_t at)
{
    uint32_t said = (uint32_t)u16_at(header, at) << 16 | u16_at(header, at + 2);
    uint32_t crc = crc32c_add(UINT32_MAX, span_upto(header, at));

    crc = crc32c_add(crc, span_of("\0\0\0\0", 4));
    crc = crc32c_add(crc, span_from(header, at + 4));
    return ~crc == said;
}

/* TLVs from `at` to the end of the header: well-formed, and none of them lies. */
static bool tlvs_hold(struct span header, size_t at)
{
    size_t checksum_at = 0;

    while (at < header.len) {
        if (header.len - at < 3)
            return false;
        uint8_t type = u8_at(header, at);
        uint16_t len = u16_at(header, at + 1);
        at += 3;
        if (header.len - at < len)
            return false;
        if (type == V2_TLV_CRC32C) {
            if (len != 4 || checksum_at != 0)
                return false;
            checksum_at = at;
        }
        at += len;
    }
    return checksum_at == 0 || checksum_holds(header, checksum_at);
}

static struct ip_addr address_take(const char *bytes, size_t len)
{
    struct ip_addr address;

    if (len == 4)
        return ip_from_v4(bytes);
    memcpy(address.bytes, bytes, sizeof(address.bytes));
    return address;
}

static void addresses_take(struct span block, size_t address_bytes, struct proxy_header *header)
{
    header->has_addresses = true;
    header->source = address_take(block.ptr, address_bytes);
    header->destination = address_take(block.ptr + address_bytes, address_bytes);
    header->source_port = u16_at(block, 2 * address_bytes);
    header->destination_port = u16_at(block, 2 * address_bytes + 2);
}

/* Bytes of the two addresses (and ports) of a family; 0: it has none that we know. */
static size_t block_bytes(unsigned family)
{
    switch (family) {
    case V2_INET:
        return 2 * 4 + 4;
    case V2_INET6:
        return 2 * 16 + 4;
    case V2_UNIX:
        return 2 * 108;
    default:
        return 0;
    }
}

/* What a PROXY command says of the addresses. Datagrams cannot have come over this connection: theirs are
 * passed over, like those of UNIX sockets. */
static int proxied_parse(struct span header, struct proxy_header *ret_header)
{
    struct proxy_header parsed = { 0 };
    unsigned family = u8_at(header, 13) >> 4, transport = u8_at(header, 13) & 15;
    size_t address_bytes = block_bytes(family);

    if (family > V2_UNIX || transport > V2_DATAGRAM)
        return PROXY_HEADER_BAD;
    if (family == 0 || transport == 0) {
        *ret_header = parsed; /* UNSPEC: what follows has no form that one could check */
        return PROXY_HEADER_OK;
    }
    if (header.len - V2_FIXED_BYTES < address_bytes ||
        !tlvs_hold(header, V2_FIXED_BYTES + address_bytes))
        return PROXY_HEADER_BAD;
    if (transport == V2_STREAM && family != V2_UNIX)
        addresses_take(span_from(header, V2_FIXED_BYTES), family == V2_INET ? 4 : 16, &parsed);
    *ret_header = parsed;
    return PROXY_HEADER_OK;
}

static int v2_parse(struct span bytes, struct proxy_header *ret_header, size_t *ret_len)
{
    const struct span signature = span_of(signature_v2, sizeof(signature_v2));

    if (!span_starts_with(signature, span_upto(bytes, signature.len)))
        return PROXY_HEADER_BAD;
    if (bytes.len > 12 && u8_at(bytes, 12) != V2_LOCAL && u8_at(bytes, 12) != V2_PROXY)
        return PROXY_HEADER_BAD;
    if (bytes.len < V2_FIXED_BYTES)
        return PROXY_HEADER_MORE;
    size_t len = V2_FIXED_BYTES + (size_t)u16_at(bytes, 14);
    if (len > PROXY_HEADER_BYTES_MAX)
        return PROXY_HEADER_BAD;
    if (bytes.len < len)
        return PROXY_HEADER_MORE;

    int r = PROXY_HEADER_OK;
    if (u8_at(bytes, 12) == V2_PROXY)
        r = proxied_parse(span_upto(bytes, len), ret_header);
    else
        *ret_header = (struct proxy_header){ 0 }; /* LOCAL: the rest is to be discarded unread */
    if (r == PROXY_HEADER_OK)
        *ret_len = len;
    return r;
}

int proxy_header_parse(struct span bytes, struct proxy_header *ret_header, size_t *ret_len)
{
    if (bytes.len == 0)
        return PROXY_HEADER_MORE;
    if (bytes.ptr[0] == signature_v2[0])
        return v2_parse(bytes, ret_header, ret_len);
    return v1_parse(bytes, ret_header, ret_len);
}

/* ---- writing ---- */

static size_t put(char *at, struct span text)
{
    memcpy(at, text.ptr, text.len);
    return text.len;
}

static size_t put_address(char *at, const struct ip_addr *ip, bool as_v6)
{
    char text[IP_TEXT_MAX];
    size_t mapped = as_v6 && ip_is_v4(ip) ? put(at, SPAN("::ffff:")) : 0;

    return mapped + put(at + mapped, span_of(text, ip_format(ip, text)));
}

static size_t v1_encode(const struct proxy_header *header, bool as_v6, char *at)
{
    size_t len = 0;

    if (!header->has_addresses)
        return put(at, SPAN("PROXY UNKNOWN\r\n"));
    len += put(at + len, as_v6 ? SPAN("PROXY TCP6 ") : SPAN("PROXY TCP4 "));
    len += put_address(at + len, &header->source, as_v6);
    at[len++] = ' ';
    len += put_address(at + len, &header->destination, as_v6);
    at[len++] = ' ';
    len += num_format_u64(at + len, header->source_port);
    at[len++] = ' ';
    len += num_format_u64(at + len, header->destination_port);
    return len + put(at + len, SPAN("\r\n"));
}

static size_t put_u16(char *at, size_t value)
{
    at[0] = (char)(value >> 8);
    at[1] = (char)value;
    return 2;
}

static size_t v2_encode(const struct proxy_header *header, bool as_v6, char *at)
{
    size_t address_len = as_v6 ? 16 : 4,
           skipped = 16 - address_len; /* v4 is the end of its mapped form */
    size_t len = put(at, span_of(signature_v2, sizeof(signature_v2)));

    if (!header->has_addresses) {
        at[len++] = V2_LOCAL;
        at[len++] = 0;
        return len + put_u16(at + len, 0);
    }
    at[len++] = V2_PROXY;
    at[len++] = (char)((as_v6 ? V2_INET6 : V2_INET) << 4 | V2_STREAM);
    len += put_u16(at + len, 2 * address_len + 4);
    len += put(at + len, span_of((const char *)header->source.bytes + skipped, address_len));
    len += put(at + len, span_of((const char *)header->destination.bytes + skipped, address_len));
    len += put_u16(at + len, header->source_port);
    return len + put_u16(at + len, header->destination_port);
}

size_t proxy_header_encode(const struct proxy_header *header, unsigned version, char *at)
{
    bool as_v6 = !ip_is_v4(&header->source) || !ip_is_v4(&header->destination);

    return version == 2 ? v2_encode(header, as_v6, at) : v1_encode(header, as_v6, at);
}
