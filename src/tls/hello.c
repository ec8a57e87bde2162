#include "tls/hello.h"

/* Two passes. The first walks the records and counts, as bytes come, until the message is whole; it keeps
 * its place. The second reads the message, over the bounds of records, once. No length is believed before
 * it was held against what is there. */

enum {
    RECORD_HEAD = 5,
    RECORD_HANDSHAKE = 22,
    RECORD_BYTES_MAX = 16384,
    MESSAGE_HEAD = 4,
    MESSAGE_CLIENT_HELLO = 1,
    EXTENSION_SERVER_NAME = 0,
    NAME_TYPE_HOST = 0,
};

static uint8_t byte_at(struct span bytes, size_t at)
{
    return (uint8_t)bytes.ptr[at];
}

static uint32_t u16_at(struct span bytes, size_t at)
{
    return (uint32_t)byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

/* ---- the first pass ---- */

static bool record_head_take(struct tls_hello_scan *scan, struct span bytes)
{
    uint32_t len = u16_at(bytes, scan->at + 3);

    /* An empty one is not allowed here (RFC 8446, 5.1), and would let a hello never end. */
    if (byte_at(bytes, scan->at) != RECORD_HANDSHAKE || byte_at(bytes, scan->at + 1) != 3 ||
        len == 0 || len > RECORD_BYTES_MAX)
        return false;
    scan->record_left = len;
    scan->at += RECORD_HEAD;
    return true;
}

static bool message_head_take(struct tls_hello_scan *scan)
{
    const uint8_t *head = scan->head;
    uint32_t len = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];

    if (head[0] != MESSAGE_CLIENT_HELLO || len > TLS_HELLO_BYTES_MAX)
        return false;
    scan->need = MESSAGE_HEAD + len;
    return true;
}

/* Takes what there is of a record. False: this is no ClientHello. */
static bool record_take(struct tls_hello_scan *scan, struct span bytes)
{
    uint32_t n = (uint32_t)MIN((size_t)scan->record_left, bytes.len - scan->at);

    for (uint32_t i = 0; i < n && scan->have + i < MESSAGE_HEAD; i++)
        scan->head[scan->have + i] = byte_at(bytes, scan->at + i);
    scan->at += n;
    scan->record_left -= n;
    scan->have += n;
    return scan->need > 0 || scan->have < MESSAGE_HEAD || message_head_take(scan);
}

static int scan_on(struct tls_hello_scan *scan, struct span bytes)
{
    for (;;) {
        if (scan->need > 0 && scan->have >= scan->need)
            return TLS_HELLO_OK;
        if (scan->at == bytes.len || (scan->record_left == 0 && bytes.len - scan->at < RECORD_HEAD))
            return bytes.len < TLS_HELLO_BYTES_MAX ? TLS_HELLO_MORE : TLS_HELLO_BAD;
        if (scan->record_left == 0 ? !record_head_take(scan, bytes) : !record_take(scan, bytes))
            return TLS_HELLO_BAD;
    }
}

/* ---- the second pass ---- */

/* Puts the message together, without heads of records. Everything was checked. */
static struct span message_join(struct span bytes, uint32_t need, char *to)
{
    size_t at = 0, len = 0;

    while (len < need) {
        size_t n = MIN((size_t)u16_at(bytes, at + 3), (size_t)need - len);

        memcpy(to + len, bytes.ptr + at + RECORD_HEAD, n);
        len += n;
        at += RECORD_HEAD + n;
    }
    return span_of(to, len);
}

/* Cuts a vector with a length of `width` bytes off the front. */
static bool vector_cut(struct span *rest, size_t width, struct span *ret_vector)
{
    if (rest->len < width)
        return false;
    size_t len = width == 1 ? byte_at(*rest, 0) : u16_at(*rest, 0);
    if (rest->len - width < len)
        return false;
    *ret_vector = span_of(rest->ptr + width, len);
    *rest = span_from(*rest, width + len);
    return true;
}

/* The message's extensions; a hello of TLS 1.2 may have none at all. */
static bool extensions_find(struct span message, struct span *ret_extensions)
{
    enum { VERSION_AND_RANDOM = 2 + 32 };
    struct span session_id, suites, compressions;

    if (message.len < MESSAGE_HEAD + VERSION_AND_RANDOM)
        return false;
    struct span rest = span_from(message, MESSAGE_HEAD + VERSION_AND_RANDOM);
    if (!vector_cut(&rest, 1, &session_id) || !vector_cut(&rest, 2, &suites) ||
        !vector_cut(&rest, 1, &compressions))
        return false;
    if (rest.len == 0) {
        *ret_extensions = SPAN_EMPTY;
        return true;
    }
    return vector_cut(&rest, 2, ret_extensions) && rest.len == 0;
}

static bool server_name_find(struct span extensions, struct span *ret_name)
{
    bool is_found = false;

    *ret_name = SPAN_EMPTY;
    while (extensions.len > 0) {
        struct span content;

        if (extensions.len < 2)
            return false;
        uint32_t type = u16_at(extensions, 0);
        extensions = span_from(extensions, 2);
        if (!vector_cut(&extensions, 2, &content))
            return false;
        if (type != EXTENSION_SERVER_NAME)
            continue;
        if (is_found || !tls_server_name_parse(content, ret_name))
            return false;
        is_found = true;
    }
    return true;
}

int tls_hello_read(struct tls_hello_scan *scan, struct span bytes, char name[TLS_HELLO_NAME_MAX],
                   struct span *ret_name)
{
    char joined[MESSAGE_HEAD + TLS_HELLO_BYTES_MAX];
    struct span extensions, sent;

    bytes = span_upto(bytes, TLS_HELLO_BYTES_MAX);
    int r = scan_on(scan, bytes);
    if (r != TLS_HELLO_OK)
        return r;
    if (!extensions_find(message_join(bytes, scan->need, joined), &extensions) ||
        !server_name_find(extensions, &sent))
        return TLS_HELLO_BAD;
    *ret_name = tls_server_name_fold(sent, name);
    return TLS_HELLO_OK;
}

/* The list was meant to hold names of several types. It never did, and whoever sends more than the one
 * name of a host is not understood the same way everywhere: OpenSSL takes it for malformed, too. */
bool tls_server_name_parse(struct span extension, struct span *ret_name)
{
    struct span list, name;

    if (!vector_cut(&extension, 2, &list) || extension.len > 0 || list.len == 0 ||
        byte_at(list, 0) != NAME_TYPE_HOST)
        return false;
    list = span_from(list, 1);
    if (!vector_cut(&list, 2, &name) || list.len > 0 || name.len == 0 ||
        name.len > TLS_HELLO_NAME_MAX || span_find(name, '\0') != SPAN_NOT_FOUND)
        return false;
    *ret_name = name;
    return true;
}

struct span tls_server_name_fold(struct span name, char *at)
{
    if (span_ends_with(name, SPAN(".")))
        name.len--;
    for (size_t i = 0; i < name.len; i++)
        at[i] = ascii_lower(name.ptr[i]);
    return span_of(at, name.len);
}
