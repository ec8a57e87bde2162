#include "proxy/main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "proc/channel.h"
#include "proc/sandbox.h"
#include "proc/title.h"
#include "proxy/client/listener.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

/* The role around a worker: what the supervisor says, and an orderly end. */
struct role {
    struct worker worker;
    struct proc_hello hello;
    struct loop_watch channel;
    struct listener listeners[PROC_LISTENERS_MAX];
    bool serves; /* HTTP and HTTPS listeners are open: from the first image on */
    struct loop_timer grace_timer, idle_timer, limit_timer, check_timer;
    uint32_t drain_ms;
    int exit_status;
};

enum { DRAIN_CHECK_MS = 20 };

static void message_send(struct role *role, enum proc_message_kind kind, uint64_t generation,
                         int result)
{
    struct proc_message message = { .kind = kind, .generation = generation, .result = result };
    int r = proc_channel_send(role->channel.fd, &message);

    if (r < 0)
        log_limited(LOG_ERROR, "channel_send_failed", F_ERRNO(r));
}

static int listeners_open(struct role *role, bool health)
{
    for (uint32_t i = 0; i < role->hello.listeners_len; i++) {
        const struct proc_listener *info = &role->hello.listeners[i];

        if ((info->kind == PROC_LISTEN_HEALTH) != health)
            continue;
        listener_init(&role->listeners[i], &role->worker, PROC_FD_FIRST + 1 + (int)i, info);
        int r = listener_serve(&role->listeners[i], true);
        if (r < 0)
            return r;
    }
    return 0;
}

static void serve_begin(struct role *role)
{
    if (role->serves || role->worker.draining)
        return;
    role->serves = true;
    int r = listeners_open(role, false);
    if (r < 0)
        log_error("listen_failed", F_ERRNO(r));
}

static void image_take(struct role *role, const struct proc_message *message)
{
    struct image_fds fds = { .root = message->fds[0], .segments_len = message->fds_len - 1 };
    struct image_view *view = NULL;

    for (uint32_t i = 0; i < fds.segments_len && i < IMAGE_SEGMENTS_MAX; i++)
        fds.segments[i] = message->fds[1 + i];
    int r = image_view_open(&fds, role->worker.view, &view);
    if (r != IMAGE_OPEN_OK) {
        log_error("image_refused", F_UINT("refused_generation", message->generation),
                  F_INT("result", r));
        message_send(role, PROC_REFUSED, message->generation, r);
        return;
    }
    worker_take_image(&role->worker, view);
    image_view_unref(view);
    serve_begin(role);
    message_send(role, PROC_TAKEN, message->generation, 0);
}

/* ---- draining: unready, then no new connections, then no idle ones, then nothing ---- */

static void role_end(struct role *role, int status)
{
    role->exit_status = status;
    message_send(role, PROC_DRAINED, 0, 0);
    loop_stop(role->worker.loop);
}

static void on_drain_check(struct loop_timer *timer)
{
    struct role *role = container_of(timer, struct role, check_timer);

    if (role->worker.clients_len == 0 && role->worker.udp.len == 0)
        role_end(role, EXIT_SUCCESS);
    else
        loop_timer_set(role->worker.loop, timer, DRAIN_CHECK_MS);
}

static void on_drain_idle(struct loop_timer *timer)
{
    struct role *role = container_of(timer, struct role, idle_timer);

    worker_close_idle(&role->worker);
    loop_timer_set(role->worker.loop, timer, PROXY_DRAIN_IDLE_MS);
}

static void on_drain_limit(struct loop_timer *timer)
{
    struct role *role = container_of(timer, struct role, limit_timer);

    log_warn("drain_time_over", F_UINT("connections_closed", role->worker.clients_len));
    role_end(role, EXIT_SUCCESS);
}

static void on_grace_over(struct loop_timer *timer)
{
    struct role *role = container_of(timer, struct role, grace_timer);
    struct worker *worker = &role->worker;

    worker->draining = true;
    for (uint32_t i = 0; i < role->hello.listeners_len; i++) {
        if (role->serves && role->hello.listeners[i].kind != PROC_LISTEN_HEALTH)
            listener_close(&role->listeners[i]);
    }
    service_ports_close(&worker->service_ports);
    loop_timer_set(worker->loop, &role->idle_timer, PROXY_DRAIN_IDLE_MS);
    loop_timer_set(worker->loop, &role->limit_timer, role->drain_ms);
    on_drain_check(&role->check_timer);
}

