/* control/reconcile.h
 *
 * Purpose    A change of the source → a compiled, verified image in the supervisor's hands. At
 *            most one roll-out is in flight; what changes meanwhile is compiled when it has
 *            ended, the latest state wins. A failure anywhere leaves the running generation as
 *            it was, and is visible.
 * Ownership  Borrows loop, channel, source and options; owns model, writer and views.
 * Lifetime   reconcile_new() … reconcile_free().
 * Roles      controller.
 * Errors     None to the caller: failures are logged and counted in the facts.
 *
 *              change ──▶ PENDING ──compile, write, verify, send──▶ IN FLIGHT
 *                            ▲                                          │
 *                            └──────── PUBLISHED or REJECTED ◀──────────┘
 *
 * An image may be REJECTED even after it was PUBLISHED, where workers keep dying of it; what is
 * served is then the one before it, until the next change. */
#ifndef YETT_CONTROL_RECONCILE_H
#define YETT_CONTROL_RECONCILE_H

#include "control/source.h"
#include "image/view.h"
#include "ingress/compile.h"
#include "net/loop.h"
#include "proc/channel.h"

enum {
    /* With fewer Ingresses, a whole compile takes no longer than anyone would notice, and has the
     * diagnostics at once. */
    RECONCILE_SHORT_MIN = 512,
    /* After a change that went a short way, what diagnostics say is brought up to date this much later, at
     * once for all such changes; at least as many times the time that it took before. */
    RECONCILE_SETTLE_MS = 3000,
    RECONCILE_DIAGNOSIS_SHARE = 20,
    /* After a failure of the environment (no memory, no descriptors): the whole once more. */
    RECONCILE_RETRY_MS = 1000,
    /* After a rejection: other endpoints hardly mend what workers die of, and each try costs one. So
     * changes of endpoints alone wait this long; any other change is tried at once. */
    RECONCILE_HOLD_MS = 10 * 1000,
    /* Certificates expire without an event. */
    RECONCILE_RECHECK_MS = 3600 * 1000,
    RECONCILE_APPLY_BUCKETS = 12,
};

/* Upper bounds; the last is UINT64_MAX. */
extern const uint64_t reconcile_apply_bounds_us[RECONCILE_APPLY_BUCKETS];

struct reconcile_facts {
    uint64_t generation;  /* that every worker serves; 0: none yet, or not known */
    uint64_t config_hash; /* of that image; 0 after a failure */
    bool last_ok;
    uint64_t successes, failures;
    uint64_t last_success_wall_ns, last_failure_wall_ns; /* 0: never */
    uint64_t apply_buckets[RECONCILE_APPLY_BUCKETS]; /* change seen → PUBLISHED; not cumulative */
    uint64_t apply_sum_us, apply_count;
};

struct reconcile;

YETT_MUST_USE struct reconcile *reconcile_new(struct loop *loop, int channel,
                                              const struct ingress_options *options);
struct reconcile *reconcile_free(struct reconcile *reconcile);

/* Before the first change. */
void reconcile_set_source(struct reconcile *reconcile, const struct source *source);

/* A source_changed_fn; ctx is the reconcile. */
void reconcile_on_change(void *ctx, const struct source_change *change);

/* Everything anew, though no object changed. */
void reconcile_all(struct reconcile *reconcile);

/* Before the first change: images were counted up to `generation`, and `served` (NULL: none) is what
 * every worker serves. */
void reconcile_resume(struct reconcile *reconcile, uint64_t generation, struct image_view *served);

/* PUBLISHED, REJECTED and PORT, as they come from the channel. */
void reconcile_on_message(struct reconcile *reconcile, const struct proc_message *message);

/* Called whenever another image is served by every worker. */
void reconcile_set_on_serving(struct reconcile *reconcile,
                              void (*on_serving)(void *ctx, struct image_view *view), void *ctx);

/* Called whenever reconcile_diags() was brought up to date. */
void reconcile_set_on_diags(struct reconcile *reconcile, void (*on_diags)(void *ctx), void *ctx);

const struct reconcile_facts *reconcile_facts(const struct reconcile *reconcile);
/* All that is wrong, as of the newest compilation. */
const struct diag_list *reconcile_diags(const struct reconcile *reconcile);
/* What is being served; NULL before the first image was. */
const struct image_view *reconcile_serving(const struct reconcile *reconcile);
/* As compiled last; NULL before the first compilation. */
const struct route_model *reconcile_model(const struct reconcile *reconcile);
/* Whether that model is the source's store as it is now. */
bool reconcile_model_is_current(const struct reconcile *reconcile);
const struct ingress_options *reconcile_options(const struct reconcile *reconcile);
const struct source *reconcile_source(const struct reconcile *reconcile);

#endif
