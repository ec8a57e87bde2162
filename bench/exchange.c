/* One worker, one client and one backend in a process of their own, for callgrind to count what a request
 * costs the worker outside of the kernel. The worker runs below worker_turn() only:
 *
 *     valgrind --tool=callgrind --toggle-collect='worker_turn*' bench_exchange REQUESTS off|on
 *
 * With "on", an access log goes to /dev/null. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/publish.h"
#include "proxy/client/connection.h"
#include "proxy/worker.h"
#include "route/model.h"

/* More than a request needs to come back, if it ever does. */
enum { TURNS_MAX = 1000 };

static const char request[] = "GET /bench/item?id=42 HTTP/1.1\r\nHost: bench.example\r\n"
                              "User-Agent: bench/1.0\r\nAccept: */*\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nyyyyyyyyyy";

static const struct ip_addr loopback = { { [10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1 } };

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench_exchange: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static struct route_service *service_make(struct route_model *model, uint16_t port)
{
    struct route_service *service =
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("default"), SPAN("bench"), SPAN("80"));
    struct route_endpoint *endpoint = arena_new(&model->arena, struct route_endpoint);

    *endpoint = (struct route_endpoint){ .kind = ROUTE_ENDPOINT_IP, .ip = loopback, .port = port };
    endpoint->id = route_endpoint_id(endpoint);
    service->endpoints = endpoint;
    service->endpoints_len = 1;
    return service;
}

/* bench.example, any path, to the backend. */
static struct route_model *model_make(uint16_t port)
{
    struct route_model *model = route_model_new();
    struct route_host *host = route_host_get(model, SPAN("bench.example"));
    struct route_path *path = route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN(""));
    struct route_rule *rule = route_rule_new(model);
    struct route_policy *policy = arena_new(&model->arena, struct route_policy);

    *policy = route_policy_default();
    model->settings.keep_alive_requests = UINT32_MAX;
    rule->namespace = SPAN("default");
    rule->ingress = SPAN("bench");
    rule->path = SPAN("/");
    rule->policy = policy;
    rule->backends = arena_new(&model->arena, struct route_backend);
    *rule->backends = (struct route_backend){ service_make(model, port), 1 };
    rule->backends_len = 1;
    rule->metric_id = route_metric_id(rule, SPAN_EMPTY, rule->backends->service);
    vec_push(&path->rules, rule);
    return model;
}

static struct image_view *view_make(uint16_t port)
{
    struct route_model *model = model_make(port);
    struct image_writer *writer = image_writer_new();
    struct image_view *view;
    struct image_bytes bytes;
    struct image_fds fds;

    check(image_write(writer, model, &bytes) == IMAGE_WRITE_OK, "image");
    check(image_publish(&bytes, NULL, &fds) == 0, "image");
    check(image_view_open(&fds, NULL, &view) == IMAGE_OPEN_OK, "image");
    image_fds_close(&fds);
    image_writer_free(writer);
    route_model_free(model);
    return view;
}

/* What callgrind counts. */
__attribute__((noinline)) static void worker_turn(struct loop *loop)
{
    check(loop_turn(loop, 0) == 0, "loop");
}

/* The backend: one connection, which the worker keeps. */
static bool backend_serve(int listener, int *connection)
{
    char bytes[4096];

    if (*connection == -1)
        *connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*connection == -1 || recv(*connection, bytes, sizeof(bytes), 0) <= 0)
        return false;
    check(send(*connection, answer, strlen(answer), 0) == (ssize_t)strlen(answer), "backend");
    return true;
}

static void exchange_once(struct loop *loop, int client, int listener, int *backend)
{
    char bytes[4096];

    check(send(client, request, strlen(request), 0) == (ssize_t)strlen(request), "client");
    for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
        worker_turn(loop);
        backend_serve(listener, backend);
        ssize_t n = recv(client, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n == -1)
            continue;
        check(n > 12 && memcmp(bytes, "HTTP/1.1 200", 12) == 0, "answer");
        return;
    }
    check(false, "no answer");
}

static struct stats_page *stats_make(void)
{
    struct stats_page *stats = NULL;
    int fd = stats_page_create();

    check(fd >= 0 && stats_page_map(fd, STATS_WRITE, &stats) == 0, "counters");
    close(fd);
    return stats;
}

/* A worker that serves the image, with one client, whose end of the connection is returned. */
static int worker_make(struct worker *worker, struct loop *loop, int log, uint16_t port)
{
    struct proxy_options options = { .health_check_path = SPAN("/healthz") };
    struct proc_listener plain = { .kind = PROC_LISTEN_HTTP, .port = 80 };
    struct net_peer peer = { loopback, 40000 };
    struct image_view *view = view_make(port);
    int pair[2];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "pair");
    check(worker_init(worker, loop, stats_make(), log, &options) == 0, "worker");
    worker_take_image(worker, view);
    image_view_unref(view);
    connection_accept(worker, pair[0], &peer, &plain);
    return pair[1];
}

int main(int argc, char **argv)
{
    static struct worker worker;
    struct loop *loop;
    int backend = -1;
    uint16_t port = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_exchange REQUESTS off|on\n");
        return 2;
    }
    int log = strcmp(argv[2], "on") == 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    int listener = socket_listen_tcp(&loopback, 0, 16);
    check(listener >= 0 && socket_local_port(listener, &port) == 0, "listen");
    check(loop_new(&loop) == 0, "loop");
    int client = worker_make(&worker, loop, log, port);

    for (unsigned long left = strtoul(argv[1], NULL, 10); left > 0; left--)
        exchange_once(loop, client, listener, &backend);
    worker_deinit(&worker);
    loop_free(loop);
    return EXIT_SUCCESS;
}
