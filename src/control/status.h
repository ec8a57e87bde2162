/* control/status.h
 *
 * Purpose    Keep status.loadBalancer of each Ingress that is ours at the addresses where clients reach us.
 *            Written only where it differs, a few at a time, never into another's Ingress; put back where
 *            somebody else changed it, but ever more slowly where he goes on.
 * Ownership  Borrows loop, client, source and options.
 * Lifetime   status_new() … status_free(), which ends calls in flight.
 * Roles      controller.
 * Limits     STATUS_IN_FLIGHT_MAX calls at once, STATUS_RATE of them in time. What waits is held as a name
 *            each: no more than there are Ingresses.
 * Errors     Tried again; logged and counted.
 * See        docs/cluster.md, "What yett writes"
 *
 *     An Ingress that differs, or did:
 *
 *       QUEUED ──▶ WRITING ──▶ RESTING ──as it should be──▶ QUIET ──STATUS_QUIET_MS──▶ forgotten
 *         ▲                       │ still differs             │ differs again
 *         └───────────────────────┴───────────────────────────┘
 *
 *     It rests for STATUS_REST_MS, so that the watch can tell of our own write, and twice as long each time that
 *     the same had to be written again before it was forgotten. */
#ifndef YETT_CONTROL_STATUS_H
#define YETT_CONTROL_STATUS_H

#include "api/client.h"
#include "control/address_list.h"
#include "control/source.h"
#include "ingress/compile.h"

enum {
    STATUS_IN_FLIGHT_MAX = 8,
    STATUS_BURST = 50,
    STATUS_TOKEN_MS = 20, /* 50 a second: 10,000 Ingresses in 200 s */
    STATUS_SWEEP_SLICE = 1024,
    STATUS_REST_MS = 2000,
    STATUS_REST_MAX_MS = 10 * 60 * 1000,
    STATUS_QUIET_MS = 10 * 60 * 1000, /* longer than other controllers' intervals */
    STATUS_CONTENDED = 4,             /* writes of the same that make it a dispute */
    STATUS_PAUSE_MS = 2000,           /* for all, when the API server does not answer */
};

struct status_facts {
    uint64_t writes, failures;
    size_t waiting;   /* QUEUED and WRITING */
    size_t contended; /* that somebody else keeps changing */
};

struct status;

struct status *status_new(struct loop *loop, struct api_client *client, const struct source *source,
                          const struct ingress_options *options, uint32_t interval_ms);
struct status *status_free(struct status *status);

/* Whether we write at all: as leaders do. Begins inactive; ends all that is under way. */
void status_set_active(struct status *status, bool is_active);
/* Copies `list`, which is not empty. Nothing is written before the first. */
void status_set_addresses(struct status *status, const struct address_list *list);

void status_on_change(struct status *status, const struct source_change *change);
void status_on_status(struct status *status, const struct kube_object *ingress);

/* Takes our addresses out of all that is ours, without regard to STATUS_RATE, and no others'; calls `on_cleared`
 * once. For the end of the last replica: nothing else is written from then on. */
void status_clear(struct status *status, void (*on_cleared)(void *ctx), void *ctx);

struct status_facts status_facts(const struct status *status);

#endif
