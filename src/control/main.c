#include "control/main.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/admin_pages.h"
#include "control/cluster.h"
#include "control/fallback.h"
#include "control/source_api.h"
#include "control/source_dir.h"
#include "control/ticket_keys.h"
#include "control/webhook.h"
#include "ingress/cache.h"
#include "proc/channel.h"
#include "proc/inherit.h"
#include "proc/sandbox.h"
#include "proc/title.h"

struct control {
    struct loop *loop;
    struct proc_hello hello;
    struct ingress_options ingress;
    struct fallback fallback;
    struct ticket_keys ticket_keys;
    struct cluster cluster; /* zeroed where a directory is served */
    const struct stats_page *pages[PROC_WORKERS_MAX];
    struct reconcile *reconcile;
    struct source *source;
    struct writer *writer; /* NULL: a directory is served */
    struct admin *admin;
    struct webhook *webhook; /* NULL: there is none */
    struct route_labels labels;
    struct certificate_facts certificates;
    struct metrics_input shown;
    struct loop_watch channel_watch, signal_watch;
    bool is_started, is_ending;
};

static bool has_tls_listener(const struct proc_hello *hello)
{
    for (uint32_t i = 0; i < hello->listeners_len; i++) {
        if (hello->listeners[i].kind == PROC_LISTEN_HTTPS)
            return true;
    }
    return false;
}

static int fallback_set(struct control *control, const struct image_view *served)
{
    if (!has_tls_listener(&control->hello))
        return 0;
    int r = fallback_open(&control->fallback, served, clock_wall_s());
    if (r < 0)
        return r;
    control->ingress.fallback_chain_pem = buf_span(&control->fallback.chain_pem);
    control->ingress.fallback_key_pem = buf_span(&control->fallback.key_pem);
    return 0;
}

static void ticket_keys_show(struct control *control)
{
    control->ingress.made_ticket_keys = control->ticket_keys.keys;
    control->ingress.made_ticket_keys_len = control->ticket_keys.len;
}

static void on_ticket_keys_rotated(void *ctx)
{
    struct control *control = ctx;

    ticket_keys_show(control);
    reconcile_all(control->reconcile);
}

static void ticket_keys_set(struct control *control, const struct image_view *served)
{
    if (!has_tls_listener(&control->hello))
        return;
    ticket_keys_open(&control->ticket_keys, control->loop, served, clock_wall_s(),
                     on_ticket_keys_rotated, control);
    ticket_keys_show(control);
}

/* What every worker serves; NULL: nothing. One that cannot be opened here is not given up for that:
 * it is replaced by what is read now. */
static struct image_view *served_open(const struct proc_message *resume)
{
    struct image_fds fds = { 0 };
    struct image_view *served = NULL;

    if (resume->fds_len == 0)
        return NULL;
    fds.root = resume->fds[0];
    fds.segments_len = resume->fds_len - 1;
    memcpy(fds.segments, resume->fds + 1, fds.segments_len * sizeof(int));
    int r = image_view_open(&fds, NULL, &served);
    if (r != IMAGE_OPEN_OK)
        log_error("served_image_does_not_open", F_INT("result", r));
    return served;
}

/* Goes on where the controller before this one stopped. */
static void start(struct control *control, const struct proc_message *resume)
{
    SCOPED(image_view_unrefp) struct image_view *served = served_open(resume);
    int r = fallback_set(control, served);

    if (r < 0)
        log_error("fallback_certificate_failed", F_ERRNO(r));
    ticket_keys_set(control, served);
    reconcile_resume(control->reconcile, resume->generation, served);
    if (control->cluster.client)
        source_api_start(control->source);
    else
        source_dir_start(control->source);
    control->is_started = true;
}

static void on_message(struct control *control, const struct proc_message *message)
{
    if (message->kind != PROC_RESUME)
        reconcile_on_message(control->reconcile, message);
    else if (!control->is_started)
        start(control, message);
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
        on_message(control, &message);
        proc_message_close_fds(&message);
    }
}

static void on_written(void *ctx)
{
    struct control *control = ctx;

    loop_stop(control->loop);
}

/* The first one lets what is written into the cluster come to its end; another one does not. */
static void on_signal(struct loop_watch *watch, uint32_t events)
{
    struct control *control = container_of(watch, struct control, signal_watch);
    struct signalfd_siginfo signal;

    (void)events;
    if (read(watch->fd, &signal, sizeof(signal)) != sizeof(signal))
        return;
    bool is_first = !control->is_ending;
    control->is_ending = true;
    if (control->writer && is_first)
        writer_end(control->writer, on_written, control);
    else
        loop_stop(control->loop);
}

