#include "control/http_connection.h"

#include <errno.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "control/http_stream.h"
#include "http/chunked.h"
#include "http/h1.h"
#include "net/socket.h"

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_ANSWER, PHASE_LINGER };

/* After an answer to what was not read whole, what still comes is read and dropped for so long, so that the
 * answer is not lost to a reset (RFC 9112, 9.6). */
enum { LINGER_MS = 2000, LINGER_BYTES_MAX = 4 << 20 };

struct http_connection {
    struct list link;
    struct http_connections *all;
    struct loop_watch watch;
    struct loop_timer timer;
    struct http_stream stream;
    enum phase phase;
    bool is_open, keep_alive, peer_ended;
    bool must_linger; /* the request was not read to its end */
    size_t lingered_bytes;

    char in[HTTP_SERVER_HEAD_BYTES]; /* read, and not yet taken */
    size_t in_len;
    struct h1_parser parser;

    /* the request */
    enum http_method method;
    enum http_body_kind framing;
    uint64_t length_left;
    struct chunked chunked;
    struct buf path, body;
    size_t body_counted; /* of it, in all->bodies_bytes */

    /* the answer */
    struct buf head_out, body_out;
    size_t sent;
};

enum step { STEP_GO_ON, STEP_WAIT, STEP_CLOSE };

static void body_drop(struct http_connection *connection)
{
    connection->all->bodies_bytes -= connection->body_counted;
    connection->body_counted = 0;
    buf_deinit(&connection->body);
}

static void connection_close(struct http_connection *connection)
{
    if (!connection->is_open)
        return;
    connection->is_open = false;
    loop_timer_cancel(&connection->timer);
    loop_watch_remove(connection->all->loop, &connection->watch);
    http_stream_close(&connection->stream);
    body_drop(connection);
    buf_deinit(&connection->path);
    buf_deinit(&connection->head_out);
    buf_deinit(&connection->body_out);
    list_remove(&connection->link);
    connection->all->len--;
    loop_defer_free(connection->all->loop, connection);
}

static void timer_restart(struct http_connection *connection)
{
    loop_timer_set(connection->all->loop, &connection->timer, connection->all->options.idle_ms);
}

/* ---- answering --------------------------------------------------------------------------------
 */

void http_answer_status(struct http_answer *answer, uint16_t status)
{
    answer->status = status;
    answer->content_type = "text/plain; charset=utf-8";
    buf_printf(&answer->body, "%u " SPAN_FMT "\n", status, SPAN_ARG(http_reason(status)));
}

static void allow_put(struct http_connection *connection)
{
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = { { HTTP_GET, "GET" }, { HTTP_HEAD, "HEAD" }, { HTTP_POST, "POST" } };
    const char *separator = "Allow: ";

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!(connection->all->options.methods & 1u << names[i].method))
            continue;
        buf_printf(&connection->head_out, "%s%s", separator, names[i].name);
        separator = ", ";
    }
    buf_append(&connection->head_out, SPAN("\r\n"));
}

/* The body moves, for metrics of a large gate are large. */
static void answer_put(struct http_connection *connection, struct http_answer *answer)
{
    struct buf *out = &connection->head_out;

    buf_printf(out, "HTTP/1.1 %u " SPAN_FMT "\r\n", answer->status,
               SPAN_ARG(http_reason(answer->status)));
    buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
               answer->content_type, answer->body.len);
    if (answer->status == 405)
        allow_put(connection);
    if (!connection->keep_alive)
        buf_append(out, SPAN("Connection: close\r\n"));
    buf_append(out, SPAN("\r\n"));
    if (connection->method != HTTP_HEAD) {
        connection->body_out = answer->body;
        answer->body = (struct buf){ 0 };
    }
    buf_deinit(&answer->body);
    connection->phase = PHASE_ANSWER;
    timer_restart(connection);
}

/* Nothing that follows could be understood. */
static enum step refuse(struct http_connection *connection, uint16_t status)
{
    struct http_answer answer = { 0 };

    connection->keep_alive = false;
    connection->must_linger = true;
    body_drop(connection);
    http_answer_status(&answer, status);
    answer_put(connection, &answer);
    return STEP_GO_ON;
}

static enum step serve(struct http_connection *connection)
{
    const struct http_server_options *options = &connection->all->options;
    struct http_answer answer = { 0 };
    struct http_request request = {
        .method = connection->method,
        .path = buf_span(&connection->path),
        .body = buf_span(&connection->body),
    };

    options->serve(options->ctx, &request, &answer);
    body_drop(connection);
    answer_put(connection, &answer);
    return STEP_GO_ON;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void input_take(struct http_connection *connection, size_t bytes)
{
    connection->in_len -= bytes;
    memmove(connection->in, connection->in + bytes, connection->in_len);
}

/* More bytes into `in`, which has room. */
static enum step input_read(struct http_connection *connection)
{
    size_t room = sizeof(connection->in) - connection->in_len;

