#include "http/message.h"

#include "base/bug.h"
#include "base/mem.h"
#include "http/chars.h"
#include "http/name_of_token.h"

#define HTTP_NAME(id, text) [id] = text,
const char *const http_name_texts[HTTP_NAMES_LEN] = {
#include "http/names.h"
};
#undef HTTP_NAME

/* Frequent ones first; HTTP_NAME_OTHER ends each row. */
const uint8_t http_names_by_len[HTTP_NAME_LEN_MAX + 1][HTTP_NAMES_OF_A_LEN] = {
    [2] = { HTTP_TE },
    [4] = { HTTP_HOST, HTTP_DATE, HTTP_ETAG, HTTP_VARY },
    [5] = { HTTP_PROXY },
    [6] = { HTTP_ACCEPT, HTTP_COOKIE, HTTP_SERVER, HTTP_ORIGIN, HTTP_EXPECT },
    [7] = { HTTP_REFERER, HTTP_UPGRADE, HTTP_TRAILER },
    [8] = { HTTP_LOCATION, HTTP_X_SCHEME },
    [9] = { HTTP_X_REAL_IP },
    [10] = { HTTP_CONNECTION, HTTP_USER_AGENT, HTTP_KEEP_ALIVE, HTTP_SET_COOKIE },
    [12] = { HTTP_CONTENT_TYPE, HTTP_X_REQUEST_ID },
    [13] = { HTTP_AUTHORIZATION, HTTP_CACHE_CONTROL, HTTP_ACCEPT_RANGES },
    [14] = { HTTP_CONTENT_LENGTH, HTTP_HTTP2_SETTINGS },
    [15] = { HTTP_X_FORWARDED_FOR, HTTP_ACCEPT_ENCODING },
    [16] = { HTTP_CONTENT_ENCODING, HTTP_X_FORWARDED_HOST, HTTP_X_FORWARDED_PORT,
             HTTP_PROXY_CONNECTION },
    [17] = { HTTP_TRANSFER_ENCODING, HTTP_X_FORWARDED_PROTO },
    [18] = { HTTP_X_FORWARDED_SCHEME, HTTP_PROXY_AUTHENTICATE },
    [19] = { HTTP_PROXY_AUTHORIZATION },
    [24] = { HTTP_X_ORIGINAL_FORWARDED_FOR },
    [25] = { HTTP_X_ORIGINAL_FORWARDED_HOST, HTTP_STRICT_TRANSPORT_SECURITY },
};

enum http_name http_name_of(struct span name)
{
    return http_is_token(name) ? http_name_of_token(name) : HTTP_NAME_OTHER;
}

static enum http_method method_if(struct span text, struct span expected, enum http_method method)
{
    return span_eq(text, expected) ? method : HTTP_METHOD_OTHER;
}

/* Methods are case-sensitive (RFC 9110, 9.1). */
enum http_method http_method_of(struct span text)
{
    if (text.len == 0)
        return HTTP_METHOD_OTHER;

    switch (text.ptr[0]) {
    case 'G':
        return method_if(text, SPAN("GET"), HTTP_GET);
    case 'H':
        return method_if(text, SPAN("HEAD"), HTTP_HEAD);
    case 'P':
        if (text.len == 3)
            return method_if(text, SPAN("PUT"), HTTP_PUT);
        if (text.len == 4)
            return method_if(text, SPAN("POST"), HTTP_POST);
        return method_if(text, SPAN("PATCH"), HTTP_PATCH);
    case 'D':
        return method_if(text, SPAN("DELETE"), HTTP_DELETE);
    case 'C':
        return method_if(text, SPAN("CONNECT"), HTTP_CONNECT);
    case 'O':
        return method_if(text, SPAN("OPTIONS"), HTTP_OPTIONS);
    case 'T':
        return method_if(text, SPAN("TRACE"), HTTP_TRACE);
    default:
        return HTTP_METHOD_OTHER;
    }
}

bool http_is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!http_char_is(text.ptr[i], HTTP_CHAR_TOKEN))
            return false;
    }
    return text.len > 0;
}

bool http_list_has(struct span list, struct span token)
{
    struct span member;
    while (span_split(&list, ',', &member)) {
        if (span_eq_nocase(span_trim(member), token))
            return true;
    }
    return false;
}

const struct http_header *http_head_find(const struct http_head *head, enum http_name id)
{
    if (!(head->names_seen & 1ull << id))
        return NULL;
    for (uint32_t i = 0; i < head->headers_len; i++) {
        if (head->headers[i].id == id)
            return &head->headers[i];
    }
    return NULL;
}

