/* What the API server and the watches there are doing; nothing where a directory is served. */
#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"
#include "control/source_api.h"

static void calls_write(const struct api_client_facts *facts, struct buf *out)
{
    prom_family(out, "yett_api_calls_total", PROM_COUNTER,
                "Requests to the API server that ended, by how.");
    for (int result = 0; result < API_CALL_RESULTS_LEN; result++) {
        SCOPED(buf_deinit) struct buf labels = { 0 };
        const char *name = api_call_result_name((enum api_call_result)result);

        prom_label_append(&labels, "result", span_from_str(name));
        prom_u64(out, "yett_api_calls_total", buf_span(&labels), facts->calls[result]);
    }
}

static void one_write(struct buf *out, const char *name, enum prom_type type, const char *help,
                      uint64_t value)
{
    prom_family(out, name, type, help);
    prom_u64(out, name, SPAN_EMPTY, value);
}

static void client_write(struct api_client *client, struct buf *out)
{
    const struct api_client_facts *facts = api_client_facts(client);

    calls_write(facts, out);
    one_write(out, "yett_api_calls_in_flight", PROM_GAUGE,
              "Requests to the API server under way; a watch is one.", facts->in_flight);
    one_write(out, "yett_api_connections_total", PROM_COUNTER,
              "Connections opened to the API server.", facts->connections);
    one_write(out, "yett_api_reachable", PROM_GAUGE,
              "The API server answered last, whatever it said.", facts->is_reachable);
}

static void watches_write(const struct source *source, struct buf *out)
{
    struct source_api_facts facts = source_api_facts(source);

    one_write(out, "yett_api_in_step", PROM_GAUGE, "All watches stand, those of Secrets aside.",
              facts.is_in_step);
    one_write(out, "yett_api_lists_total", PROM_COUNTER, "Lists begun.", facts.lists);
    one_write(out, "yett_api_watches_total", PROM_COUNTER, "Watches begun.", facts.watches);
    one_write(out, "yett_api_events_total", PROM_COUNTER, "Events of watches.", facts.events);
    one_write(out, "yett_api_secrets", PROM_GAUGE, "Secrets that Ingresses refer to.",
              facts.secrets.wanted);
    one_write(out, "yett_api_secrets_forbidden", PROM_GAUGE,
              "Secrets among them that may not be read.", facts.secrets.forbidden);
}

void metrics_write_cluster(const struct metrics_input *input, struct buf *out)
{
    if (!input->api)
        return;
    client_write(input->api, out);
    watches_write(reconcile_source(input->reconcile), out);
}
