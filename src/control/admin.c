/* A connection reads one head, writes one answer, and starts anew. While an answer is being written
 * nothing is read: a peer that pipelines waits in its own socket. */
#include "control/admin.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/h1.h"

struct admin {
    struct loop *loop;
    struct loop_watch listen_watch;
    admin_page_fn *page;
    void *ctx;
    struct list connections;
    size_t connections_len;
};

struct admin_connection {
    struct list link;
    struct admin *admin;
    struct loop_watch watch;
    struct loop_timer timer;
    struct h1_parser parser;
    size_t in_len;
    struct buf head, body; /* the answer */
    size_t answer_sent;
    bool keep_alive, is_open, peer_ended;
    char in[ADMIN_HEAD_BYTES_MAX];
};

static void connection_close(struct admin_connection *connection)
{
    if (!connection->is_open)
        return;
    connection->is_open = false;
    loop_timer_cancel(&connection->timer);
    int fd = connection->watch.fd;
    loop_watch_remove(connection->admin->loop, &connection->watch);
    close(fd);
    buf_deinit(&connection->head);
    buf_deinit(&connection->body);
    list_remove(&connection->link);
    connection->admin->connections_len--;
    loop_defer_free(connection->admin->loop, connection);
}

/* ---- answering --------------------------------------------------------------------------------
 */

/* The body moves, for metrics of a large gate are large. */
static void answer_put(struct admin_connection *connection, struct admin_answer *answer,
                       bool is_head)
{
    struct buf *out = &connection->head;

    buf_printf(out, "HTTP/1.1 %u " SPAN_FMT "\r\n", answer->status,
               SPAN_ARG(http_reason(answer->status)));
    buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
               answer->content_type, answer->body.len);
    if (answer->status == 405)
        buf_append(out, SPAN("Allow: GET, HEAD\r\n"));
    if (!connection->keep_alive)
        buf_append(out, SPAN("Connection: close\r\n"));
    buf_append(out, SPAN("\r\n"));
    if (is_head)
        return;
    connection->body = answer->body;
    answer->body = (struct buf){ 0 };
}

static void answer_refusal(struct admin_connection *connection, uint16_t status)
{
    struct admin_answer answer = { .status = status, .content_type = "text/plain; charset=utf-8" };

    connection->keep_alive = false;
    buf_printf(&answer.body, "%u " SPAN_FMT "\n", status, SPAN_ARG(http_reason(status)));
    answer_put(connection, &answer, false);
    buf_deinit(&answer.body);
}

static struct span path_of(struct span target)
{
    size_t query = span_find(target, '?');

    return query == SPAN_NOT_FOUND ? target : span_upto(target, query);
}

static void answer_request(struct admin_connection *connection, const struct http_head *head)
{
    struct admin *admin = connection->admin;
    struct admin_answer answer = { 0 };

    /* A body is not read, so nothing that follows it could be understood. */
    connection->keep_alive = head->keep_alive && head->body == HTTP_BODY_NONE;
    if (head->body == HTTP_BODY_LENGTH && head->content_length == 0)
        connection->keep_alive = head->keep_alive;
    if (head->method != HTTP_GET && head->method != HTTP_HEAD) {
        answer_refusal(connection, 405);
        return;
    }
    admin->page(admin->ctx, path_of(head->target), &answer);
    answer_put(connection, &answer, head->method == HTTP_HEAD);
    buf_deinit(&answer.body);
}

/* ---- reading and writing ----------------------------------------------------------------------
 */

enum step { STEP_GO_ON, STEP_WAIT, STEP_CLOSE };

/* Takes one head off the front of what was read, if it is there whole, and answers it. */
static enum step head_take(struct admin_connection *connection)
{
    static const struct h1_limits limits = {
        .head_bytes = ADMIN_HEAD_BYTES_MAX,
        .target_bytes = ADMIN_HEAD_BYTES_MAX,
        .headers = HTTP_HEADERS_MAX,
    };
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_head head;
    size_t head_bytes;
    int r = h1_request_parse(&connection->parser, span_of(connection->in, connection->in_len),
                             &limits, headers, &head, &head_bytes);

    switch ((enum h1_result)r) {
    case H1_PARTIAL:
        if (connection->in_len < sizeof(connection->in))
            return connection->peer_ended ? STEP_CLOSE : STEP_WAIT;
        answer_refusal(connection, 431);
        return STEP_GO_ON;
    case H1_BAD:
        answer_refusal(connection, h1_fault_status(connection->parser.fault));
        return STEP_GO_ON;
    case H1_OK:
        answer_request(connection, &head);
        connection->parser = (struct h1_parser){ 0 };
        connection->in_len -= head_bytes;
        memmove(connection->in, connection->in + head_bytes, connection->in_len);
        return STEP_GO_ON;
    }
    unreachable();
}

static enum step input_read(struct admin_connection *connection)
{
    size_t room = sizeof(connection->in) - connection->in_len;