static void on_serving(void *ctx, struct image_view *view)
{
    struct control *control = ctx;

    route_labels_learn(&control->labels, view);
    if (control->writer)
        writer_on_serving(control->writer);
}

static void on_diags(void *ctx)
{
    const struct control *control = ctx;

    if (control->writer)
        writer_on_diags(control->writer, reconcile_diags(control->reconcile));
}

static void on_change(void *ctx, const struct source_change *change)
{
    const struct control *control = ctx;

    reconcile_on_change(control->reconcile, change); /* first of all, for traffic waits for it */
    if (control->writer)
        writer_on_change(control->writer, change);
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
        .certificates = &control->certificates,
        .api = control->cluster.client,
        .pages = control->pages,
        .pages_len = control->hello.workers_len,
        .writer = control->writer,
        .namespace = options->pod_namespace,
        .class = options->metrics_class,
        .pod = options->pod_name,
        .per_host = options->metrics_per_host,
        .started_wall_ns = clock_wall_ns(),
    };
}

static int source_open(struct control *control, const struct control_options *options)
{
    if (options->manifests)
        return source_dir_new(control->loop, span_from_str(options->manifests), on_change, control,
                              &control->source);
    int r = cluster_connect(&control->cluster, control->loop);
    if (r < 0)
        return r;
    control->source = source_api_new(control->loop, control->cluster.client,
                                     &(struct source_api_options){
                                         .ingress = &control->ingress,
                                         .namespace_selector = options->namespace_selector,
                                         .has_wide_secrets = options->has_wide_secrets,
                                     },
                                     on_change, control);
    control->writer = writer_new(control->loop, control->cluster.client, control->source,
                                 &control->ingress, &options->writer);
    return 0;
}

static int webhook_open(struct control *control, const struct control_options *options)
{
    struct webhook_options webhook = {
        .ingress = &control->ingress,
        .files = options->webhook_files,
        .has_all_secrets = options->manifests != NULL,
        .selects_namespaces = options->namespace_selector.len > 0,
    };

    if (!options->has_webhook)
        return 0;
    int r = webhook_new(control->loop, PROC_FD_WEBHOOK, control->reconcile, &webhook,
                        &control->webhook);
    control->shown.webhook = control->webhook;
    return r;
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
    reconcile_set_on_diags(control->reconcile, on_diags, control);
    r = source_open(control, options);
    if (r < 0)
        return r;
    reconcile_set_source(control->reconcile, control->source);
    shown_set(control, options);
    r = admin_new(control->loop, PROC_FD_ADMIN, admin_page, &control->shown, &control->admin);
    if (r < 0)
        return r;
    r = webhook_open(control, options);
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
    proc_title_set("yett: controller");
    if (!options->manifests) {
        r = cluster_load(&control->cluster, &options->api);
        if (r < 0)
            return r;
    }
    r = proc_sandbox_enter(PROC_CONTROLLER,
                           cluster_needs_exec(&control->cluster) ? SANDBOX_EXEC : SANDBOX_NOTHING);
    if (r < 0)
        return r;
    r = rooms_open(control, options);
    if (r < 0)
        return r;
    return loop_run(control->loop); /* what the supervisor says first starts the rest */
}

static void control_deinit(struct control *control)
{
    if (control->loop) {
        control->admin = admin_free(control->admin);
        control->webhook = webhook_free(control->webhook);
        control->writer = writer_free(control->writer);
        control->source = source_free(control->source);
        cluster_deinit(&control->cluster);
        ticket_keys_close(&control->ticket_keys);
        control->reconcile = reconcile_free(control->reconcile);
        loop_watch_remove(control->loop, &control->channel_watch);
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
    certificate_facts_deinit(&control->certificates);
    fallback_deinit(&control->fallback);
    ingress_cache_free(control->ingress.cache);
}

int control_main(const struct control_options *options)
{
    struct control control = {
        .ingress = options->ingress,
        .channel_watch.fd = -1,
        .signal_watch.fd = -1,
    };

    control.ingress.cache = ingress_cache_new();
    int r = serve(&control, options);
    if (r < 0)
        log_error("controller_failed", F_ERRNO(r));
    control_deinit(&control);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
