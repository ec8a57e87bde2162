/* A route's numbers lie in one slot per worker, under the route's id. They are summed up by the
 * labels that the id stands for: two ids may have the same names (or none any more), and Prometheus
 * refuses a series that is there twice. */
#include "base/arena.h"
#include "base/map.h"
#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"

#define PREFIX "nginx_ingress_controller_"

struct series {
    struct span labels;
    struct stats_slot sum;
};

struct all_series {
    struct arena arena;
    struct map by_labels;
    struct idmap by_id;
    VEC(struct series *) in_order;
};

static struct span labels_of(const struct metrics_input *input, struct span common, uint64_t id,
                             struct arena *arena)
{
    static const struct route_label unknown;
    const struct route_label *label = route_labels_find(input->labels, id);
    SCOPED(buf_deinit) struct buf text = { 0 };

    if (!label)
        label = &unknown;
    buf_append(&text, common);
    prom_label_append(&text, "path", label->path);
    prom_label_append(&text, "namespace", label->namespace);
    prom_label_append(&text, "ingress", label->ingress);
    prom_label_append(&text, "service", label->service);
    prom_label_append(&text, "canary", SPAN_EMPTY);
    if (input->per_host)
        prom_label_append(&text, "host", label->host);
    return arena_dup(arena, buf_span(&text));
}

static struct series *series_get(const struct metrics_input *input, struct span common,
                                 struct all_series *all, uint64_t id)
{
    struct series *series = idmap_find(&all->by_id, id);

    if (series)
        return series;
    struct span labels = labels_of(input, common, id, &all->arena);
    series = map_find(&all->by_labels, labels);
    if (!series) {
        series = arena_new(&all->arena, struct series);
        series->labels = labels;
        map_put(&all->by_labels, labels, series);
        vec_push(&all->in_order, series);
    }
    idmap_put(&all->by_id, id, series);
    return series;
}

static void slot_add(struct stats_slot *sum, const struct stats_slot *slot)
{
    for (size_t i = 0; i < STATS_STATUS_CLASSES; i++)
        sum->status[i] += stats_get(&slot->status[i]);
    for (size_t i = 0; i < STATS_DURATION_BUCKETS; i++)
        sum->duration[i] += stats_get(&slot->duration[i]);
    sum->duration_sum_us += stats_get(&slot->duration_sum_us);
    sum->request_bytes += stats_get(&slot->request_bytes);
    sum->response_bytes += stats_get(&slot->response_bytes);
}

static void pages_add(const struct metrics_input *input, struct span common, struct all_series *all)
{
    for (size_t i = 0; i < input->pages_len; i++) {
        const struct stats_page *page = input->pages[i];
        size_t len = stats_page_slots_len(page);
        for (size_t j = 0; j < len; j++)
            slot_add(&series_get(input, common, all, page->slots[j].id)->sum, &page->slots[j]);
    }
}

static bool series_is_empty(const struct series *series)
{
    uint64_t requests = 0;

    for (size_t i = 0; i < STATS_STATUS_CLASSES; i++)
        requests += series->sum.status[i];
    return requests == 0;
}

static void requests_write(const struct series *series, struct buf *out)
{
    static const char *const classes[STATS_STATUS_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx" };

    for (size_t i = 0; i < STATS_STATUS_CLASSES; i++) {
        SCOPED(buf_deinit) struct buf labels = { 0 };
        if (series->sum.status[i] == 0)
            continue;
        buf_append(&labels, series->labels);
        prom_label_append(&labels, "status", span_from_str(classes[i]));
        prom_u64(out, PREFIX "requests", buf_span(&labels), series->sum.status[i]);
    }
}

static void all_write(const struct all_series *all, struct buf *out)
{
    prom_family(out, PREFIX "requests", PROM_COUNTER,
                "Client requests by route and class of status.");
    vec_for_each (series, &all->in_order)
        requests_write(*series, out);

    prom_family(out, PREFIX "request_duration_seconds", PROM_HISTOGRAM,
                "From the first byte of a request to the last byte of its answer.");
    vec_for_each (series, &all->in_order) {
        if (!series_is_empty(*series))
            prom_histogram_us(out, PREFIX "request_duration_seconds", (*series)->labels,
                              stats_duration_bounds_us, (*series)->sum.duration,
                              STATS_DURATION_BUCKETS, (*series)->sum.duration_sum_us);
    }

    prom_family(out, "yett_request_bytes_total", PROM_COUNTER, "Bytes of requests, by route.");
    vec_for_each (series, &all->in_order) {
        if (!series_is_empty(*series))
            prom_u64(out, "yett_request_bytes_total", (*series)->labels,
                     (*series)->sum.request_bytes);
    }
    prom_family(out, "yett_response_bytes_total", PROM_COUNTER, "Bytes of answers, by route.");
    vec_for_each (series, &all->in_order) {
        if (!series_is_empty(*series))
            prom_u64(out, "yett_response_bytes_total", (*series)->labels,
                     (*series)->sum.response_bytes);
    }
}

void metrics_write_requests(const struct metrics_input *input, struct span common, struct buf *out)
{
    struct all_series all = { 0 };

    arena_init(&all.arena, 65536);
    pages_add(input, common, &all);
    all_write(&all, out);
    vec_deinit(&all.in_order);
    idmap_deinit(&all.by_id);
    map_deinit(&all.by_labels);
    arena_deinit(&all.arena);
}
