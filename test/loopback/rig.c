#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "image/verify.h"

enum { START_MS = 8000000 };

static const struct net_peer peer = { .ip = { { [10] = 0xFF, 0xFF, 192, 0, 2, 1 } },
                                      .port = 40000 };

struct rig_options rig_options_default(void)
{
    struct rig_options options = { .policy = route_policy_default(),
                                   .settings = route_settings_default(),
                                   .backends = 1 };

    options.settings.generate_request_id = false;
    return options;
}

static void endpoints_fill(struct rig *rig, struct route_model *model,
                           struct route_service *service, unsigned first, unsigned len)
{
    service->endpoints = arena_new_array(&model->arena, struct route_endpoint, len);
    service->endpoints_len = len;
    for (unsigned i = 0; i < len; i++) {
        struct route_endpoint *endpoint = &service->endpoints[i];

        endpoint->kind = ROUTE_ENDPOINT_IP;
        endpoint->ip = (struct ip_addr){ { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };
        endpoint->port = rig->ports[first + i];
        endpoint->dns_name = SPAN_EMPTY;
        endpoint->id = route_endpoint_id(endpoint);
    }
}

/* One rule for any host and path. */
static struct route_model *model_make(struct rig *rig, unsigned first, unsigned len)
{
    struct route_model *model = route_model_new();
    struct route_host *host = route_host_get(model, SPAN(""));
    struct route_path *path = route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN(""));
    struct route_rule *rule = route_rule_new(model);

    model->settings = rig->options.settings;
    rule->namespace = SPAN("ns");
    rule->ingress = SPAN("ing");
    rule->path = SPAN("/");
    rule->policy = &rig->options.policy;
    if (rig->options.filter) {
        rule->filters = (struct route_filter *)rig->options.filter;
        rule->filters_len = 1;
    }
    rule->backends = arena_new_array(&model->arena, struct route_backend, 1);
    rule->backends[0] = (struct route_backend){
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("ns"), SPAN("svc"), SPAN("80")), 1
    };
    rule->backends_len = 1;
    endpoints_fill(rig, model, rule->backends[0].service, first, len);
    rule->metric_id = route_metric_id(rule, SPAN_EMPTY, rule->backends[0].service);
    vec_push(&path->rules, rule);
    if (rig->options.authorities)
        vec_push(&model->authorities, (struct route_authorities *)rig->options.authorities);
    if (rig->options.certificate) {
        vec_push(&model->certificates, (struct route_certificate *)rig->options.certificate);
        model->default_certificate = rig->options.certificate;
    }
    if (rig->options.extend)
        rig->options.extend(model, path);
    return model;
}

void rig_publish(struct rig *rig, unsigned first, unsigned len)
{
    struct route_model *model = model_make(rig, first, len);
    struct image_view *view = NULL;
    struct image_bytes bytes;
    const char *what = "";

    assert_int_equal(image_write(rig->writer, model, &bytes), IMAGE_WRITE_OK);
    assert_int_equal(image_view_open_bytes(bytes.root, bytes.segments, bytes.segments_len, &view),
                     IMAGE_OPEN_OK);
    if (!image_verify(view, &what))
        fail_msg("the image does not verify: %s", what);
    worker_take_image(&rig->worker, view);
    image_view_unref(view);
    route_model_free(model);
}

static void backend_listen(struct rig *rig, unsigned index)
{
    struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };

    rig->listeners[index] = socket_listen_tcp(&loopback, 0, 64);
    assert_true(rig->listeners[index] >= 0);
    assert_int_equal(socket_local_port(rig->listeners[index], &rig->ports[index]), 0);
}

static int log_open(struct rig *rig)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    rig->log_fd = fds[0];
    return fds[1];
}

struct rig *rig_new(const struct rig_options *options)
{
    struct rig *rig = mem_alloc_zero(sizeof(*rig));
    struct proxy_options worker_options = { .access_log_format = PROXY_LOG_INGRESS_NGINX,
                                            .health_check_path = SPAN("/healthz") };
    int stats_fd = stats_page_create();

    rig->options = options ? *options : rig_options_default();
    rig->now_ms = START_MS;
    assert_int_equal(loop_new(&rig->loop), 0);
    loop_clock_set_manual(rig->loop, rig->now_ms);
    assert_int_equal(stats_page_map(stats_fd, STATS_WRITE, &rig->stats), 0);
    close(stats_fd);
    assert_int_equal(
        worker_init(&rig->worker, rig->loop, rig->stats, log_open(rig), &worker_options), 0);
    rig->writer = image_writer_new();
    for (unsigned i = 0; i < rig->options.backends; i++)
        backend_listen(rig, i);
    if (!rig->options.no_image)
        rig_publish(rig, 0, rig->options.backends);
    return rig;
}