    if (room == 0 || connection->peer_ended)
        return STEP_GO_ON;
    ssize_t n = recv(connection->watch.fd, connection->in + connection->in_len, room, 0);
    if (n == -1)
        return errno == EAGAIN || errno == EINTR ? STEP_GO_ON : STEP_CLOSE;
    connection->peer_ended = n == 0;
    connection->in_len += (size_t)n;
    return STEP_GO_ON;
}

static bool answer_is_pending(const struct admin_connection *connection)
{
    return connection->answer_sent < connection->head.len + connection->body.len;
}

/* What is still to be sent of the part that is being sent. */
static struct span answer_rest(const struct admin_connection *connection)
{
    size_t sent = connection->answer_sent, head_bytes = connection->head.len;

    if (sent < head_bytes)
        return span_from(buf_span(&connection->head), sent);
    return span_from(buf_span(&connection->body), sent - head_bytes);
}

static enum step answer_send(struct admin_connection *connection)
{
    while (answer_is_pending(connection)) {
        struct span rest = answer_rest(connection);
        ssize_t n = send(connection->watch.fd, rest.ptr, rest.len, MSG_NOSIGNAL);
        if (n == -1)
            return errno == EAGAIN ? STEP_WAIT : STEP_CLOSE;
        connection->answer_sent += (size_t)n;
        loop_timer_set(connection->admin->loop, &connection->timer, ADMIN_IDLE_MS);
    }
    buf_deinit(&connection->head);
    buf_deinit(&connection->body);
    connection->answer_sent = 0;
    return connection->keep_alive ? STEP_GO_ON : STEP_CLOSE;
}

/* Until nothing more can be done without the peer. */
static enum step connection_drive(struct admin_connection *connection)
{
    enum step step = STEP_GO_ON;

    if (!answer_is_pending(connection))
        step = input_read(connection);
    while (step == STEP_GO_ON) {
        if (!answer_is_pending(connection))
            step = head_take(connection);
        if (step == STEP_GO_ON)
            step = answer_send(connection);
    }
    return step;
}

static void on_connection(struct loop_watch *watch, uint32_t events)
{
    struct admin_connection *connection = container_of(watch, struct admin_connection, watch);
    struct loop *loop = connection->admin->loop;

    if (!connection->is_open)
        return;
    if (events & LOOP_ERROR || connection_drive(connection) == STEP_CLOSE) {
        connection_close(connection);
        return;
    }
    uint32_t wanted = answer_is_pending(connection) ? LOOP_WRITE : LOOP_READ;
    if (loop_watch_change_level(loop, watch, wanted) < 0)
        connection_close(connection);
}

static void on_timeout(struct loop_timer *timer)
{
    connection_close(container_of(timer, struct admin_connection, timer));
}

/* ---- accepting --------------------------------------------------------------------------------
 */

static void connection_open(struct admin *admin, int fd)
{
    struct admin_connection *connection = mem_alloc_zero(sizeof(*connection));

    connection->admin = admin;
    connection->watch.fd = -1;
    connection->watch.on_events = on_connection;
    loop_timer_init(&connection->timer, on_timeout);
    if (loop_watch_add_level(admin->loop, &connection->watch, fd, LOOP_READ) < 0) {
        close(fd);
        mem_free(connection);
        return;
    }
    connection->is_open = true;
    list_init(&connection->link);
    list_push_back(&admin->connections, &connection->link);
    admin->connections_len++;
    loop_timer_set(admin->loop, &connection->timer, ADMIN_IDLE_MS);
}

static void on_listen(struct loop_watch *watch, uint32_t events)
{
    struct admin *admin = container_of(watch, struct admin, listen_watch);

    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd == -1)
        return; /* level-triggered: asked again, if anyone is left */
    if (admin->connections_len >= ADMIN_CONNECTIONS_MAX) {
        log_limited(LOG_WARN, "admin_connection_refused", F_UINT("limit", ADMIN_CONNECTIONS_MAX));
        close(fd);
        return;
    }
    connection_open(admin, fd);
}

int admin_new(struct loop *loop, int listen_fd, admin_page_fn *page, void *ctx,
              struct admin **ret_admin)
{
    struct admin *admin = mem_alloc_zero(sizeof(*admin));

    admin->loop = loop;
    admin->page = page;
    admin->ctx = ctx;
    admin->listen_watch.fd = -1;
    admin->listen_watch.on_events = on_listen;
    list_init(&admin->connections);
    int r = loop_watch_add_level(loop, &admin->listen_watch, listen_fd, LOOP_READ);
    if (r < 0) {
        mem_free(admin);
        return r;
    }
    *ret_admin = admin;
    return 0;
}

struct admin *admin_free(struct admin *admin)
{
    if (!admin)
        return NULL;
    list_for_each_safe (link, &admin->connections)
        connection_close(list_entry(link, struct admin_connection, link));
    loop_watch_remove(admin->loop, &admin->listen_watch);
    return mem_free(admin);
}
