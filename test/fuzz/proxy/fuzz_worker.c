/* A whole worker, driven by the input: each byte says who acts, the bytes behind it what is said.
 *
 *   0xxxxxxx  client (bit 0: which of two) sends the next x >> 1 bytes
 *   10xxxxxx  the backend's newest connection sends the next x bytes
 *   1100000c  client c leaves and another takes its place
 *   1100001x  the backend's newest connection closes
 *   110001xx  the clock goes on, by a tick up to more than any time-out
 *   else      client 0 says its end
 *
 * Nothing may crash, and in the end nothing may be left over. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "image/writer.h"
#include "proxy/connection.h"
#include "proxy/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 2, CONNECTIONS_MAX = 8 };

static struct {
    struct loop *loop;
    struct worker worker;
    struct stats_page *stats;
    int listener;
    uint16_t port;
    uint64_t now_ms;
    int clients[CLIENTS];
    int connections[CONNECTIONS_MAX];
    unsigned connections_len;
} scene = { .now_ms = 8000000 };

static const struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };

static struct route_model *model_make(void)
{
    static struct route_policy policy;
    struct route_model *model = route_model_new();
    struct route_host *host = route_host_get(model, SPAN(""));
    struct route_path *path = route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN(""));
    struct route_rule *rule = route_rule_new(model);
    struct route_endpoint *endpoint = arena_new(&model->arena, struct route_endpoint);

    policy = route_policy_default();
    rule->policy = &policy;
    rule->backends = arena_new_array(&model->arena, struct route_backend, 1);
    rule->backends_len = 1;
    rule->backends[0].service = route_service_get(model, SPAN("ns"), SPAN("svc"), SPAN("80"));
    rule->backends[0].weight = 1;
    *endpoint = (struct route_endpoint){ .ip = loopback, .port = scene.port };
    endpoint->id = route_endpoint_id(endpoint);
    rule->backends[0].service->endpoints = endpoint;
    rule->backends[0].service->endpoints_len = 1;
    vec_push(&path->rules, rule);
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
    worker_take_image(&scene.worker, view);
    image_view_unref(view);
    image_writer_free(writer);
    route_model_free(model);
}

static void scene_begin(void)
{
    struct proxy_options options = { .health_check_path = SPAN("/healthz") };
    int stats_fd = stats_page_create();

    invariant(stats_page_map(stats_fd, STATS_WRITE, &scene.stats) == 0);
    close(stats_fd);
    scene.listener = socket_listen_tcp(&loopback, 0, 64);
    invariant(scene.listener >= 0 && socket_local_port(scene.listener, &scene.port) == 0);
    invariant(loop_new(&scene.loop) == 0);
    loop_clock_set_manual(scene.loop, scene.now_ms);
    invariant(worker_init(&scene.worker, scene.loop, scene.stats, -1, &options) == 0);
    image_serve();
}

static void settle(void)
{
    struct net_peer from;
    int fd;

    for (unsigned i = 0; i < 3; i++)
        invariant(loop_turn(scene.loop, 0) == 0);
    while (scene.connections_len < CONNECTIONS_MAX &&
           (fd = socket_accept(scene.listener, &from)) >= 0)
        scene.connections[scene.connections_len++] = fd;
}

static void clock_turn(uint64_t ms)
{
    scene.now_ms += ms;
    loop_clock_set_manual(scene.loop, scene.now_ms);
}

static void client_begin(unsigned index)
{
    static const struct net_peer peer = { .port = 1 };
    struct proc_listener listener = { .kind = PROC_LISTEN_HTTP, .port = 80 };
    int fds[2];

    invariant(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    scene.clients[index] = fds[0];
    connection_accept(&scene.worker, fds[1], &peer, &listener);
}

/* Takes what came, so that nobody waits for us; then says something. */
static void say(int fd, const uint8_t *bytes, size_t len)
{
    static char sink[65536];

    while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
        continue;
    if (len > 0)
        (void)!send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void connection_say(const uint8_t *bytes, size_t len)
{
    if (scene.connections_len > 0)
        say(scene.connections[scene.connections_len - 1], bytes, len);
}

static void backend_close(void)
{
    if (scene.connections_len > 0)
        close(scene.connections[--scene.connections_len]);
}

/* One act; returns how many bytes behind its own it took. */
static size_t act(uint8_t what, const uint8_t *rest, size_t rest_len)
{
    static const uint64_t steps_ms[] = { LOOP_TICK_MS, 2000, 61000, 400000 };
    size_t len = MIN(rest_len, (size_t)(what & 0x80 ? what & 0x3F : (what & 0x7F) >> 1));

    if (!(what & 0x80)) {
        say(scene.clients[what & 1], rest, len);
        return len;
    }
    if (!(what & 0x40)) {
        connection_say(rest, len);
        return len;
    }
    switch (what & 0x3E) {
    case 0:
        close(scene.clients[what & 1]);
        client_begin(what & 1);
        break;
    case 2:
        backend_close();
        break;
    case 4:
    case 6:
        clock_turn(steps_ms[what & 3]);
        break;
    default:
        (void)shutdown(scene.clients[0], SHUT_WR);
        break;
    }
    return 0;
}

/* Everyone leaves; whatever the input did, nothing may stay behind. */
static void scene_clear(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        close(scene.clients[i]);
    settle();
    while (scene.connections_len > 0)
        backend_close();
    for (unsigned i = 0; i < 4 && scene.worker.clients_len > 0; i++) {
        clock_turn(400000);
        settle();
        while (scene.connections_len > 0)
            backend_close();
    }
    endpoint_table_close_idle(&scene.worker.endpoints);
    settle();
    invariant(scene.worker.clients_len == 0);
    invariant(scene.worker.buffers.lent == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!scene.loop)
        scene_begin();
    for (unsigned i = 0; i < CLIENTS; i++)
        client_begin(i);
    for (size_t at = 0; at < size && at < 4096;) {
        uint8_t what = data[at++];

        at += act(what, data + at, size - at);
        settle();
    }
    scene_clear();
    return 0;
}