void rig_free_at_once(struct rig *rig)
{
    int log_fd = rig->worker.access_log.fd;

    /* Connections that a test left open are closed with the worker; what they held must come back. */
    worker_deinit(&rig->worker);
    assert_int_equal(rig->worker.clients_len, 0);
    assert_int_equal(rig->worker.buffers.lent, 0);
    assert_int_equal(rig->worker.buffers.pipes.made, 0);
    loop_free(rig->loop);
    stats_page_unmap(rig->stats);
    image_writer_free(rig->writer);
    for (unsigned i = 0; i < rig->options.backends; i++) {
        if (rig->listeners[i] >= 0)
            close(rig->listeners[i]);
    }
    close(log_fd);
    close(rig->log_fd);
    mem_free(rig);
}

void rig_free(struct rig *rig)
{
    rig_settle(rig);
    rig_free_at_once(rig);
}

void rig_settle(struct rig *rig)
{
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(loop_turn(rig->loop, 0), 0);
}

void rig_pass_ms(struct rig *rig, uint64_t ms)
{
    rig_settle(rig);
    rig->now_ms += ms;
    loop_clock_set_manual(rig->loop, rig->now_ms);
    rig_settle(rig);
}

bool rig_wait(struct rig *rig, uint64_t start_ns)
{
    rig_settle(rig);
    return clock_mono_ns() - start_ns < RIG_PATIENCE_MS * 1000000ull;
}

static void buffers_shrink(const struct rig *rig, int fd)
{
    if (rig->small_buffers == 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &rig->small_buffers, sizeof(int));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rig->small_buffers, sizeof(int));
}

struct end rig_client(struct rig *rig, enum proc_listener_kind kind)
{
    struct proc_listener listener = { .kind = kind, .port = 8080 };
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    buffers_shrink(rig, fds[0]);
    buffers_shrink(rig, fds[1]);
    connection_accept(&rig->worker, fds[1], &peer, &listener);
    return (struct end){ .fd = fds[0] };
}

bool rig_backend_try(struct rig *rig, unsigned index, struct end *ret_end)
{
    struct net_peer from;
    int fd = socket_accept(rig->listeners[index], &from);

    if (fd < 0)
        return false;
    buffers_shrink(rig, fd);
    *ret_end = (struct end){ .fd = fd };
    return true;
}

struct end rig_backend(struct rig *rig, unsigned index)
{
    uint64_t start_ns = clock_mono_ns();
    struct end end = { .fd = -1 };

    while (!rig_backend_try(rig, index, &end) && rig_wait(rig, start_ns))
        continue;
    if (end.fd < 0)
        fail_msg("no connection came to backend %u", index);
    rig_settle(rig);
    return end;
}

unsigned rig_backend_any(struct rig *rig, struct end *ret_end)
{
    uint64_t start_ns = clock_mono_ns();
    unsigned index = 0;

    while (!rig_backend_try(rig, index, ret_end)) {
        index = (index + 1) % rig->options.backends;
        if (!rig_wait(rig, start_ns))
            fail_msg("no connection came");
    }
    return index;
}

bool rig_backend_called(struct rig *rig, unsigned index)
{
    struct end end;

    rig_settle(rig);
    if (!rig_backend_try(rig, index, &end))
        return false;
    end_close(&end);
    return true;
}

void end_send_bytes(struct rig *rig, struct end *end, struct span bytes)
{
    uint64_t start_ns = clock_mono_ns();

    while (bytes.len > 0) {
        ssize_t n = send(end->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n == -1 && errno != EAGAIN)
            fail_msg("send: errno %d", errno);
        if (n > 0)
            bytes = span_from(bytes, (size_t)n);
        if (!rig_wait(rig, start_ns))
            fail_msg("the worker does not take what is sent: %zu bytes are left", bytes.len);
    }
}

void end_send(struct rig *rig, struct end *end, const char *text)
{
    end_send_bytes(rig, end, span_from_str(text));
}

void end_finish(struct rig *rig, struct end *end)
{
    assert_int_equal(shutdown(end->fd, SHUT_WR), 0);
    rig_settle(rig);
}

void end_close(struct end *end)
{
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
    buf_deinit(&end->got);
}

void end_reset(struct end *end)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    (void)setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    end_close(end);
}

void end_receive(struct end *end)
{
    while (end->fd >= 0 && !end->ended) {
        ssize_t n = recv(end->fd, buf_reserve(&end->got, 65536), 65536, 0);

        if (n == -1 && errno == EAGAIN)
            return;
        if (n > 0)
            end->got.len += (size_t)n;
        else
            end->ended = true;
    }
}

