#include "cli/admin_client.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/bug.h"
#include "base/scope.h"
#include "http/chunked.h"
#include "http/h1.h"
#include "http/target.h"

enum { READ_BYTES = 64 << 10 };

/* "host:port", "[::1]:port" or "host" → names as getaddrinfo takes them. */
static void split_authority(struct span authority, struct buf *host, struct buf *port)
{
    size_t colon = span_rfind(authority, ':');
    bool is_literal = span_ends_with(authority, SPAN("]"));
    struct span name = authority;

    if (colon != SPAN_NOT_FOUND && !is_literal) {
        name = span_upto(authority, colon);
        buf_append(port, span_from(authority, colon + 1));
    }
    if (port->len == 0)
        buf_append(port, SPAN("80"));
    if (span_starts_with(name, SPAN("[")))
        name = span_of(name.ptr + 1, name.len - 2);
    buf_append(host, name);
    buf_append_byte(host, '\0');
    buf_append_byte(port, '\0');
}

static void addrinfo_freep(struct addrinfo **list)
{
    if (*list != NULL)
        freeaddrinfo(*list);
}

/* A connected socket, or -1 with the reason in `error`. */
static int connect_to(struct span authority, struct buf *error)
{
    SCOPED(buf_deinit) struct buf host = { 0 };
    SCOPED(buf_deinit) struct buf port = { 0 };
    SCOPED(addrinfo_freep) struct addrinfo *list = NULL;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    const struct timeval timeout = { .tv_sec = ADMIN_CLIENT_TIMEOUT_S };
    int last_error = ECONNREFUSED;

    split_authority(authority, &host, &port);
    int r = getaddrinfo(host.ptr, port.ptr, &hints, &list);
    if (r != 0) {
        buf_printf(error, "cannot find %s: %s", host.ptr, gai_strerror(r));
        return -1;
    }
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        SCOPED(fd_closep) int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd == -1)
            continue;
        (void)!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        (void)!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            return TAKE_FD(fd);
        last_error = errno;
    }
    buf_printf(error, "cannot connect to " SPAN_FMT ": %s", SPAN_ARG(authority),
               strerror(last_error));
    return -1;
}

static bool send_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = span_from(bytes, (size_t)n);
    }
    return true;
}

/* All that comes until the peer closes, as it was asked to. */
static bool receive_all(int fd, struct buf *answer)
{
    while (answer->len < ADMIN_CLIENT_BYTES_MAX) {
        ssize_t n = recv(fd, buf_reserve(answer, READ_BYTES), READ_BYTES, 0);

        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        answer->len += (size_t)n;
    }
    return false;
}

/* The content of a chunked body. False: it is cut or malformed. */
static bool unchunk(struct span bytes, struct buf *out)
{
    struct chunked decoder = { 0 };
    struct span piece;
    size_t consumed;

    for (;;) {
        switch ((enum chunked_result)chunked_decode(&decoder, bytes, &consumed, &piece)) {
        case CHUNKED_PIECE:
            buf_append(out, piece);
            bytes = span_from(bytes, consumed);
            break;
        case CHUNKED_END:
            return true;
        case CHUNKED_MORE:
        case CHUNKED_BAD:
            return false;
        }
    }
}

static bool body_read(const struct http_head *head, struct span rest, struct buf *out)
{
    switch (head->body) {
    case HTTP_BODY_NONE:
        return true;
    case HTTP_BODY_LENGTH:
        if (rest.len < head->content_length)
            return false;
        buf_append(out, span_upto(rest, (size_t)head->content_length));
        return true;
    case HTTP_BODY_CHUNKED:
        return unchunk(rest, out);
    case HTTP_BODY_TO_END:
        buf_append(out, rest);
        return true;
    }
    unreachable();
}

static bool answer_read(struct span answer, struct buf *error, struct buf *ret_body)
{
    static const struct h1_limits limits = { 64 << 10, 8 << 10, HTTP_HEADERS_MAX };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_head head;
    struct h1_parser parser = { 0 };
    size_t head_bytes;

    if (h1_response_parse(&parser, answer, &limits, HTTP_GET, headers, &head, &head_bytes) !=
        H1_OK) {
        buf_append(error, SPAN("the answer is not HTTP; is this the port of --healthz-port?"));
        return false;
    }
    if (head.status != 200) {
        buf_printf(error, "the answer is %u " SPAN_FMT, head.status, SPAN_ARG(head.reason));
        return false;
    }
    if (!body_read(&head, span_from(answer, head_bytes), ret_body)) {
        buf_append(error, SPAN("the answer is cut short"));
        return false;
    }
    return true;
}

/* Scheme and authority are all that counts of it. */
static bool url_read(struct span url, struct target *ret_target)
{
    return target_parse(url, HTTP_GET, ret_target) == TARGET_OK &&
           ret_target->form == TARGET_ABSOLUTE && span_eq(ret_target->scheme, SPAN("http"));
}

bool admin_client_is_url(struct span text)
{
    struct target target;

    return url_read(text, &target);
}

bool admin_client_get(struct span url, struct span path, struct buf *error, struct buf *ret_body)
{
    SCOPED(buf_deinit) struct buf request = { 0 };
    SCOPED(buf_deinit) struct buf answer = { 0 };
    struct target target;

    bool is_url = url_read(url, &target);
    invariant(is_url);
    SCOPED(fd_closep) int fd = connect_to(target.authority, error);
    if (fd == -1)
        return false;

    buf_printf(&request,
               "GET " SPAN_FMT " HTTP/1.1\r\nHost: " SPAN_FMT
               "\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
               SPAN_ARG(path), SPAN_ARG(target.authority));
    if (!send_all(fd, buf_span(&request)) || !receive_all(fd, &answer)) {
        buf_append(error, SPAN("the connection broke before the answer was there"));
        return false;
    }
    return answer_read(buf_span(&answer), error, ret_body);
}
