/* control/source.h
 *
 * Purpose    Where objects come from: the Kubernetes API, or a directory of manifests. A
 *            source keeps a store up to date and says what changed in it.
 * Ownership  The source owns its store and every object in it. A change borrows until the
 *            callback returns.
 * Lifetime   Made by the source's own constructor; source_free() ends it.
 * Roles      controller. */
#ifndef YETT_CONTROL_SOURCE_H
#define YETT_CONTROL_SOURCE_H

#include "ingress/change.h"
#include "kube/store.h"

struct source_service {
    struct span namespace, name;
};

/* What one settled burst of events did to the store. */
struct source_change {
    uint32_t
        kinds; /* bit (1 << enum kube_kind) of every kind that an object came, went or changed in */
    struct arena texts;
    VEC(struct source_service) services; /* whose EndpointSlices changed; each named once */
    struct map services_by_name;         /* "namespace/name" → itself */
    struct ingress_change touched;       /* which objects, for ingress_recompile() */
    bool has_new_diags;                  /* diagnostics may differ, even where no object does */
};

void source_change_init(struct source_change *change);
void source_change_deinit(struct source_change *change);
bool source_change_is_empty(const struct source_change *change);
/* True where only EndpointSlices changed: no new meaning, other addresses. */
bool source_change_is_endpoints_only(const struct source_change *change);
/* Notes that `object` came, went or changed. */
void source_change_add(struct source_change *change, const struct kube_object *object);
void source_change_add_service(struct source_change *change, struct span namespace,
                               struct span service);
/* Adds all of `from`. */
void source_change_merge(struct source_change *change, const struct source_change *from);

struct source;

struct source_ops {
    /* Appends all that is wrong with what was read, in a stable order. */
    void (*diags_append)(const struct source *source, struct diag_list *diags);
    void (*free)(struct source *source);
};

/* Told once per settled burst, after the store was brought up to date; the first call, for what was
 * there at the start, comes even where there was nothing. */
typedef void source_changed_fn(void *ctx, const struct source_change *change);

/* Told of an Ingress whose status.loadBalancer alone is another now, after the store was brought up to
 * date: no change of what it means, so on_change does not hear of it. */
typedef void source_status_fn(void *ctx, const struct kube_object *ingress);

struct source {
    const struct source_ops *ops;
    struct kube_store store;
    source_changed_fn *on_change;
    void *on_change_ctx;
    source_status_fn *on_status; /* NULL: nobody asks, as with manifests */
    void *on_status_ctx;
};

static inline void source_diags_append(const struct source *source, struct diag_list *diags)
{
    source->ops->diags_append(source, diags);
}

/* NULL is fine; returns NULL. */
static inline struct source *source_free(struct source *source)
{
    if (source)
        source->ops->free(source);
    return NULL;
}

#endif
