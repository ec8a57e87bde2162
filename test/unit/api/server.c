#include "server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "net/socket.h"

static void connection_free(struct server_connection *connection)
{
    int fd = connection->watch.fd;

    list_remove(&connection->link);
    loop_watch_remove(connection->server->loop, &connection->watch);
    close(fd);
    tls_codec_free(connection->tls);
    buf_deinit(&connection->input);
    loop_defer_free(connection->server->loop, connection);
}

static void write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n == -1 && errno == EAGAIN)
            continue;
        if (n == -1)
            return;
        bytes = span_from(bytes, (size_t)n);
    }
}

static void tls_flush(struct server_connection *connection)
{
    struct span pending = tls_codec_pending(connection->tls);

    write_all(connection->watch.fd, pending);
    tls_codec_sent(connection->tls, pending.len);
}

void server_send_bytes(struct server_connection *connection, struct span bytes)
{
    size_t taken;

    if (!connection->tls) {
        write_all(connection->watch.fd, bytes);
        return;
    }
    while (bytes.len > 0) {
        if (tls_codec_write(connection->tls, bytes, &taken) == TLS_CODEC_OK)
            bytes = span_from(bytes, taken);
        tls_flush(connection);
    }
}

void server_send(struct server_connection *connection, const char *text)
{
    server_send_bytes(connection, span_from_str(text));
}

void server_reply(struct server_connection *connection, const char *status, const char *body)
{
    struct buf out = { 0 };

    buf_printf(&out, "HTTP/1.1 %s\r\ncontent-length: %zu\r\n\r\n%s", status, strlen(body), body);
    server_send_bytes(connection, buf_span(&out));
    buf_deinit(&out);
}

void server_hang_up(struct server_connection *connection)
{
    connection_free(connection);
}

struct server_connection *server_newest(struct server *server)
{
    return list_is_empty(&server->connections)
               ? NULL
               : list_entry(server->connections.prev, struct server_connection, link);
}

static size_t content_length(struct span head)
{
    struct span line;
    uint64_t length = 0;

    while (span_split(&head, '\n', &line)) {
        struct span name = SPAN("content-length:");

        if (span_starts_with_nocase(line, name)) {
            line = span_trim(span_upto(span_from(line, name.len), line.len - name.len - 1));
            assert_true(num_parse_u64(line, UINT64_MAX, &length));
        }
    }
    return (size_t)length;
}

static size_t request_length(struct span input)
{
    for (size_t i = 0; i + 4 <= input.len; i++) {
        if (memcmp(input.ptr + i, "\r\n\r\n", 4) != 0)
            continue;
        size_t whole = i + 4 + content_length(span_upto(input, i + 2));
        return whole <= input.len ? whole : 0;
    }
    return 0;
}

static void requests_tell(struct server_connection *connection)
{
    struct server *server = connection->server;
    size_t len = request_length(buf_span(&connection->input));

    if (len == 0)
        return;
    server->requests++;
    server->last.len = 0;
    buf_append(&server->last, span_upto(buf_span(&connection->input), len));
    connection->input.len = 0; /* nobody pipelines */
    if (server->answer)
        server->answer(server, connection);
}

static void input_add(struct server_connection *connection, struct span bytes)
{
    char plain[4096];
    size_t len;

    if (!connection->tls) {
        buf_append(&connection->input, bytes);
        return;
    }
    while (bytes.len > 0) {
        bytes = span_from(bytes, tls_codec_feed(connection->tls, bytes));
        while (tls_codec_read(connection->tls, plain, sizeof(plain), &len) == TLS_CODEC_OK)
            buf_append(&connection->input, span_of(plain, len));
        tls_flush(connection);
    }
}

static void on_connection(struct loop_watch *watch, uint32_t events)
{
    struct server_connection *connection = container_of(watch, struct server_connection, watch);
    char bytes[16384];

    (void)events;
    ssize_t n = recv(watch->fd, bytes, sizeof(bytes), 0);
    if (n == -1 && errno == EAGAIN)
        return;
    if (n <= 0) {
        connection_free(connection);
        return;
    }
    input_add(connection, span_of(bytes, (size_t)n));
    requests_tell(connection);
}

static struct tls_context *choose(void *ctx, struct span server_name)
{
    struct server *server = ctx;

    (void)server_name;
    return server->tls;
}

static void on_listener(struct loop_watch *watch, uint32_t events)
{
    struct server *server = container_of(watch, struct server, listener);
    struct net_peer peer;

    (void)events;
    int fd = socket_accept(watch->fd, &peer);
    if (fd < 0)
        return;
    struct server_connection *connection = mem_alloc_zero(sizeof(*connection));
    connection->server = server;
    connection->watch = (struct loop_watch){ .fd = -1, .on_events = on_connection };
    if (server->tls)
        connection->tls = tls_codec_new(server->tls, choose, server);
    list_push_back(&server->connections, &connection->link);
    assert_int_equal(loop_watch_add_level(server->loop, &connection->watch, fd, LOOP_READ), 0);
    server->accepted++;
}

void server_open(struct server *server, struct loop *loop, struct tls_context *tls)
{
    struct ip_addr loopback;

    assert_true(ip_parse(SPAN("127.0.0.1"), &loopback));
    *server = (struct server){ .loop = loop, .tls = tls };
    list_init(&server->connections);
    server->listener = (struct loop_watch){ .fd = -1, .on_events = on_listener };
    int fd = socket_listen_tcp(&loopback, 0, 64);
    assert_true(fd >= 0);
    assert_int_equal(socket_local_port(fd, &server->port), 0);
    assert_int_equal(loop_watch_add_level(loop, &server->listener, fd, LOOP_READ), 0);
}

void server_close(struct server *server)
{
    int fd = server->listener.fd;

    list_for_each_safe (it, &server->connections)
        connection_free(list_entry(it, struct server_connection, link));
    if (fd >= 0) {
        loop_watch_remove(server->loop, &server->listener);
        close(fd);
    }
    buf_deinit(&server->last);
}
