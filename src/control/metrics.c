#include "control/metrics.h"

#include "base/scope.h"
#include "control/prom.h"

#define PREFIX "nginx_ingress_controller_"

void metrics_write(const struct metrics_input *input, struct buf *out)
{
    SCOPED(buf_deinit) struct buf common = { 0 };

    prom_label_append(&common, "controller_namespace", input->namespace);
    prom_label_append(&common, "controller_class", input->class);
    prom_label_append(&common, "controller_pod", input->pod);

    metrics_write_requests(input, buf_span(&common), out);
    metrics_write_workers(input, buf_span(&common), out);
    metrics_write_config(input, buf_span(&common), out);
    metrics_write_webhook(input, buf_span(&common), out);
    metrics_write_objects(input, buf_span(&common), out);
    metrics_write_cluster(input, out);
    metrics_write_writer(input, buf_span(&common), out);
    metrics_write_process(input, out);
}

/* ---- the workers' counters --------------------------------------------------------------------
 */

/* Sum over all workers of one field. */
static uint64_t pages_sum(const struct metrics_input *input, size_t field_offset)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < input->pages_len; i++)
        sum += stats_get(
            (const uint64_t *)(const void *)((const char *)input->pages[i] + field_offset));
    return sum;
}

struct state_row {
    const char *state;
    size_t offset;
};

static void states_write(const struct metrics_input *input, struct span common, const char *name,
                         const struct state_row *rows, size_t rows_len, struct buf *out)
{
    for (size_t i = 0; i < rows_len; i++) {
        SCOPED(buf_deinit) struct buf labels = { 0 };
        buf_append(&labels, common);
        prom_label_append(&labels, "state", span_from_str(rows[i].state));
        prom_u64(out, name, buf_span(&labels), pages_sum(input, rows[i].offset));
    }
}

static void connections_write(const struct metrics_input *input, struct span common,
                              struct buf *out)
{
    static const struct state_row now[] = {
        { "active", offsetof(struct stats_page, connections_active) },
        { "reading", offsetof(struct stats_page, connections_reading) },
        { "writing", offsetof(struct stats_page, connections_writing) },
        { "waiting", offsetof(struct stats_page, connections_waiting) },
    };
    static const struct state_row total[] = {
        { "accepted", offsetof(struct stats_page, connections_accepted) },
        { "handled", offsetof(struct stats_page, connections_handled) },
    };

    prom_family(out, PREFIX "nginx_process_connections", PROM_GAUGE,
                "Current client connections by state.");
    states_write(input, common, PREFIX "nginx_process_connections", now, ARRAY_LEN(now), out);
    prom_family(out, PREFIX "nginx_process_connections_total", PROM_COUNTER,
                "Client connections since the start, by state.");
    states_write(input, common, PREFIX "nginx_process_connections_total", total, ARRAY_LEN(total),
                 out);
    prom_family(out, PREFIX "nginx_process_requests_total", PROM_COUNTER,
                "Client requests since the start.");
    prom_u64(out, PREFIX "nginx_process_requests_total", common,
             pages_sum(input, offsetof(struct stats_page, requests)));
    prom_family(out, PREFIX "nginx_process_num_procs", PROM_GAUGE, "Worker processes.");
    prom_u64(out, PREFIX "nginx_process_num_procs", common, input->pages_len);
}

static void totals_write(const struct metrics_input *input, struct buf *out)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
        { "yett_upstream_connects_total", "Connections begun to endpoints.",
          offsetof(struct stats_page, upstream_connects) },
        { "yett_upstream_connect_failures_total", "Connections to endpoints that failed.",
          offsetof(struct stats_page, upstream_connect_failures) },
        { "yett_upstream_reuses_total", "Requests that took a connection which was there already.",
          offsetof(struct stats_page, upstream_reuses) },
        { "yett_upstream_retries_total", "Requests sent to another endpoint once more.",
          offsetof(struct stats_page, upstream_retries) },
        { "yett_tls_handshakes_total", "TLS handshakes completed with clients.",
          offsetof(struct stats_page, tls_handshakes) },
        { "yett_tls_handshake_failures_total", "TLS handshakes with clients that failed.",
          offsetof(struct stats_page, tls_handshake_failures) },
        { "yett_refused_connections_total", "Client connections over the limit.",
          offsetof(struct stats_page, refused_connections) },
        { "yett_refused_streams_total", "Streams of HTTP/2 over the limits of all clients.",
          offsetof(struct stats_page, refused_streams) },
        { "yett_bad_requests_total", "Request heads that were refused.",
          offsetof(struct stats_page, bad_requests) },
        { "yett_access_log_dropped_total", "Access log lines that the reader was too slow for.",
          offsetof(struct stats_page, access_log_dropped) },
        { "yett_proxy_headers_refused_total",
          "Connections closed for want of a PROXY header from a trusted address.",
          offsetof(struct stats_page, proxy_headers_refused) },
        { "yett_stream_connections_total", "Connections passed on below HTTP.",
          offsetof(struct stats_page, stream_connections) },
        { "yett_udp_sessions_total", "UDP sessions begun.",
          offsetof(struct stats_page, udp_sessions) },
        { "yett_stream_failures_total",
          "Connections that no endpoint took, and UDP sessions refused by ICMP.",
          offsetof(struct stats_page, stream_failures) },
        { "yett_stream_received_bytes_total", "Bytes from clients below HTTP.",
          offsetof(struct stats_page, stream_received_bytes) },
        { "yett_stream_sent_bytes_total", "Bytes to clients below HTTP.",
          offsetof(struct stats_page, stream_sent_bytes) },
        { "yett_udp_datagrams_dropped_total", "Datagrams that could not be passed on.",
          offsetof(struct stats_page, udp_datagrams_dropped) },
        { "yett_udp_sessions_evicted_total", "UDP sessions ended to make place for others.",
          offsetof(struct stats_page, udp_sessions_evicted) },
        { "yett_spliced_bytes_total", "Bytes that the kernel moved from socket to socket.",
          offsetof(struct stats_page, spliced_bytes) },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        prom_family(out, rows[i].name, PROM_COUNTER, rows[i].help);
        prom_u64(out, rows[i].name, SPAN_EMPTY, pages_sum(input, rows[i].offset));
    }
}

