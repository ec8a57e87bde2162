/* One connection of `yett echo`. It goes round: head, body, (pause,) answer; each step runs as far
 * as the socket lets it and is taken up again at the next event. At most ECHO_OUTPUT_BYTES wait to
 * be sent, whatever the size of the answer, and the head buffer is the only input that is kept. */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "base/scope.h"
#include "cli/echo_plan.h"
#include "cli/echo_report.h"
#include "cli/echo_server.h"
#include "http/chunked.h"
#include "http/h1.h"
#include "net/socket.h"

enum {
    ECHO_INPUT_BYTES = 64 << 10,  /* a head; more than any gate lets through */
    ECHO_READ_BYTES = 16 << 10,   /* what an idle connection may hold */
    ECHO_OUTPUT_BYTES = 64 << 10, /* filled again when all of it is sent */
    ECHO_LINGER_MS = 1000,        /* for a peer to read the last answer before its input is reset */
};

enum echo_state {
    ECHO_IN_HEAD,
    ECHO_IN_BODY,
    ECHO_IN_PAUSE,
    ECHO_IN_ANSWER,
    ECHO_IN_TUNNEL,
    ECHO_IN_LINGER,
};

/* What a step says to the circle that runs them. */
enum echo_step {
    ECHO_GO_ON,  /* run the next one */
    ECHO_WAIT,   /* for an event or the timer */
    ECHO_FINISH, /* close the connection */
};

struct echo_connection {
    struct loop_watch watch;
    struct loop_timer timer;
    struct echo_server *server;
    enum echo_state state;
    bool has_read_all; /* nothing waits in the socket until the next event */
    bool has_ended;    /* the peer sent its last byte */

    struct buf in; /* received and not consumed */
    struct h1_parser parser;
    struct echo_facts facts;
    struct echo_plan plan;

    enum http_body_kind body;
    uint64_t body_left, body_bytes;
    struct chunked chunked;
    struct buf body_shown, trailer_lines;

    struct buf report;
    struct buf out;
    size_t out_sent;
    uint64_t left;                                 /* of the plan's amount */
    bool is_head, is_chunked, keeps_alive, is_old; /* is_old: HTTP/1.0 */
};

static void connection_free(struct echo_connection *c)
{
    int fd = c->watch.fd;

    loop_timer_cancel(&c->timer);
    loop_watch_forget(c->server->loop, &c->watch);
    close(fd);
    buf_deinit(&c->in);
    buf_deinit(&c->body_shown);
    buf_deinit(&c->trailer_lines);
    buf_deinit(&c->report);
    buf_deinit(&c->out);
    loop_defer_free(c->server->loop, c);
}

static void input_consume(struct echo_connection *c, size_t bytes)
{
    c->in.len -= bytes;
    memmove(c->in.ptr, c->in.ptr + bytes, c->in.len);
}

/* Receives what fits. ECHO_GO_ON: there is more input than before. */
static enum echo_step input_receive(struct echo_connection *c)
{
    size_t room = MIN((size_t)ECHO_READ_BYTES, ECHO_INPUT_BYTES - c->in.len);

    if (c->has_read_all && !c->has_ended)
        return ECHO_WAIT;
    if (room == 0)
        return ECHO_FINISH;
    ssize_t n = recv(c->watch.fd, buf_reserve(&c->in, room), room, 0);
    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        c->has_read_all = errno == EAGAIN;
        return ECHO_WAIT;
    }
    if (n <= 0)
        return ECHO_FINISH;
    c->has_read_all = (size_t)n < room;
    c->in.len += (size_t)n;
    return ECHO_GO_ON;
}

