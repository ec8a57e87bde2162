#include "control/main.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/admin_pages.h"
#include "control/source_dir.h"
#include "proc/channel.h"
#include "proc/inherit.h"
#include "proc/sandbox.h"
#include "proc/title.h"
#include "tls/certificate.h"

struct control {
    struct loop *loop;
    struct proc_hello hello;
    struct ingress_options ingress;
    struct buf fallback_chain, fallback_key;
    const struct stats_page *pages[PROC_WORKERS_MAX];
    struct reconcile *reconcile;
    struct source *source;
    struct admin *admin;
    struct route_labels labels;
    struct metrics_input shown;
    struct loop_watch channel_watch, signal_watch;
    struct loop_timer start_timer;
    bool is_started;
};

/* A controller that follows another is told, first thing, which generation that one reached. It
 * waits no longer than this: the one before may have died before its first image. */
enum { PREDECESSOR_WAIT_MS = 200 };

static void start(struct control *control)
{
    if (control->is_started)
        return;
    control->is_started = true;
    loop_timer_cancel(&control->start_timer);
    source_dir_start(control->source);
}

static void on_start_timer(struct loop_timer *timer)
{
    start(container_of(timer, struct control, start_timer));
}

static void on_channel(struct loop_watch *watch, uint32_t events)
{
    struct control *control = container_of(watch, struct control, channel_watch);
    struct proc_message message;

    (void)events;
    for (;;) {
        int r = proc_channel_receive(watch->fd, &message);
        if (r == -EAGAIN)
            return;
        if (r < 0) {
            log_info("supervisor_gone", F_ERRNO(r));
            loop_stop(control->loop);
            return;
        }
        proc_message_close_fds(&message);
        reconcile_on_message(control->reconcile, &message);
        start(control);
    }
}

static void on_signal(struct loop_watch *watch, uint32_t events)
{
    struct control *control = container_of(watch, struct control, signal_watch);

    (void)events;
    loop_stop(control->loop);
}

static void on_serving(void *ctx, const struct image_view *view, const struct route_model *model)
{
    struct control *control = ctx;

    (void)model;
    route_labels_learn(&control->labels, view);
}

/* ---- setting up -------------------------------------------------------------------------------
 */

static int pages_map(struct control *control)
{
    for (uint32_t i = 0; i < control->hello.workers_len; i++) {
        struct stats_page *page;
        int fd = PROC_FD_FIRST + (int)i;
        int r = stats_page_map(fd, STATS_READ, &page);
        if (r < 0)
            return r;
        close(fd);
        control->pages[i] = page;
    }
    return 0;
}

/* Shown to TLS clients where no Secret fits. A controller that takes over makes another one. */
static int fallback_generate(struct control *control)
{
    int r = tls_pair_generate(&control->fallback_chain, &control->fallback_key);

    if (r < 0)
        return r;
    control->ingress.fallback_chain_pem = buf_span(&control->fallback_chain);
    control->ingress.fallback_key_pem = buf_span(&control->fallback_key);
    return 0;
}

static int signals_watch(struct control *control)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1)
        return -errno;
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd == -1)
        return -errno;
    control->signal_watch.on_events = on_signal;
    return loop_watch_add_level(control->loop, &control->signal_watch, fd, LOOP_READ);
}

static int channel_watch(struct control *control)
{
    control->channel_watch.on_events = on_channel;
    return loop_watch_add_level(control->loop, &control->channel_watch, PROC_FD_CHANNEL, LOOP_READ);
}

static void shown_set(struct control *control, const struct control_options *options)
{
    control->shown = (struct metrics_input){
        .reconcile = control->reconcile,
        .labels = &control->labels,
        .pages = control->pages,
        .pages_len = control->hello.workers_len,
        .namespace = options->pod_namespace,
        .class = options->metrics_class,
        .pod = options->pod_name,
        .per_host = options->metrics_per_host,
        .started_wall_ns = clock_wall_ns(),
    };
}

static int rooms_open(struct control *control, const struct control_options *options)
{
    int r = pages_map(control);

    if (r < 0)
        return r;
    r = loop_new(&control->loop);
    if (r < 0)
        return r;
    control->reconcile = reconcile_new(control->loop, PROC_FD_CHANNEL, &control->ingress);
    reconcile_set_on_serving(control->reconcile, on_serving, control);
    r = source_dir_new(control->loop, span_from_str(options->manifests), reconcile_on_change,
                       control->reconcile, &control->source);
    if (r < 0)
        return r;
    reconcile_set_source(control->reconcile, control->source);
    shown_set(control, options);
    r = admin_new(control->loop, PROC_FD_ADMIN, admin_page, &control->shown, &control->admin);
    if (r < 0)
        return r;
    r = channel_watch(control);
    if (r < 0)
        return r;
    return signals_watch(control);
}

static int serve(struct control *control, const struct control_options *options)
{
    int r = proc_inherit_take(&control->hello);

    if (r < 0)
        return r;
    proc_title_set("controller");
    r = proc_sandbox_enter(PROC_CONTROLLER);
    if (r < 0)
        return r;
    r = fallback_generate(control);
    if (r < 0)
        return r;
    r = rooms_open(control, options);
    if (r < 0)
        return r;
    if (control->hello.starts > 1)
        loop_timer_set(control->loop, &control->start_timer, PREDECESSOR_WAIT_MS);
    else
        start(control);
    return loop_run(control->loop);
}

static void control_deinit(struct control *control)
{
    if (control->loop) {
        control->admin = admin_free(control->admin);
        control->source = source_free(control->source);
        control->reconcile = reconcile_free(control->reconcile);
        loop_watch_remove(control->loop, &control->channel_watch);
        loop_timer_cancel(&control->start_timer);
        int signal_fd = control->signal_watch.fd;
        loop_watch_remove(control->loop, &control->signal_watch);
        fd_closep(&signal_fd);
        control->loop = loop_free(control->loop);
    }
    for (size_t i = 0; i < ARRAY_LEN(control->pages); i++) {
        if (control->pages[i])
            stats_page_unmap((struct stats_page *)control->pages[i]);
    }
    route_labels_deinit(&control->labels);
    buf_deinit(&control->fallback_chain);
    buf_deinit(&control->fallback_key);
}

int control_main(const struct control_options *options)
{
    struct control control = {
        .ingress = options->ingress,
        .channel_watch.fd = -1,
        .signal_watch.fd = -1,
    };

    loop_timer_init(&control.start_timer, on_start_timer);
    int r = serve(&control, options);
    if (r < 0)
        log_error("controller_failed", F_ERRNO(r));
    control_deinit(&control);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
