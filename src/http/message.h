/* http/message.h
 *
 * Purpose    One form of request and response heads for every version of HTTP.
 * Ownership  Spans borrow from the bytes that were parsed; the headers array is its maker's.
 * Limits     HTTP_HEADERS_MAX fields a head, HTTP_TRAILERS_MAX a trailer section that is passed on.
 * See        RFC 9110, RFC 9112 */
#ifndef YETT_HTTP_MESSAGE_H
#define YETT_HTTP_MESSAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum {
    HTTP_HEADERS_MAX = 128,
    HTTP_TRAILERS_MAX = 32,     /* more than this are noise */
    HTTP_METHOD_BYTES_MAX = 32, /* registered ones have at most 17 ("UPDATEREDIRECTREF") */
};

enum http_method {
    HTTP_METHOD_OTHER, /* any other token: `method_text` has it */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_CONNECT,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_PATCH,
};

/* Field names that the program itself looks at; http/names.h has the table. */
#define HTTP_NAME(id, text) id,
enum http_name {
    HTTP_NAME_OTHER,
#include "http/names.h"
    HTTP_NAMES_LEN
};
#undef HTTP_NAME

struct http_header {
    const char *name, *value; /* value without surrounding white space */
    uint32_t value_len;
    uint16_t name_len;
    uint16_t id; /* enum http_name */
};

static inline struct span http_header_name(const struct http_header *h)
{
    return span_of(h->name, h->name_len);
}

static inline struct span http_header_value(const struct http_header *h)
{
    return span_of(h->value, h->value_len);
}

enum http_body_kind {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH, /* content_length bytes, may be 0 */
    HTTP_BODY_CHUNKED,
    HTTP_BODY_TO_END, /* responses: until the connection closes */
};

struct http_head {
    /* requests */
    enum http_method method;
    struct span method_text, target;
    struct span host;     /* the Host field's value, or the authority of an absolute-form target */
    struct span protocol; /* of an extended CONNECT (RFC 8441); "" for all else */
    bool expects_continue;
    /* responses */
    uint16_t status;
    struct span reason;
    /* both */
    uint8_t version_major, version_minor; /* 1.0, 1.1, 2.0 */
    bool keep_alive;     /* as version and Connection say; the framing may forbid it still */
    bool upgrades;       /* Connection: upgrade and an Upgrade field; for responses: status 101 */
    struct span upgrade; /* the Upgrade field's value */
    enum http_body_kind body;
    uint64_t content_length; /* of HTTP_BODY_LENGTH; of a HEAD's answer: what the field says */
    struct http_header *headers;
    uint32_t headers_len;
    uint64_t names_seen; /* bit (1 << id) of each enum http_name present */
};

static_assert(HTTP_NAMES_LEN <= 64, "names_seen has 64 bits");

/* HTTP/1.1 or later: knows interim answers, and bodies that end without a length or a close. */
static inline bool http_head_is_1_1(const struct http_head *head)
{
    return head->version_major > 1 || head->version_minor >= 1;
}

/* First field of that name, or NULL. */
const struct http_header *http_head_find(const struct http_head *head, enum http_name id);
const struct http_header *http_head_find_text(const struct http_head *head, struct span name);

/* True where `name` is one of the options that the Connection fields list (RFC 9110, 7.6.1). */
bool http_head_connection_lists(const struct http_head *head, struct span name);

/* A token is in a comma-separated list, in any case, white space around it aside. */
bool http_list_has(struct span list, struct span token);

enum http_name http_name_of(struct span name); /* in any case */
enum http_method http_method_of(struct span text);
struct span http_reason(uint16_t status); /* "Not Found"; "" for codes without one */

bool http_is_token(struct span text);

/* Copies a head: its texts to `at`, where http_head_text_bytes() have room, its fields to `headers`. */
size_t http_head_text_bytes(const struct http_head *head);
void http_head_copy(const struct http_head *head, char *at, struct http_header *headers,
                    struct http_head *ret_head);

/* Copies fields alone, into one block for mem_free(): NULL for none. */
struct http_header *http_headers_dup(const struct http_header *headers, uint32_t len);

/* False for fields that may not come behind the content (RFC 9110, 6.5.1: framing, routing,
 * authentication, …). */
bool http_may_trail(const struct http_header *header);

#endif