    invariant(room > 0);
    if (connection->peer_ended)
        return STEP_CLOSE;
    ssize_t n = http_stream_read(&connection->stream, connection->in + connection->in_len, room);
    if (n < 0)
        return n == -EAGAIN ? STEP_WAIT : STEP_CLOSE;
    connection->peer_ended = n == 0;
    if (connection->in_len == 0 && connection->phase == PHASE_HEAD)
        timer_restart(connection); /* the head has its own time, however long it was waited for */
    connection->in_len += (size_t)n;
    return STEP_GO_ON;
}

/* RFC 9110, 10.1.1. Where even this does not fit into the socket, something is wrong with it. */
static enum step continue_put(struct http_connection *connection)
{
    struct span interim = SPAN("HTTP/1.1 100 Continue\r\n\r\n");
    ssize_t n = http_stream_write(&connection->stream, interim);

    return n == (ssize_t)interim.len ? STEP_GO_ON : STEP_CLOSE;
}

static void request_begin(struct http_connection *connection, const struct http_head *head)
{
    size_t query = span_find(head->target, '?');

    connection->method = head->method;
    connection->keep_alive = head->keep_alive;
    connection->framing = head->body;
    connection->length_left = head->content_length;
    connection->chunked = (struct chunked){ 0 };
    connection->path.len = 0;
    buf_append(&connection->path, span_upto(head->target, query));
}

static bool has_body(const struct http_connection *connection)
{
    return connection->framing == HTTP_BODY_CHUNKED ||
           (connection->framing == HTTP_BODY_LENGTH && connection->length_left > 0);
}

static enum step head_judge(struct http_connection *connection, const struct http_head *head)
{
    const struct http_server_options *options = &connection->all->options;

    request_begin(connection, head);
    if (!(options->methods & 1u << head->method)) {
        connection->method = HTTP_METHOD_OTHER;
        return refuse(connection, 405);
    }
    if (!has_body(connection))
        return serve(connection);
    if (options->body_bytes_max == 0) { /* it is not read, so nothing after it is either */
        connection->keep_alive = false;
        connection->must_linger = true;
        return serve(connection);
    }
    if (head->body == HTTP_BODY_LENGTH && head->content_length > options->body_bytes_max)
        return refuse(connection, 413);
    connection->phase = PHASE_BODY;
    return head->expects_continue ? continue_put(connection) : STEP_GO_ON;
}

static enum step head_step(struct http_connection *connection)
{
    static const struct h1_limits limits = {
        .head_bytes = HTTP_SERVER_HEAD_BYTES,
        .target_bytes = HTTP_SERVER_HEAD_BYTES,
        .headers = HTTP_HEADERS_MAX,
    };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_head head;
    size_t head_bytes;
    int r = h1_request_parse(&connection->parser, span_of(connection->in, connection->in_len),
                             &limits, headers, &head, &head_bytes);

    switch ((enum h1_result)r) {
    case H1_PARTIAL:
        if (connection->in_len == sizeof(connection->in))
            return refuse(connection, 431);
        return input_read(connection);
    case H1_BAD:
        return refuse(connection, h1_fault_status(connection->parser.fault));
    case H1_OK: {
        enum step step = head_judge(connection, &head);
        connection->parser = (struct h1_parser){ 0 };
        input_take(connection, head_bytes);
        return step;
    }
    }
    unreachable();
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

/* 0, or the status to refuse with. */
static uint16_t body_add(struct http_connection *connection, struct span piece)
{
    struct http_connections *all = connection->all;

    if (connection->body.len + piece.len > all->options.body_bytes_max)
        return 413;
    if (all->bodies_bytes + piece.len > all->options.bodies_bytes_max)
        return 503;
    buf_append(&connection->body, piece);
    connection->body_counted += piece.len;
    all->bodies_bytes += piece.len;
    return 0;
}

static enum step length_step(struct http_connection *connection)
{
    size_t bytes = MIN(connection->in_len, connection->length_left);
    uint16_t status = body_add(connection, span_of(connection->in, bytes));

    if (status)
        return refuse(connection, status);
    input_take(connection, bytes);
    connection->length_left -= bytes;
    return connection->length_left == 0 ? serve(connection) : input_read(connection);
}

static enum step chunked_step(struct http_connection *connection)
{
    struct span piece = SPAN_EMPTY;
    size_t consumed;
    int r = chunked_decode(&connection->chunked, span_of(connection->in, connection->in_len),
                           &consumed, &piece);
    uint16_t status = r == CHUNKED_PIECE ? body_add(connection, piece) : 0;

    if (status)
        return refuse(connection, status);
    input_take(connection, consumed);
    switch ((enum chunked_result)r) {
    case CHUNKED_PIECE:
        return STEP_GO_ON;
    case CHUNKED_END:
        return serve(connection);
    case CHUNKED_MORE:
        if (connection->in_len < sizeof(connection->in))
            return input_read(connection);
        return refuse(connection, 431); /* a trailer section without end */
    case CHUNKED_BAD:
        return refuse(connection, 400);
    }
    unreachable();
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* What is still to be sent of the part that is being sent. */
static struct span answer_rest(const struct http_connection *connection)
{
    size_t sent = connection->sent, head_bytes = connection->head_out.len;

