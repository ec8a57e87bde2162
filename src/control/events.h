/* control/events.h
 *
 * Purpose    Tell people of diagnostics where they look: as Events on their Ingress. Each is written once; one
 *            that persists, or comes and goes, is counted, and written again only now and then.
 * Ownership  Borrows loop, client, source and options; and the diagnostics, until the next events_on_diags().
 * Lifetime   events_new() … events_free(), which ends calls in flight.
 * Roles      controller.
 * Limits     EVENTS_MAX are followed; what is over is told in the log and in /api/v1/diagnostics only.
 *            EVENTS_IN_FLIGHT_MAX calls at once; control/event_limits.h in time. What these keep back is
 *            counted, and tried again after a rest.
 * Errors     Tried again, or given up for a while; logged and counted.
 * See        docs/cluster.md, "What yett writes"
 *
 *              WAITING ◀──we do not lead──  any
 *                 │ we lead
 *                 ▼
 *      new ──▶ QUEUED ──▶ WRITING ──▶ RESTING ──gone──▶ forgotten
 *                 ▲                      │
 *                 └──── still there ─────┘ after EVENTS_REST_MS, then twice that, …
 *
 *     An Event's name is made of what it says and of the object's uid: so whoever leads next finds the Event of
 *     the one before (409), and goes on with its count. */
#ifndef YETT_CONTROL_EVENTS_H
#define YETT_CONTROL_EVENTS_H

#include "api/client.h"
#include "control/source.h"
#include "ingress/compile.h"
#include "kube/diag.h"

enum {
    EVENTS_MAX = 16384, /* two megabytes */
    EVENTS_SYNC_MAX = 1024,
    EVENTS_IN_FLIGHT_MAX = 4,
    EVENTS_REST_MS = 5 * 60 * 1000,
    EVENTS_REST_MAX_MS = 40 * 60 * 1000, /* the API server forgets an Event after an hour */
    EVENTS_SYNC_REST_MS = 60 * 1000,
    EVENTS_PAUSE_MS = 2000, /* for all, when the API server does not answer */
    /* What a follower has known for so long, the leader before has told of. */
    EVENTS_TOLD_MS = 60 * 1000,
};

struct events_facts {
    uint64_t writes, failures, dropped;
    size_t waiting; /* QUEUED and WRITING */
};

struct events;

/* `instance` names this replica in the Events. */
struct events *events_new(struct loop *loop, struct api_client *client, const struct source *source,
                          const struct ingress_options *options, struct span instance);
struct events *events_free(struct events *events);

/* Begins as a follower's. `is_successor`: another led before, and told of what there was. */
void events_begin(struct events *events, bool is_successor);
void events_end(struct events *events);

/* All that is wrong now. The list stays until the next call. */
void events_on_diags(struct events *events, const struct diag_list *diags);
/* That Ingress is being served, anew or for the first time. */
void events_on_sync(struct events *events, struct span namespace, struct span name);

struct events_facts events_facts(const struct events *events);

#endif