/* Sends what waits. ECHO_GO_ON: all of it is gone. */
static enum echo_step output_send(struct echo_connection *c)
{
    while (c->out_sent < c->out.len) {
        ssize_t n =
            send(c->watch.fd, c->out.ptr + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return errno == EAGAIN ? ECHO_WAIT : ECHO_FINISH;
        c->out_sent += (size_t)n;
    }
    c->out.len = c->out_sent = 0;
    return ECHO_GO_ON;
}

static bool plan_has_report(const struct echo_plan *plan)
{
    return plan->kind == ECHO_REPORT || plan->kind == ECHO_HINTS;
}

/* The answer's head: framing by what the plan sends and what the client can read. */
static void answer_begin(struct echo_connection *c)
{
    struct buf *out = &c->out;
    struct span reason = http_reason(c->plan.status);
    bool has_length = c->plan.kind != ECHO_CHUNKED && c->plan.kind != ECHO_DRIP;
    bool has_body = c->plan.status != 204 && c->plan.status != 304;

    c->is_chunked = !has_length && !c->is_old;
    c->keeps_alive = c->keeps_alive && (has_length || c->is_chunked) && c->plan.kind != ECHO_CUT;
    if (c->plan.kind == ECHO_HINTS && !c->is_old)
        buf_append(out,
                   SPAN("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"));
    buf_printf(out, "HTTP/1.1 %u " SPAN_FMT "\r\nX-Echo-Name: " SPAN_FMT "\r\n", c->plan.status,
               SPAN_ARG(reason), SPAN_ARG(c->facts.name));
    buf_append(out, c->facts.as_json && plan_has_report(&c->plan)
                        ? SPAN("Content-Type: application/json\r\n")
                        : SPAN("Content-Type: text/plain\r\n"));
    if (c->is_chunked)
        buf_append(out, SPAN("Transfer-Encoding: chunked\r\nTrailer: X-Echo-Chunks\r\n"));
    else if (has_length && has_body)
        buf_printf(out, "Content-Length: %" PRIu64 "\r\n",
                   plan_has_report(&c->plan) ? c->report.len : c->left);
    if (!c->keeps_alive)
        buf_append(out, SPAN("Connection: close\r\n"));
    else if (c->is_old)
        buf_append(out, SPAN("Connection: keep-alive\r\n"));
    buf_append(out, SPAN("\r\n"));
    if (c->is_head || !has_body) {
        c->left = 0;
        c->is_chunked = false;
        return;
    }
    if (c->plan.kind == ECHO_CUT)
        c->left /= 2;
    if (plan_has_report(&c->plan))
        buf_append(out, buf_span(&c->report));
}

static void answer_fill_bytes(struct echo_connection *c)
{
    static const char letters[64] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_\n";
    uint64_t at = c->plan.amount - c->left;

    while (c->left > 0 && c->out.len < ECHO_OUTPUT_BYTES) {
        size_t from = (size_t)(at % sizeof(letters));
        size_t len = (size_t)MIN(c->left, (uint64_t)(sizeof(letters) - from));

        buf_append(&c->out, span_of(letters + from, len));
        at += len;
        c->left -= len;
    }
}

static void answer_fill_chunk(struct echo_connection *c)
{
    SCOPED(buf_deinit) struct buf line = { 0 };
    char head[CHUNKED_HEAD_MAX];

    buf_printf(&line, "chunk %" PRIu64 "\n", c->plan.amount - c->left);
    if (c->is_chunked)
        buf_append(&c->out, span_of(head, chunked_encode_head(head, line.len)));
    buf_append(&c->out, buf_span(&line));
    if (c->is_chunked)
        buf_append(&c->out, SPAN("\r\n"));
    c->left--;
}

static void answer_end_chunks(struct echo_connection *c)
{
    if (c->is_chunked)
        buf_printf(&c->out, "0\r\nX-Echo-Chunks: %" PRIu64 "\r\n\r\n", c->plan.amount);
    c->is_chunked = false;
}

/* Puts more of the answer into the empty output. False: there is no more. */
static bool answer_fill(struct echo_connection *c)
{
    switch (c->plan.kind) {
    case ECHO_BYTES:
    case ECHO_CUT:
        answer_fill_bytes(c);
        break;
    case ECHO_CHUNKED:
        while (c->left > 0 && c->out.len < ECHO_OUTPUT_BYTES)
            answer_fill_chunk(c);
        break;
    case ECHO_DRIP:
        if (c->left > 0)
            answer_fill_chunk(c);
        break;
    case ECHO_REPORT:
    case ECHO_HINTS:
    case ECHO_CLOSE:
    case ECHO_TUNNEL:
        return c->out.len > 0;
    }
    if (c->left == 0)
        answer_end_chunks(c);
    return c->out.len > 0;
}

static void pause_for(struct echo_connection *c, uint32_t ms)
{
    c->state = ECHO_IN_PAUSE;
    loop_timer_set(c->server->loop, &c->timer, ms);
}

static enum echo_step step_answer(struct echo_connection *c)
{
    enum echo_step step = output_send(c);