    if (sent < head_bytes)
        return span_from(buf_span(&connection->head_out), sent);
    return span_from(buf_span(&connection->body_out), sent - head_bytes);
}

static enum step linger_begin(struct http_connection *connection)
{
    if (!connection->must_linger || connection->peer_ended)
        return STEP_CLOSE;
    socket_end_output(connection->watch.fd);
    connection->phase = PHASE_LINGER;
    loop_timer_set(connection->all->loop, &connection->timer, LINGER_MS);
    return STEP_GO_ON;
}

static enum step linger_step(struct http_connection *connection)
{
    ssize_t n = http_stream_read(&connection->stream, connection->in, sizeof(connection->in));

    if (n <= 0)
        return n == -EAGAIN ? STEP_WAIT : STEP_CLOSE;
    connection->lingered_bytes += (size_t)n;
    return connection->lingered_bytes > LINGER_BYTES_MAX ? STEP_CLOSE : STEP_GO_ON;
}

static enum step answer_step(struct http_connection *connection)
{
    while (connection->sent < connection->head_out.len + connection->body_out.len) {
        ssize_t n = http_stream_write(&connection->stream, answer_rest(connection));
        if (n < 0)
            return n == -EAGAIN ? STEP_WAIT : STEP_CLOSE;
        connection->sent += (size_t)n;
        timer_restart(connection);
    }
    int r = http_stream_flush(&connection->stream);
    if (r < 0)
        return r == -EAGAIN ? STEP_WAIT : STEP_CLOSE;
    buf_deinit(&connection->head_out);
    buf_deinit(&connection->body_out);
    connection->sent = 0;
    connection->phase = PHASE_HEAD;
    list_remove(&connection->link);
    list_push_back(&connection->all->list, &connection->link);
    return connection->keep_alive ? STEP_GO_ON : linger_begin(connection);
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static enum step step_next(struct http_connection *connection)
{
    switch (connection->phase) {
    case PHASE_HEAD:
        return head_step(connection);
    case PHASE_BODY:
        return connection->framing == HTTP_BODY_CHUNKED ? chunked_step(connection)
                                                        : length_step(connection);
    case PHASE_ANSWER:
        return answer_step(connection);
    case PHASE_LINGER:
        return linger_step(connection);
    }
    unreachable();
}

/* Until nothing more can be done without the peer. */
static enum step connection_drive(struct http_connection *connection)
{
    enum step step = STEP_GO_ON;

    while (step == STEP_GO_ON)
        step = step_next(connection);
    return step;
}

static uint32_t events_wanted(const struct http_connection *connection)
{
    if (connection->phase == PHASE_ANSWER)
        return LOOP_WRITE;
    return http_stream_has_output(&connection->stream) ? LOOP_READ | LOOP_WRITE : LOOP_READ;
}

static void on_connection(struct loop_watch *watch, uint32_t events)
{
    struct http_connection *connection = container_of(watch, struct http_connection, watch);

    if (!connection->is_open)
        return;
    if (events & LOOP_ERROR || connection_drive(connection) == STEP_CLOSE) {
        connection_close(connection);
        return;
    }
    if (loop_watch_change_level(connection->all->loop, watch, events_wanted(connection)) < 0)
        connection_close(connection);
}

static void on_timeout(struct loop_timer *timer)
{
    connection_close(container_of(timer, struct http_connection, timer));
}

void http_connection_open(struct http_connections *all, int fd, struct tls_context *context)
{
    struct http_connection *connection = mem_alloc_zero(sizeof(*connection));

    connection->all = all;
    connection->watch.fd = -1;
    connection->watch.on_events = on_connection;
    loop_timer_init(&connection->timer, on_timeout);
    http_stream_open(&connection->stream, fd, context);
    if (loop_watch_add_level(all->loop, &connection->watch, fd, LOOP_READ) < 0) {
        http_stream_close(&connection->stream);
        mem_free(connection);
        return;
    }
    connection->is_open = true;
    list_init(&connection->link);
    list_push_back(&all->list, &connection->link);
    all->len++;
    timer_restart(connection);
}

/* One that has not even shaken hands is idle, too. */
static bool is_idle(const struct http_connection *connection)
{
    return connection->phase == PHASE_HEAD && connection->in_len == 0;
}

bool http_connections_evict(struct http_connections *all)
{
    list_for_each_safe (link, &all->list) {
        struct http_connection *connection = list_entry(link, struct http_connection, link);
        if (!is_idle(connection))
            continue;
        connection_close(connection);
        return true;
    }
    return false;
}

void http_connections_close(struct http_connections *all)
{
    list_for_each_safe (link, &all->list)
        connection_close(list_entry(link, struct http_connection, link));
}
