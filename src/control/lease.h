/* control/lease.h
 *
 * Purpose    A coordination.k8s.io/v1 Lease as leader election uses it, read and written. Changes are
 *            merge patches (RFC 7396) that name the resourceVersion which they are based on: a change by
 *            somebody else makes them a 409, and fields that we know nothing of stay as they are.
 * Ownership  A decoded lease borrows from the arena.
 * Roles      controller.
 * Units      Wall time for people to read only: whether a Lease ran out is told by the observer's own
 *            clock (control/leader.h).
 * See        https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
#ifndef YETT_CONTROL_LEASE_H
#define YETT_CONTROL_LEASE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct lease {
    struct span resource_version;
    struct span holder;   /* empty: nobody */
    uint32_t duration_s;  /* 0: not said */
    uint32_t transitions; /* how often it changed hands */
    uint64_t record;      /* hash of all that a holder writes: another one means that he is alive */
};

#define LEASE_PATCH_TYPE SPAN("application/merge-patch+json")

/* False: `json` is no Lease. */
YETT_MUST_USE bool lease_decode(struct arena *arena, struct span json, struct lease *ret_lease);

/* Bodies of requests: to make one that we hold; to take or keep hold of one; to let go of it. */
void lease_encode_new(struct buf *out, struct span name, struct span holder, uint32_t duration_s,
                      uint64_t wall_ns);
void lease_encode_hold(struct buf *out, const struct lease *lease, struct span holder,
                       uint32_t duration_s, uint64_t wall_ns);
void lease_encode_release(struct buf *out, const struct lease *lease, uint64_t wall_ns);

#endif
