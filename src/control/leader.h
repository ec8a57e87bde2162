/* control/leader.h
 *
 * Purpose    Leader election by a Lease: of all replicas at most one believes that it leads. The rules and
 *            their reasons are client-go's.
 * Ownership  Borrows loop, client and the options' texts.
 * Lifetime   leader_new() … leader_free(), which lets the Lease run out; leader_release() hands it over.
 * Roles      controller.
 * Limits     One call in flight, besides a watch.
 * Errors     Retried for ever; what goes wrong is logged.
 * See        docs/internals/leader.md
 *
 *                       it is free, ran out, or is ours
 *            FOLLOWING ────────────────────────────────▶ LEADING ──leader_release()──▶ RELEASING
 *                ▲                                          │                              │
 *                └── somebody else has it, or it could not ─┘                         ENDED ◀
 *                    be renewed for LEADER_DEADLINE of it */
#ifndef YETT_CONTROL_LEADER_H
#define YETT_CONTROL_LEADER_H

#include "api/client.h"

enum {
    /* Parts of the Lease's time, as ingress-nginx has them: he who leads renews it each quarter, and
     * gives up where he could not for a half, well before anybody else may take it. */
    LEADER_DEADLINE_PARTS = 2,
    LEADER_RETRY_PARTS = 4,
    LEADER_TTL_MIN_MS = 2000,
    LEADER_TTL_MAX_MS = 3600 * 1000,
};

struct leader_options {
    struct span namespace, name; /* of the Lease */
    struct span identity;
    uint32_t ttl_ms; /* from LEADER_TTL_MIN_MS to LEADER_TTL_MAX_MS */
};

struct leader;

/* `on_change` is told whenever we begin or cease to lead; we begin as followers, at the loop's next turn. */
struct leader *leader_new(struct loop *loop, struct api_client *client,
                          const struct leader_options *options,
                          void (*on_change)(void *ctx, bool is_leading), void *ctx);
struct leader *leader_free(struct leader *leader);

bool leader_is_leading(const struct leader *leader);
/* Another one was seen to lead. */
bool leader_has_followed(const struct leader *leader);

/* Ceases to lead, and lets go of the Lease so that another may have it at once; calls `on_released` when
 * that is done, before it returns where there is nothing to do. It takes as long as the API server does: the
 * caller sets the limit. */
void leader_release(struct leader *leader, void (*on_released)(void *ctx), void *ctx);

#endif