    if (step != ECHO_GO_ON)
        return step;
    if (answer_fill(c)) {
        if (c->plan.kind == ECHO_DRIP && c->left > 0) {
            pause_for(c, c->plan.delay_ms);
            return output_send(c) == ECHO_FINISH ? ECHO_FINISH : ECHO_WAIT;
        }
        return ECHO_GO_ON;
    }
    if (c->keeps_alive) {
        c->state = ECHO_IN_HEAD;
        return ECHO_GO_ON;
    }
    socket_end_output(c->watch.fd);
    c->state = ECHO_IN_LINGER;
    loop_timer_set(c->server->loop, &c->timer, ECHO_LINGER_MS);
    return ECHO_GO_ON;
}

static enum echo_step request_finish(struct echo_connection *c)
{
    struct http_header trailers[HTTP_HEADERS_MAX];
    size_t trailers_len =
        chunked_trailers_parse(buf_span(&c->trailer_lines), trailers, ARRAY_LEN(trailers));

    if (c->plan.kind == ECHO_CLOSE)
        return ECHO_FINISH;
    echo_report_end(&c->facts, trailers, trailers_len, buf_span(&c->body_shown), c->body_bytes,
                    &c->report);
    c->left = c->plan.amount;
    answer_begin(c);
    c->state = ECHO_IN_ANSWER;
    if (c->plan.delay_ms > 0 && c->plan.kind == ECHO_REPORT)
        pause_for(c, c->plan.delay_ms);
    return ECHO_GO_ON;
}

static void body_take(struct echo_connection *c, struct span piece)
{
    c->body_bytes += piece.len;
    if (c->body_shown.len < ECHO_BODY_SHOWN)
        buf_append(&c->body_shown, span_upto(piece, ECHO_BODY_SHOWN - c->body_shown.len));
}

static enum echo_step step_body_chunked(struct echo_connection *c)
{
    struct span piece;
    size_t consumed;
    enum chunked_result result =
        (enum chunked_result)chunked_decode(&c->chunked, buf_span(&c->in), &consumed, &piece);

    switch (result) {
    case CHUNKED_PIECE:
        body_take(c, piece);
        input_consume(c, consumed);
        return ECHO_GO_ON;
    case CHUNKED_MORE:
        input_consume(c, consumed);
        return input_receive(c);
    case CHUNKED_END:
        buf_append(&c->trailer_lines, piece);
        input_consume(c, consumed);
        return request_finish(c);
    case CHUNKED_BAD:
        return ECHO_FINISH;
    }
    unreachable();
}

static enum echo_step step_body(struct echo_connection *c)
{
    size_t here = (size_t)MIN(c->body_left, (uint64_t)c->in.len);

