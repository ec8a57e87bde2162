#include "proxy/worker.h"

#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/client/connection.h"
#include "proxy/client/h1_client.h"
#include "proxy/exchange/exchange.h"
#include "proxy/limits.h"

/* What images no longer name is forgotten this long after the last change, not at each of a burst. */
enum { SWEEP_DELAY_MS = 1000 };

static void worker_on_sweep(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, sweep_timer);

    endpoint_table_sweep(&worker->endpoints, worker->view);
    backend_tls_sweep(&worker->backend_tls, worker->view);
    balancer_sweep(&worker->balancer, worker->view);
    certificates_sweep(&worker->certificates, worker->view);
    patterns_sweep(&worker->patterns);
}

int worker_init(struct worker *worker, struct loop *loop, struct stats_page *stats,
                int access_log_fd, const struct proxy_options *options)
{
    *worker = (struct worker){ .loop = loop, .stats = stats };
    worker->slots = stats_writer_new(stats);
    pipe_pool_init(&worker->buffers.pipes, &stats->spliced_bytes);
    worker->compress_budget.max_bytes = PROXY_COMPRESS_BYTES_MAX;
    worker->clients_max =
        options->connections_max ? options->connections_max : PROXY_CONNECTIONS_MAX;
    worker->health_check_path = options->health_check_path;
    worker->access_format_default = options->access_log_format == PROXY_LOG_JSON
                                        ? access_format_json
                                        : access_format_ingress_nginx;
    worker->access_escape_default =
        options->access_log_format == PROXY_LOG_JSON ? ACCESS_ESCAPE_JSON : ACCESS_ESCAPE_DEFAULT;
    worker->stream_format_default = options->access_log_format == PROXY_LOG_JSON
                                        ? access_format_stream_json
                                        : access_format_stream;
    list_init(&worker->clients);
    certificates_init(&worker->certificates);
    random_init(&worker->random);
    service_ports_init(&worker->service_ports, worker);
    udp_sessions_init(&worker->udp, worker);
    endpoint_table_init(&worker->endpoints, loop, &worker->buffers, stats);
    access_log_init(&worker->access_log, loop, access_log_fd, &stats->access_log_dropped);
    access_log_configure(&worker->access_log, true, worker->access_format_default,
                         worker->access_escape_default);
    loop_timer_init(&worker->sweep_timer, worker_on_sweep);
    return resolver_new(loop, &worker->resolver);
}

static void exchanges_free(struct worker *worker)
{
    while (worker->exchanges_free) {
        struct exchange *exchange = worker->exchanges_free;

        worker->exchanges_free = exchange->next_free;
        mem_free(exchange);
    }
}

void worker_deinit(struct worker *worker)
{
    service_ports_deinit(&worker->service_ports);
    list_for_each_safe (it, &worker->clients)
        connection_close(list_entry(it, struct connection, link));
    udp_sessions_deinit(&worker->udp);
    loop_timer_cancel(&worker->sweep_timer);
    endpoint_table_deinit(&worker->endpoints);
    backend_tls_deinit(&worker->backend_tls);
    balancer_deinit(&worker->balancer);
    certificates_deinit(&worker->certificates);
    patterns_deinit(&worker->patterns);
    worker->resolver = resolver_free(worker->resolver);
    access_log_deinit(&worker->access_log);
    exchanges_free(worker);
    h1_clients_deinit(worker);
    agent_pattern_deinit(&worker->gzip_not_for);
    iobuf_pool_deinit(&worker->buffers);
    worker->view = image_view_unref(worker->view);
    worker->slots = stats_writer_free(worker->slots);
}

static void settings_apply(struct worker *worker)
{
    const struct image_settings *settings = image_settings_get(worker->view);
    struct span format = image_str_get(worker->view, settings->log_format);
    struct span stream_format = image_str_get(worker->view, settings->stream_log_format);

    worker->endpoints.idle_max = settings->upstream_idle_max;
    worker->endpoints.idle_timeout_ms = settings->upstream_idle_timeout_ms;
    worker->endpoints.age_max_ms = settings->upstream_age_max_ms;
    worker->endpoints.requests_max = settings->upstream_requests_max;
    access_log_configure(&worker->access_log, settings->flags & IMAGE_ACCESS_LOG,
                         format.len ? format : worker->access_format_default,
                         format.len ? (enum access_escape)settings->log_escape
                                    : worker->access_escape_default);
    access_log_configure_stream(&worker->access_log, settings->flags & IMAGE_STREAM_ACCESS_LOG,
                                stream_format.len ? stream_format : worker->stream_format_default,
                                stream_format.len ? (enum access_escape)settings->log_escape
                                                  : worker->access_escape_default);
}

void worker_take_image(struct worker *worker, struct image_view *view)
{
    image_view_unref(worker->view);
    worker->view = image_view_ref(view);
    settings_apply(worker);
    certificates_take_image(&worker->certificates, view);
    service_ports_follow(&worker->service_ports);
    loop_timer_set(worker->loop, &worker->sweep_timer, SWEEP_DELAY_MS);
    __atomic_store_n(&worker->stats->generation, view->generation, __ATOMIC_RELAXED);
    log_set_generation(view->generation);
}

bool worker_is_ready(const struct worker *worker)
{
    return worker->view && !worker->unready;
}

void worker_close_idle(struct worker *worker)
{
    list_for_each_safe (it, &worker->clients) {
        struct connection *connection = list_entry(it, struct connection, link);

        connection->ops->close_idle(connection);
    }
    udp_sessions_end_all(&worker->udp);
    endpoint_table_close_idle(&worker->endpoints);
}

struct span worker_date(struct worker *worker)
{
    /* Loop time drives the refresh: the wall clock is read once a second. */
    uint64_t second = loop_now_ms(worker->loop) / 1000;

    if (worker->time_second != second || worker->date_text[0] == '\0') {
        time_t now = (time_t)clock_wall_s();
        struct tm tm;

        gmtime_r(&now, &tm);
        strftime(worker->date_text, sizeof(worker->date_text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        worker->time_second = second;
    }
    return span_from_str(worker->date_text);
}
