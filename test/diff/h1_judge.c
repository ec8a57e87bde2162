/* Reads byte streams as connections would carry them, and says how each is understood.
 *
 * Input: streams, each after its length as four bytes, least significant first. Output for each stream: a
 * line per request, "accept METHOD ORIGIN HOST VERSION KIND BYTES" (the content's bytes, "-" for an empty host),
 * then one line on how it ends: "refuse FAULT-TEXT", "bad-body", "partial-head", "partial-body", "close" or
 * "done", and an empty line. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"
#include "http/chunked.h"
#include "http/h1.h"
#include "http/target.h"

enum { STREAM_MAX = 1 << 20 };

static const char *const kinds[] = {
    [HTTP_BODY_NONE] = "none",
    [HTTP_BODY_LENGTH] = "length",
    [HTTP_BODY_CHUNKED] = "chunked",
    [HTTP_BODY_TO_END] = "to-end",
};

/* The path is judged too: the proxy refuses a bad one before it looks at the body. */
static bool find_origin(const struct http_head *head, struct span *ret_origin)
{
    static char at[STREAM_MAX];
    struct target target;
    struct span path;

    *ret_origin = head->target;
    if (head->method == HTTP_CONNECT)
        return true;
    invariant(target_parse(head->target, head->method, &target) == TARGET_OK);
    *ret_origin = target.origin;
    return target_normalise(target.path, at, &path) == TARGET_OK;
}

static void print_request(const struct http_head *head, struct span origin, uint64_t content_bytes)
{
    static char at[STREAM_MAX];
    struct span host;
    invariant(host_normalise(head->host, at, &host) == TARGET_OK);
    if (span_is_empty(host))
        host = SPAN("-");
    printf("accept " SPAN_FMT " " SPAN_FMT " " SPAN_FMT " 1.%d %s %llu\n",
           SPAN_ARG(head->method_text), SPAN_ARG(origin), SPAN_ARG(host), head->version_minor,
           kinds[head->body], (unsigned long long)content_bytes);
}

/* Reads a chunked body off the front of *bytes. Returns how it ended the stream, or NULL. */
static const char *skip_chunked(struct span *bytes, uint64_t *content_bytes)
{
    struct chunked decoder = { 0 };
    for (;;) {
        struct span piece;
        size_t consumed;
        int r = chunked_decode(&decoder, *bytes, &consumed, &piece);
        *bytes = span_from(*bytes, consumed);
        if (r == CHUNKED_PIECE)
            *content_bytes += piece.len;
        else if (r == CHUNKED_END)
            return NULL;
        else
            return r == CHUNKED_BAD ? "bad-body" : "partial-body";
    }
}

static const char *skip_body(const struct http_head *head, struct span *bytes,
                             uint64_t *content_bytes)
{
    if (head->body == HTTP_BODY_CHUNKED)
        return skip_chunked(bytes, content_bytes);
    if (head->body != HTTP_BODY_LENGTH)
        return NULL;
    *content_bytes = head->content_length;
    if (head->content_length > bytes->len)
        return "partial-body";
    *bytes = span_from(*bytes, (size_t)head->content_length);
    return NULL;
}

/* Judges one request off the front of *bytes. Returns how it ended the stream, or NULL. */
static const char *judge_request(struct span *bytes)
{
    static const struct h1_limits limits = { 32768, 16384, 100 };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct h1_parser parser = { 0 };
    struct http_head head;
    size_t head_bytes;

    if (bytes->len == 0)
        return "done";
    int r = h1_request_parse(&parser, *bytes, &limits, headers, &head, &head_bytes);
    if (r == H1_PARTIAL)
        return "partial-head";
    if (r == H1_BAD) {
        printf("refuse %s\n", h1_fault_text(parser.fault));
        return "";
    }
    struct span origin;
    if (!find_origin(&head, &origin)) {
        printf("refuse path\n");
        return "";
    }

    *bytes = span_from(*bytes, head_bytes);
    uint64_t content_bytes = 0;
    const char *end = skip_body(&head, bytes, &content_bytes);
    print_request(&head, origin, content_bytes);
    if (end == NULL && !head.keep_alive)
        end = "close";
    return end;
}

static void judge_stream(struct span bytes)
{
    const char *end = NULL;
    while (end == NULL)
        end = judge_request(&bytes);
    if (end[0] != 0)
        printf("%s\n", end);
    printf("\n");
    fflush(stdout);
}

int main(void)
{
    static char stream[STREAM_MAX];
    unsigned char prefix[4];

    while (fread(prefix, 1, sizeof(prefix), stdin) == sizeof(prefix)) {
        size_t len = (size_t)prefix[0] | (size_t)prefix[1] << 8 | (size_t)prefix[2] << 16 |
                     (size_t)prefix[3] << 24;
        if (len > sizeof(stream) || fread(stream, 1, len, stdin) != len) {
            fprintf(stderr, "h1_judge: a stream is too long, or cut short\n");
            return 1;
        }
        judge_stream(span_of(stream, len));
    }
    return 0;
}
