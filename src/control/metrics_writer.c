/* Who leads, and what the leader writes into the cluster. */
#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"

static void leading_write(const struct writer_facts *facts, struct span common, struct buf *out)
{
    SCOPED(buf_deinit) struct buf labels = { 0 };

    buf_append(&labels, common);
    prom_label_append(&labels, "name", facts->election_id);
    prom_family(out, "nginx_ingress_controller_leader_election_status", PROM_GAUGE,
                "1: this replica leads; 0: it follows.");
    prom_u64(out, "nginx_ingress_controller_leader_election_status", buf_span(&labels),
             facts->is_leading);
}

void metrics_write_writer(const struct metrics_input *input, struct span common, struct buf *out)
{
    if (!input->writer)
        return;
    struct writer_facts facts = writer_facts(input->writer);
    const struct {
        const char *name, *help;
        enum prom_type type;
        uint64_t value;
    } rows[] = {
        { "yett_status_writes_total", "Statuses of Ingresses that were written.", PROM_COUNTER,
          facts.status.writes },
        { "yett_status_failures_total", "Statuses that could not be written.", PROM_COUNTER,
          facts.status.failures },
        { "yett_status_waiting", "Ingresses whose status is to be written.", PROM_GAUGE,
          facts.status.waiting },
        { "yett_status_contended", "Ingresses whose status somebody else keeps changing.",
          PROM_GAUGE, facts.status.contended },
        { "yett_events_writes_total", "Events that were written, or counted up.", PROM_COUNTER,
          facts.events.writes },
        { "yett_events_failures_total", "Events that could not be written.", PROM_COUNTER,
          facts.events.failures },
        { "yett_events_dropped_total", "Events that a limit kept back.", PROM_COUNTER,
          facts.events.dropped },
        { "yett_events_waiting", "Events that are to be written.", PROM_GAUGE,
          facts.events.waiting },
    };

    if (!facts.elects)
        return;
    leading_write(&facts, common, out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        prom_family(out, rows[i].name, rows[i].type, rows[i].help);
        prom_u64(out, rows[i].name, SPAN_EMPTY, rows[i].value);
    }
}