    if (c->body == HTTP_BODY_CHUNKED)
        return step_body_chunked(c);
    body_take(c, span_upto(buf_span(&c->in), here));
    input_consume(c, here);
    c->body_left -= here;
    return c->body_left > 0 ? input_receive(c) : request_finish(c);
}

static void request_begin(struct echo_connection *c, const struct http_head *head)
{
    const struct http_header *accept = http_head_find(head, HTTP_ACCEPT);

    c->plan = echo_plan_for(head);
    c->facts.request++;
    c->facts.as_json =
        c->server->always_json ||
        (accept != NULL && span_contains(http_header_value(accept), SPAN("application/json")));
    c->is_head = head->method == HTTP_HEAD;
    c->is_old = head->version_minor == 0;
    c->keeps_alive = head->keep_alive;
    c->body = head->body;
    c->body_left = head->body == HTTP_BODY_LENGTH ? head->content_length : 0;
    c->body_bytes = 0;
    c->body_shown.len = c->trailer_lines.len = c->report.len = 0;
    c->chunked = (struct chunked){ 0 };
    echo_report_begin(&c->facts, head, &c->report);
    if (head->expects_continue && head->body != HTTP_BODY_NONE)
        buf_append(&c->out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
}

static enum echo_step head_refuse(struct echo_connection *c)
{
    uint16_t status = h1_fault_status(c->parser.fault);
    struct span reason = http_reason(status);

    c->plan = (struct echo_plan){ .kind = ECHO_REPORT, .status = status };
    c->left = 0;
    c->keeps_alive = false;
    buf_printf(&c->out,
               "HTTP/1.1 %u " SPAN_FMT "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
               status, SPAN_ARG(reason), strlen(h1_fault_text(c->parser.fault)) + 1,
               h1_fault_text(c->parser.fault));
    c->state = ECHO_IN_ANSWER;
    return ECHO_GO_ON;
}

static enum echo_step step_head(struct echo_connection *c)
{
    static const struct h1_limits limits = { ECHO_INPUT_BYTES, ECHO_INPUT_BYTES, HTTP_HEADERS_MAX };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_head head;
    size_t bytes;

    if (c->in.len == 0) {
        enum echo_step step = input_receive(c);
        if (step != ECHO_GO_ON)
            return step;
    }
    switch ((enum h1_result)h1_request_parse(&c->parser, buf_span(&c->in), &limits, headers, &head,
                                             &bytes)) {
    case H1_OK:
        break;
    case H1_PARTIAL:
        return input_receive(c);
    case H1_BAD:
        return head_refuse(c);
    }
    request_begin(c, &head);
    c->parser = (struct h1_parser){ 0 };
    input_consume(c, bytes);
    if (c->plan.kind != ECHO_TUNNEL) {
        c->state = ECHO_IN_BODY;
        return output_send(c) == ECHO_FINISH ? ECHO_FINISH : ECHO_GO_ON; /* a 100, if any */
    }
    buf_append(&c->out, SPAN("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                             "Upgrade: echo\r\n\r\n"));
    c->state = ECHO_IN_TUNNEL;
    return ECHO_GO_ON;
}

/* Sends back what came, before it takes more. When the peer ends its half, so does this side. */
static enum echo_step step_tunnel(struct echo_connection *c)
{
    enum echo_step step = output_send(c);

    if (step != ECHO_GO_ON)
        return step;
    if (c->in.len > 0) {
        buf_append(&c->out, buf_span(&c->in));
        c->in.len = 0;
        return ECHO_GO_ON;
    }
    return input_receive(c);
}

/* The last answer is sent; what the peer still sends is dropped until it has closed too. */
static enum echo_step step_linger(struct echo_connection *c)
{
    c->in.len = 0;
    return input_receive(c);
}

static void connection_run(struct echo_connection *c)
{
    static enum echo_step (*const steps[])(struct echo_connection * c) = {
        [ECHO_IN_HEAD] = step_head,     [ECHO_IN_BODY] = step_body,
        [ECHO_IN_PAUSE] = NULL,         [ECHO_IN_ANSWER] = step_answer,
        [ECHO_IN_TUNNEL] = step_tunnel, [ECHO_IN_LINGER] = step_linger,
    };
    enum echo_step step = ECHO_GO_ON;

    while (step == ECHO_GO_ON && c->state != ECHO_IN_PAUSE)
        step = steps[c->state](c);
    if (step == ECHO_FINISH)
        connection_free(c);
}

static void on_connection_events(struct loop_watch *watch, uint32_t events)
{
    struct echo_connection *c = container_of(watch, struct echo_connection, watch);

    if (events & (LOOP_ERROR | LOOP_HANGUP)) {
        connection_free(c);
        return;
    }
    c->has_read_all = false;
    c->has_ended = c->has_ended || (events & LOOP_END);
    connection_run(c);
}

static void on_connection_timeout(struct loop_timer *timer)
{
    struct echo_connection *c = container_of(timer, struct echo_connection, timer);

    if (c->state != ECHO_IN_PAUSE) {
        connection_free(c);
        return;
    }
    c->state = ECHO_IN_ANSWER;
    connection_run(c);
}

void echo_connection_start(struct echo_server *server, int fd)
{
    struct echo_connection *c = mem_alloc_zero(sizeof(*c));

    c->server = server;
    c->facts.name = server->name;
    c->facts.connection = ++server->connections;
    c->watch.on_events = on_connection_events;
    loop_timer_init(&c->timer, on_connection_timeout);
    if (loop_watch_add(server->loop, &c->watch, fd, LOOP_READ | LOOP_WRITE | LOOP_END) == 0)
        return;
    close(fd);
    mem_free(c);
}
