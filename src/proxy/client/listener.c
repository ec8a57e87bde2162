#include "proxy/client/listener.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/connection.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

static void connection_take(struct listener *listener, int fd, const struct net_peer *peer)
{
    struct worker *worker = listener->worker;
    bool is_health = listener->info.kind == PROC_LISTEN_HEALTH;

    stats_add(&worker->stats->connections_accepted, 1);
    if (worker->clients_len >= worker->clients_max && !is_health) {
        stats_add(&worker->stats->refused_connections, 1);
        log_limited(LOG_WARN, "connections_limit_reached", F_UINT("limit", worker->clients_max));
        close(fd);
        return;
    }
    connection_accept(worker, fd, peer, &listener->info);
}

/* Accepts up to `most` connections; false where none waits any more. */
static bool queue_take(struct listener *listener, unsigned most)
{
    for (unsigned i = 0; i < most; i++) {
        struct net_peer peer;
        int fd = socket_accept(listener->fd, &peer);

        if (fd >= 0) {
            connection_take(listener, fd, &peer);
            continue;
        }
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM) {
            log_limited(LOG_ERROR, "accept_failed", F_ERRNO(fd));
            loop_watch_remove(listener->worker->loop, &listener->watch);
            loop_timer_set(listener->worker->loop, &listener->pause, PROXY_ACCEPT_PAUSE_MS);
            return false;
        }
        if (fd == -EAGAIN || fd == -EINVAL || fd == -EBADF)
            return false;
    }
    return true;
}

static void listener_on_events(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    queue_take(container_of(watch, struct listener, watch), PROXY_ACCEPT_BURST);
}

static void listener_on_pause_over(struct loop_timer *timer)
{
    struct listener *listener = container_of(timer, struct listener, pause);

    if (loop_watch_add_level(listener->worker->loop, &listener->watch, listener->fd, LOOP_READ) < 0)
        loop_timer_set(listener->worker->loop, &listener->pause, PROXY_ACCEPT_PAUSE_MS);
}

void listener_init(struct listener *listener, struct worker *worker, int fd,
                   const struct proc_listener *info)
{
    *listener = (struct listener){
        .watch = { -1, 0, listener_on_events }, .worker = worker, .info = *info, .fd = fd
    };
    loop_timer_init(&listener->pause, listener_on_pause_over);
}

int listener_serve(struct listener *listener, bool serves)
{
    struct loop *loop = listener->worker->loop;

    if (serves == listener->serves)
        return 0;
    if (serves) {
        int r = loop_watch_add_level(loop, &listener->watch, listener->fd, LOOP_READ);
        if (r < 0)
            return r;
    } else {
        loop_timer_cancel(&listener->pause);
        loop_watch_remove(loop, &listener->watch);
    }
    listener->serves = serves;
    return 0;
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    while (listener->serves && queue_take(listener, PROXY_ACCEPT_BURST))
        continue;
    loop_timer_cancel(&listener->pause);
    loop_watch_remove(listener->worker->loop, &listener->watch);
    close(listener->fd);
    listener->fd = -1;
}
