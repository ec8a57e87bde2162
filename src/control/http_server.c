#include "control/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/http_connection.h"

struct http_server {
    struct loop_watch listen_watch;
    struct http_connections connections;
};

static void on_listen(struct loop_watch *watch, uint32_t events)
{
    struct http_server *server = container_of(watch, struct http_server, listen_watch);
    struct http_connections *all = &server->connections;
    struct tls_context *context = NULL;

    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd == -1)
        return; /* level-triggered: asked again, if anyone is left */
    if (all->len >= all->options.connections_max && !http_connections_evict(all)) {
        log_limited(LOG_WARN, "connection_refused", F_STR("endpoint", all->options.name),
                    F_UINT("limit", all->options.connections_max));
        close(fd);
        return;
    }
    if (all->options.tls) {
        context = all->options.tls(all->options.ctx);
        if (!context) {
            close(fd);
            return;
        }
    }
    http_connection_open(all, fd, context);
}

int http_server_new(struct loop *loop, int listen_fd, const struct http_server_options *options,
                    struct http_server **ret_server)
{
    struct http_server *server = mem_alloc_zero(sizeof(*server));

    server->connections = (struct http_connections){ .loop = loop, .options = *options };
    list_init(&server->connections.list);
    server->listen_watch.fd = -1;
    server->listen_watch.on_events = on_listen;
    int r = loop_watch_add_level(loop, &server->listen_watch, listen_fd, LOOP_READ);
    if (r < 0) {
        mem_free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server)
        return NULL;
    http_connections_close(&server->connections);
    loop_watch_remove(server->connections.loop, &server->listen_watch);
    return mem_free(server);
}
