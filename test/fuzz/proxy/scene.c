#include "scene.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "image/writer.h"
#include "proxy/client/connection.h"
#include "proxy/worker.h"

struct scene scene;

static struct {
    struct worker worker;
    struct stats_page *stats;
    int listener;
    uint16_t port;
    uint64_t now_ms;
} inner = { .now_ms = 8000000 };

static const struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };

static void below_add(struct route_model *model, struct route_service *service)
{
    static const struct ip_block everyone; /* of IPv6, as the clients of scene_client_begin() are */
    struct route_listener *listener = route_listener_new(model);

    model->settings.proxy_protocol = true;
    model->settings.trusted = &everyone;
    model->settings.trusted_len = 1;
    listener->transport = ROUTE_TRANSPORT_TCP;
    listener->port = 80;
    listener->accepts_proxy = true;
    listener->proxy_version = 1;
    route_listener_set_service(listener, service);
    route_host_set_passthrough(model, route_host_get(model, SPAN("p.test")), service);
}

static struct route_model *model_make(void)
{
    static struct route_policy policy;
    struct route_model *model = route_model_new();
    struct route_host *host = route_host_get(model, SPAN(""));
    struct route_path *path = route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN(""));
    struct route_rule *rule = route_rule_new(model);
    struct route_endpoint *endpoint = arena_new(&model->arena, struct route_endpoint);

    policy = route_policy_default();
    if (scene.speaks_http2_to_backends)
        policy.protocol = ROUTE_PROTOCOL_H2C;
    rule->policy = &policy;
    rule->backends = arena_new_array(&model->arena, struct route_backend, 1);
    rule->backends_len = 1;
    rule->backends[0].service =
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("ns"), SPAN("svc"), SPAN("80"));
    rule->backends[0].weight = 1;
    *endpoint = (struct route_endpoint){ .ip = loopback, .port = inner.port };
    endpoint->id = route_endpoint_id(endpoint);
    rule->backends[0].service->endpoints = endpoint;
    rule->backends[0].service->endpoints_len = 1;
    vec_push(&path->rules, rule);
    if (scene.is_below)
        below_add(model, rule->backends[0].service);
    return model;
}

static void image_serve(void)
{
    struct route_model *model = model_make();
    struct image_writer *writer = image_writer_new();
    struct image_view *view = NULL;
    struct image_bytes bytes;

    invariant(image_write(writer, model, &bytes) == IMAGE_WRITE_OK);
    invariant(image_view_open_bytes(bytes.root, bytes.segments, bytes.segments_len, &view) ==
              IMAGE_OPEN_OK);
    worker_take_image(&inner.worker, view);
    image_view_unref(view);
    image_writer_free(writer);
    route_model_free(model);
}

void scene_begin(void)
{
    struct proxy_options options = { .health_check_path = SPAN("/healthz") };
    int stats_fd = stats_page_create();

    invariant(stats_page_map(stats_fd, STATS_WRITE, &inner.stats) == 0);
    close(stats_fd);
    inner.listener = socket_listen_tcp(&loopback, 0, 64);
    invariant(inner.listener >= 0 && socket_local_port(inner.listener, &inner.port) == 0);
    invariant(loop_new(&scene.loop) == 0);
    loop_clock_set_manual(scene.loop, inner.now_ms);
    invariant(worker_init(&inner.worker, scene.loop, inner.stats, -1, &options) == 0);
    image_serve();
}

void scene_settle(void)
{
    struct net_peer from;
    int fd;

    for (unsigned i = 0; i < 3; i++)
        invariant(loop_turn(scene.loop, 0) == 0);
    while (scene.connections_len < SCENE_CONNECTIONS_MAX &&
           (fd = socket_accept(inner.listener, &from)) >= 0)
        scene.connections[scene.connections_len++] = fd;
}

void scene_clock_turn(uint64_t ms)
{
    inner.now_ms += ms;
    loop_clock_set_manual(scene.loop, inner.now_ms);
}

void scene_client_begin(unsigned index)
{
    static const struct net_peer peer = { .port = 1 };
    struct proc_listener listener = { .kind = scene.listener_kind ? scene.listener_kind
                                                                  : PROC_LISTEN_HTTP,
                                      .port = 80 };
    int fds[2];

    invariant(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    scene.clients[index] = fds[0];
    connection_accept(&inner.worker, fds[1], &peer, &listener);
}

void scene_say(int fd, struct span bytes)
{
    static char sink[65536];

    while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
        continue;
    if (bytes.len > 0)
        (void)!send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void scene_backend_close(void)
{
    if (scene.connections_len > 0)
        close(scene.connections[--scene.connections_len]);
}

static void connection_say(struct span bytes)
{
    if (scene.connections_len > 0)
        scene_say(scene.connections[scene.connections_len - 1], bytes);
}

/* One act; returns how many bytes behind its own it took. */
static size_t act(uint8_t what, const uint8_t *rest, size_t rest_len)
{
    static const uint64_t steps_ms[] = { LOOP_TICK_MS, 2000, 61000, 400000 };
    size_t len = MIN(rest_len, (size_t)(what & 0x80 ? what & 0x3F : (what & 0x7F) >> 1));

    if (!(what & 0x80)) {
        scene_say(scene.clients[what & 1], span_of((const char *)rest, len));
        return len;
    }
    if (!(what & 0x40)) {
        connection_say(span_of((const char *)rest, len));
        return len;
    }
    switch (what & 0x3E) {
    case 0:
        close(scene.clients[what & 1]);
        scene_client_begin(what & 1);
        break;
    case 2:
        scene_backend_close();
        break;
    case 4:
    case 6:
        scene_clock_turn(steps_ms[what & 3]);
        break;
    default:
        (void)shutdown(scene.clients[0], SHUT_WR);
        break;
    }
    return 0;
}

void scene_play(const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < SCENE_CLIENTS; i++)
        scene_client_begin(i);
    for (size_t at = 0; at < size && at < 4096;) {
        uint8_t what = data[at++];

        at += act(what, data + at, size - at);
        scene_settle();
    }
    scene_clear();
}

void scene_clear(void)
{
    for (unsigned i = 0; i < SCENE_CLIENTS; i++)
        close(scene.clients[i]);
    scene_settle();
    while (scene.connections_len > 0)
        scene_backend_close();
    for (unsigned i = 0; i < 4 && inner.worker.clients_len > 0; i++) {
        scene_clock_turn(400000);
        scene_settle();
        while (scene.connections_len > 0)
            scene_backend_close();
    }
    endpoint_table_close_idle(&inner.worker.endpoints);
    scene_settle();
    invariant(inner.worker.clients_len == 0);
    invariant(inner.worker.buffers.lent == 0);
}
