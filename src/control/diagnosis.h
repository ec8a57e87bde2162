/* control/diagnosis.h
 *
 * Purpose    Finds what is wrong with each Ingress, in slices of a millisecond: between two of them the loop
 *            looks for changes, so none waits for it.
 * Ownership  Borrows store, options and model until it is over; owns the diagnostics.
 * Lifetime   diagnosis_init() … diagnosis_deinit(); diagnosis_start() begins anew, _cancel() ends it.
 * Roles      controller. */
#ifndef YETT_CONTROL_DIAGNOSIS_H
#define YETT_CONTROL_DIAGNOSIS_H

#include "ingress/diagnose.h"
#include "net/loop.h"

enum { DIAGNOSIS_SLICE_US = 1000 };

struct diagnosis {
    struct loop *loop;
    struct loop_task task;
    const struct kube_store *store;
    struct ingress_options options;
    const struct route_model *model;
    struct ingress_diagnosis *steps; /* NULL: none is under way */
    struct diag_list diags;
    uint64_t worked_us; /* in slices, since it was started */
    void (*on_done)(void *ctx);
    void *ctx;
};

/* `on_done` finds everything in diagnosis->diags. */
void diagnosis_init(struct diagnosis *diagnosis, struct loop *loop, void (*on_done)(void *ctx),
                    void *ctx);
void diagnosis_deinit(struct diagnosis *diagnosis);

/* `model` may change meanwhile as long as it follows the store. */
void diagnosis_start(struct diagnosis *diagnosis, const struct kube_store *store,
                     const struct ingress_options *options, const struct route_model *model);
void diagnosis_cancel(struct diagnosis *diagnosis);

static inline bool diagnosis_is_running(const struct diagnosis *diagnosis)
{
    return diagnosis->steps != NULL;
}

#endif