/* Until `len` bytes are there, or the end is, or patience is over. */
static void await(struct rig *rig, struct end *end, size_t len)
{
    uint64_t start_ns = clock_mono_ns();

    end_receive(end);
    while (end->got.len < len && !end->ended && rig_wait(rig, start_ns))
        end_receive(end);
}

void end_drop(struct end *end, size_t len)
{
    memmove(end->got.ptr, end->got.ptr + len, end->got.len - len);
    end->got.len -= len;
}

void end_expect_bytes(struct rig *rig, struct end *end, struct span bytes)
{
    await(rig, end, bytes.len);
    if (!span_eq(span_upto(buf_span(&end->got), bytes.len), bytes))
        fail_msg("expected %zu bytes, \"%.400s\"; got %zu: \"%.*s\"%s", bytes.len, bytes.ptr,
                 end->got.len, (int)MIN(end->got.len, (size_t)400),
                 end->got.ptr ? end->got.ptr : "", end->ended ? ", then the end" : "");
    end_drop(end, bytes.len);
}

void end_expect(struct rig *rig, struct end *end, const char *text)
{
    end_expect_bytes(rig, end, span_from_str(text));
}

size_t end_await_head(struct rig *rig, struct end *end)
{
    for (size_t want = 1;; want = end->got.len + 1) {
        await(rig, end, want);
        char *found = end->got.len ? memmem(end->got.ptr, end->got.len, "\r\n\r\n", 4) : NULL;
        if (found)
            return (size_t)(found - end->got.ptr) + 4;
        if (end->got.len < want)
            fail_msg("no whole head came, but %zu bytes: \"%.*s\"%s", end->got.len,
                     (int)MIN(end->got.len, (size_t)400), end->got.ptr ? end->got.ptr : "",
                     end->ended ? ", then the end" : "");
    }
}

void end_expect_head(struct rig *rig, struct end *end, const char *start)
{
    size_t len = end_await_head(rig, end);

    if (!span_starts_with(buf_span(&end->got), span_from_str(start)))
        fail_msg("expected \"%s…\", got \"%.*s\"", start, (int)len, end->got.ptr);
    end_drop(end, len);
}

void end_expect_line(struct rig *rig, struct end *end, const char *line)
{
    char text[512];
    size_t len = end_await_head(rig, end);

    snprintf(text, sizeof(text), "\r\n%s\r\n", line);
    if (!span_contains(span_upto(buf_span(&end->got), len), span_from_str(text)))
        fail_msg("no line \"%s\" in \"%.*s\"", line, (int)len, end->got.ptr);
}

void end_expect_status(struct rig *rig, struct end *end, unsigned status)
{
    char start[32];
    size_t len = end_await_head(rig, end);
    struct span head = span_upto(buf_span(&end->got), len);
    const char *field = memmem(head.ptr, head.len, "Content-Length: ", 16);

    assert_non_null(field);
    size_t body = (size_t)strtoul(field + 16, NULL, 10);
    snprintf(start, sizeof(start), "HTTP/1.1 %u ", status);
    end_expect_head(rig, end, start);
    await(rig, end, body);
    assert_true(end->got.len >= body);
    end_drop(end, body);
}

void end_expect_end(struct rig *rig, struct end *end)
{
    await(rig, end, end->got.len + 1);
    if (end->got.len > 0)
        fail_msg("expected the end, got \"%.*s\"", (int)MIN(end->got.len, (size_t)400),
                 end->got.ptr);
    assert_true(end->ended);
}

void end_expect_silence(struct rig *rig, struct end *end)
{
    rig_settle(rig);
    end_receive(end);
    if (end->got.len > 0)
        fail_msg("expected silence, got \"%.*s\"", (int)MIN(end->got.len, (size_t)400),
                 end->got.ptr);
    assert_false(end->ended);
}

void rig_exchange(struct rig *rig, struct end *client, struct end *backend, unsigned index)
{
    end_send(rig, client, RIG_GET);
    if (backend->fd < 0)
        *backend = rig_backend(rig, index);
    end_expect_head(rig, backend, "GET / HTTP/1.1\r\n");
    end_send(rig, backend, RIG_OK);
    end_expect(rig, client, RIG_OK);
}

struct span rig_log(struct rig *rig, char *at, size_t room)
{
    rig_pass_ms(rig, ACCESS_LOG_FLUSH_MS + LOOP_TICK_MS);
    ssize_t n = read(rig->log_fd, at, room);

    return span_of(at, n > 0 ? (size_t)n : 0);
}

struct h1_client *rig_only_client(struct rig *rig)
{
    assert_int_equal(rig->worker.clients_len, 1);
    return list_entry(rig->worker.clients.next, struct connection, link)->speaker;
}