static void drain_begin(struct role *role, const struct proc_message *message)
{
    if (role->worker.unready)
        return;
    role->worker.unready = true;
    role->drain_ms = message->time_ms;
    if (message->result > 0)
        loop_timer_set(role->worker.loop, &role->grace_timer, (uint64_t)message->result);
    else
        on_grace_over(&role->grace_timer);
}

static void message_handle(struct role *role, struct proc_message *message)
{
    switch ((enum proc_message_kind)message->kind) {
    case PROC_IMAGE:
        if (message->fds_len > 0)
            image_take(role, message);
        return;
    case PROC_DRAIN:
        drain_begin(role, message);
        return;
    case PROC_LISTEN:
        if (!role->worker.draining)
            service_ports_listen(&role->worker.service_ports, message);
        return;
    case PROC_UNLISTEN:
        service_ports_unlisten(&role->worker.service_ports, message);
        return;
    case PROC_HELLO:
    case PROC_PUBLISH:
    case PROC_RESUME:
    case PROC_PUBLISHED:
    case PROC_REJECTED:
    case PROC_READY:
    case PROC_TAKEN:
    case PROC_REFUSED:
    case PROC_DRAINED:
    case PROC_PORT:
        break;
    }
    log_limited(LOG_ERROR, "message_unexpected", F_UINT("kind", message->kind));
}

static void channel_on_events(struct loop_watch *watch, uint32_t events)
{
    struct role *role = container_of(watch, struct role, channel);
    struct proc_message message;

    (void)events;
    for (;;) {
        int r = proc_channel_receive(watch->fd, &message);
        if (r == -EAGAIN)
            return;
        if (r < 0) {
            /* The supervisor is gone: nobody would notice if this process died later. */
            log_error("supervisor_gone", F_ERRNO(r));
            role->exit_status = EXIT_FAILURE;
            loop_stop(role->worker.loop);
            return;
        }
        message_handle(role, &message);
        proc_message_close_fds(&message);
    }
}

static int role_init(struct role *role, const struct proxy_options *options)
{
    struct stats_page *stats;
    struct loop *loop;

    int r = proc_inherit_take(&role->hello);
    /* Asked before anything is opened: where logging is off, the number is free for others. */
    int log_fd = fcntl(PROC_FD_ACCESS_LOG, F_GETFD) == -1 ? -1 : PROC_FD_ACCESS_LOG;
    if (r < 0 || (r = stats_page_map(PROC_FD_FIRST, STATS_WRITE, &stats)) < 0 ||
        (r = loop_new(&loop)) < 0)
        return r;
    close(PROC_FD_FIRST);
    r = worker_init(&role->worker, loop, stats, log_fd, options);
    if (r < 0)
        return r;
    role->worker.admin_name = span_of(role->hello.admin_name, role->hello.admin_name_len);
    loop_timer_init(&role->grace_timer, on_grace_over);
    loop_timer_init(&role->idle_timer, on_drain_idle);
    loop_timer_init(&role->limit_timer, on_drain_limit);
    loop_timer_init(&role->check_timer, on_drain_check);
    return 0;
}

static int role_start(struct role *role)
{
    int r = proc_sandbox_enter(PROC_WORKER, SANDBOX_NOTHING);
    if (r < 0)
        return r;
    role->channel = (struct loop_watch){ -1, 0, channel_on_events };
    r = loop_watch_add_level(role->worker.loop, &role->channel, PROC_FD_CHANNEL, LOOP_READ);
    if (r < 0 || (r = listeners_open(role, true)) < 0)
        return r;
    message_send(role, PROC_READY, 0, 0);
    return 0;
}

int proxy_main(const struct proxy_options *options)
{
    static struct role role;
    static struct arena names; /* log and title point into it for good */

    int r = role_init(&role, options);
    if (r == 0) {
        arena_init(&names, 64);
        struct span name = arena_printf(&names, "yett: worker %u", role.hello.worker_index);
        log_set_role(name.ptr + strlen("yett: "));
        proc_title_set(name.ptr);
        r = role_start(&role);
    }
    if (r < 0) {
        log_error("worker_start_failed", F_ERRNO(r));
        return EXIT_FAILURE;
    }
    r = loop_run(role.worker.loop);
    worker_deinit(&role.worker);
    loop_free(role.worker.loop);
    if (r < 0)
        log_error("loop_failed", F_ERRNO(r));
    return r < 0 ? EXIT_FAILURE : role.exit_status;
}