const struct http_header *http_head_find_text(const struct http_head *head, struct span name)
{
    for (uint32_t i = 0; i < head->headers_len; i++) {
        if (span_eq_nocase(http_header_name(&head->headers[i]), name))
            return &head->headers[i];
    }
    return NULL;
}

bool http_head_connection_lists(const struct http_head *head, struct span name)
{
    if (!(head->names_seen & 1ull << HTTP_CONNECTION))
        return false;
    for (uint32_t i = 0; i < head->headers_len; i++) {
        const struct http_header *h = &head->headers[i];
        if (h->id == HTTP_CONNECTION && http_list_has(http_header_value(h), name))
            return true;
    }
    return false;
}

/* RFC 9110, 6.5.1: what steers framing, routing, authentication or the meaning of the content may
 * not come after it. Of the names that the program itself looks at, only two are defined as fields that may. */
bool http_may_trail(const struct http_header *header)
{
    static const uint64_t defined_so = 1ull << HTTP_ETAG |         /* RFC 9110, 8.8.3 */
                                       1ull << HTTP_ACCEPT_RANGES; /* RFC 9110, 14.3 */
    static const struct span forbidden[] = {
        SPAN("age"),           SPAN("cache-control"),     SPAN("content-range"),
        SPAN("expires"),       SPAN("forwarded"),         SPAN("if-match"),
        SPAN("if-none-match"), SPAN("if-modified-since"), SPAN("if-unmodified-since"),
        SPAN("if-range"),      SPAN("max-forwards"),      SPAN("pragma"),
        SPAN("range"),         SPAN("retry-after"),       SPAN("vary"),
        SPAN("warning"),       SPAN("www-authenticate"),
    };

    if (header->id != HTTP_NAME_OTHER)
        return defined_so & 1ull << header->id;
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        if (span_eq_nocase(http_header_name(header), forbidden[i]))
            return false;
    }
    return true;
}

/* The texts of a head that are not among its fields. */
enum { HEAD_TEXTS = 6 };

static void texts_list(struct http_head *head, struct span *texts[HEAD_TEXTS])
{
    struct span *const all[] = { &head->method_text, &head->target, &head->host,
                                 &head->protocol,    &head->reason, &head->upgrade };

    static_assert(ARRAY_LEN(all) == HEAD_TEXTS, "each has its place");
    memcpy(texts, all, sizeof(all));
}

size_t http_head_text_bytes(const struct http_head *head)
{
    struct http_head shallow = *head;
    struct span *texts[HEAD_TEXTS];
    size_t bytes = 0;

    texts_list(&shallow, texts);
    for (size_t i = 0; i < HEAD_TEXTS; i++)
        bytes += texts[i]->len;
    for (uint32_t i = 0; i < head->headers_len; i++)
        bytes += head->headers[i].name_len + (size_t)head->headers[i].value_len;
    return bytes;
}

static const char *text_copy(char **at, const char *ptr, size_t len)
{
    char *to = *at;

    if (len > 0)
        memcpy(to, ptr, len);
    *at += len;
    return to;
}

/* Returns where the next text goes. */
static char *headers_copy(const struct http_header *from, uint32_t len, char *at,
                          struct http_header *to)
{
    for (uint32_t i = 0; i < len; i++) {
        to[i] = from[i];
        to[i].name = text_copy(&at, from[i].name, from[i].name_len);
        to[i].value = text_copy(&at, from[i].value, from[i].value_len);
    }
    return at;
}

struct http_header *http_headers_dup(const struct http_header *headers, uint32_t len)
{
    size_t fields_bytes = len * sizeof(*headers), text_bytes = 0;

    if (len == 0)
        return NULL;
    for (uint32_t i = 0; i < len; i++)
        text_bytes += headers[i].name_len + (size_t)headers[i].value_len;
    struct http_header *copy = mem_alloc(fields_bytes + text_bytes);
    headers_copy(headers, len, (char *)copy + fields_bytes, copy);
    return copy;
}

void http_head_copy(const struct http_head *head, char *at, struct http_header *headers,
                    struct http_head *ret_head)
{
    struct http_head copy = *head;
    struct span *texts[HEAD_TEXTS];

    texts_list(&copy, texts);
    for (size_t i = 0; i < HEAD_TEXTS; i++)
        texts[i]->ptr = text_copy(&at, texts[i]->ptr, texts[i]->len);
    copy.headers = headers;
    headers_copy(head->headers, head->headers_len, at, headers);
    *ret_head = copy;
}
