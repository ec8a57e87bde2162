/* control/metrics.h
 *
 * Purpose    What /metrics says: the workers' counters under the names of their routes, the
 *            state of the configuration, the controller's own process. Names and meanings are
 *            ingress-nginx's where there is one, yett_… elsewhere.
 * Ownership  metrics_write() borrows everything it reads, for the call; certificates are its memory
 *            from one call to the next.
 * Limits     One series per route and status class; routes past STATS_SLOTS_MAX are summed up
 *            under empty labels, as are those whose names were forgotten.
 * Roles      controller.
 * See        docs/metrics.md */
#ifndef YETT_CONTROL_METRICS_H
#define YETT_CONTROL_METRICS_H

#include "api/client.h"
#include "base/buf.h"
#include "control/certificate_facts.h"
#include "control/reconcile.h"
#include "control/route_labels.h"
#include "control/webhook.h"
#include "control/writer.h"
#include "stats/page.h"

struct metrics_input {
    const struct reconcile *reconcile;
    const struct route_labels *labels;
    struct certificate_facts *certificates;
    struct api_client *api; /* NULL: a directory is served; else the source is the API */
    const struct stats_page *const *pages; /* one per worker slot */
    size_t pages_len;
    const struct writer *writer;       /* NULL: no cluster */
    struct span namespace, class, pod; /* controller_namespace, controller_class, controller_pod */
    const struct webhook *webhook;     /* NULL: there is none */
    bool per_host;
    uint64_t started_wall_ns; /* of this controller */
};

void metrics_write(const struct metrics_input *input, struct buf *out);

/* The parts of it, each whole families. `common` are the controller's own labels as
 * prom_label_append() wrote them. */
void metrics_write_requests(const struct metrics_input *input, struct span common, struct buf *out);
void metrics_write_workers(const struct metrics_input *input, struct span common, struct buf *out);
void metrics_write_config(const struct metrics_input *input, struct span common, struct buf *out);
void metrics_write_objects(const struct metrics_input *input, struct span common, struct buf *out);
void metrics_write_cluster(const struct metrics_input *input, struct buf *out);
/* Nothing where there is no webhook. */
void metrics_write_webhook(const struct metrics_input *input, struct span common, struct buf *out);
void metrics_write_writer(const struct metrics_input *input, struct span common, struct buf *out);
void metrics_write_process(const struct metrics_input *input, struct buf *out);

#endif
