/* control/writer.h
 *
 * Purpose    All that is written into the cluster: the leader's election, and what the leader writes.
 * Ownership  Borrows loop, client, source and the options' texts.
 * Lifetime   writer_new() … writer_free(); writer_end() before it, for an orderly end.
 * Roles      controller.
 * Limits     WRITER_END_MS for the end, WRITER_CLEAR_MS where statuses are cleared; then it is left as it is.
 * See        docs/cluster.md, "What yett writes" */
#ifndef YETT_CONTROL_WRITER_H
#define YETT_CONTROL_WRITER_H

#include "control/events.h"
#include "control/leader.h"
#include "control/status.h"
#include "control/status_addresses.h"

enum {
    WRITER_END_MS = 3500,
    WRITER_CLEAR_MS = 55 * 1000,
};

struct writer_options {
    bool elects;             /* not --disable-leader-election */
    struct span election_id; /* name of the Lease */
    uint32_t election_ttl_ms;
    bool has_status;    /* --update-status */
    bool clears_status; /* --update-status-on-shutdown */
    uint32_t status_interval_ms;
    struct span status_address;                  /* --publish-status-address */
    struct span service_namespace, service_name; /* --publish-service */
    bool internal_addresses;                     /* --report-node-internal-ip-address */
    bool has_sync_events;
    struct span pod_name, pod_namespace; /* empty: we are in no Pod */
};

struct writer_facts {
    bool elects, is_leading;
    struct span election_id;
    struct status_facts status;
    struct events_facts events;
};

struct writer;

struct writer *writer_new(struct loop *loop, struct api_client *client, struct source *source,
                          const struct ingress_options *ingress,
                          const struct writer_options *options);
struct writer *writer_free(struct writer *writer);

void writer_on_change(struct writer *writer, const struct source_change *change);
/* Another image is served by every worker. */
void writer_on_serving(struct writer *writer);
void writer_on_diags(struct writer *writer, const struct diag_list *diags);

/* Ceases to write, and lets another lead; calls `on_ended` once, within the limits. */
void writer_end(struct writer *writer, void (*on_ended)(void *ctx), void *ctx);

struct writer_facts writer_facts(const struct writer *writer);

#endif