static void worker_sample(struct buf *out, const char *name, size_t worker, uint64_t value)
{
    SCOPED(buf_deinit) struct buf labels = { 0 };

    buf_printf(&labels, "worker=\"%zu\",", worker);
    prom_u64(out, name, buf_span(&labels), value);
}

void metrics_write_workers(const struct metrics_input *input, struct span common, struct buf *out)
{
    connections_write(input, common, out);
    totals_write(input, out);
    prom_family(out, "yett_worker_config_generation", PROM_GAUGE,
                "Generation of the routing image that the worker serves.");
    for (size_t i = 0; i < input->pages_len; i++)
        worker_sample(out, "yett_worker_config_generation", i,
                      stats_get(&input->pages[i]->generation));
    prom_family(out, "yett_worker_restarts_total", PROM_COUNTER,
                "Times that the worker was started again after its end.");
    for (size_t i = 0; i < input->pages_len; i++) {
        uint64_t starts = stats_get(&input->pages[i]->starts);
        worker_sample(out, "yett_worker_restarts_total", i, starts ? starts - 1 : 0);
    }
}

/* ---- the configuration ------------------------------------------------------------------------
 */

static void reloads_write(const struct reconcile_facts *facts, struct span common, struct buf *out)
{
    prom_family(out, PREFIX "config_hash", PROM_GAUGE,
                "Hash of the running configuration; 0 after a failure to apply one.");
    /* Readers hold samples as doubles: 53 bits are what they can tell apart. */
    prom_u64(out, PREFIX "config_hash", common, facts->config_hash >> 11);
    prom_family(out, PREFIX "config_last_reload_successful", PROM_GAUGE,
                "Whether the last configuration could be applied.");
    prom_u64(out, PREFIX "config_last_reload_successful", common, facts->last_ok);
    prom_family(out, PREFIX "config_last_reload_successful_timestamp_seconds", PROM_GAUGE,
                "Unix time of the last configuration that was applied.");
    prom_seconds(out, PREFIX "config_last_reload_successful_timestamp_seconds", common,
                 facts->last_success_wall_ns / 1000);
    prom_family(out, PREFIX "success", PROM_COUNTER, "Configurations that were applied.");
    prom_u64(out, PREFIX "success", common, facts->successes);
    prom_family(out, PREFIX "errors", PROM_COUNTER, "Configurations that could not be applied.");
    prom_u64(out, PREFIX "errors", common, facts->failures);
}

static void diagnostics_write(const struct diag_list *diags, struct buf *out)
{
    uint64_t counts[] = { [DIAG_ERROR] = 0, [DIAG_WARNING] = 0, [DIAG_NOTE] = 0 };

    vec_for_each (diag, &diags->diags)
        counts[diag->severity]++;
    prom_family(out, "yett_diagnostics", PROM_GAUGE,
                "Findings about the objects that are there now, by severity.");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        SCOPED(buf_deinit) struct buf labels = { 0 };
        prom_label_append(&labels, "severity",
                          span_from_str(diag_severity_name((enum diag_severity)i)));
        prom_u64(out, "yett_diagnostics", buf_span(&labels), counts[i]);
    }
}

void metrics_write_config(const struct metrics_input *input, struct span common, struct buf *out)
{
    const struct reconcile_facts *facts = reconcile_facts(input->reconcile);
    SCOPED(buf_deinit) struct buf build = { 0 };

    reloads_write(facts, common, out);
    prom_family(out, "yett_config_generation", PROM_GAUGE,
                "Generation of the routing image that every worker serves.");
    prom_u64(out, "yett_config_generation", SPAN_EMPTY, facts->generation);
    prom_family(out, "yett_config_apply_duration_seconds", PROM_HISTOGRAM,
                "From a change being seen to every worker serving it.");
    prom_histogram_us(out, "yett_config_apply_duration_seconds", SPAN_EMPTY,
                      reconcile_apply_bounds_us, facts->apply_buckets, RECONCILE_APPLY_BUCKETS,
                      facts->apply_sum_us);
    diagnostics_write(reconcile_diags(input->reconcile), out);

    buf_append(&build, common);
    prom_label_append(&build, "release", SPAN(YETT_VERSION));
    prom_label_append(&build, "build", SPAN(YETT_VERSION));
    prom_label_append(&build, "repository", SPAN("yett"));
    prom_family(out, PREFIX "build_info", PROM_GAUGE, "Always 1; the version is in the labels.");
    prom_u64(out, PREFIX "build_info", buf_span(&build), 1);
}
