#include "control/ingress_intake.h"

#include "base/scope.h"
#include "ingress/class.h"
#include "ingress/secrets.h"
#include "kube/pack.h"

/* What an Ingress wants is counted when it comes and uncounted when it goes. Whether it is ours is asked anew
 * each time, and not noted: the answer is the same until a class or a namespace changes, and then all is
 * counted anew. */

/* Silent: whoever compiles says what is wrong. */
struct judge {
    struct ingress_classes classes;
    struct diag_list unheard;
};

static void judge_init(struct judge *judge, const struct ingress_intake *intake)
{
    diag_list_init(&judge->unheard);
    judge->classes =
        ingress_classes_read(&intake->store->source->store, intake->options, &judge->unheard);
}

static void judge_deinit(struct judge *judge)
{
    diag_list_deinit(&judge->unheard);
}

static bool is_ours(struct judge *judge, const struct ingress_intake *intake,
                    const struct kube_object *ingress)
{
    return api_store_shows(intake->store, ingress) &&
           ingress_is_ours(&judge->classes, ingress, &judge->unheard);
}

/* ---- what an Ingress refers to -----------------------------------------------------------------
 */

static void want(void *ctx, struct span namespace, struct span name)
{
    secret_watch_want(ctx, namespace, name);
}

static void unwant(void *ctx, struct span namespace, struct span name)
{
    secret_watch_unwant(ctx, namespace, name);
}

static void each_secret(struct ingress_intake *intake, const struct kube_object *ingress,
                        ingress_secret_fn *with)
{
    ingress_secrets_of(ingress, intake->options, intake->may_cross, with, intake->secrets);
}

struct settling {
    const struct secret_watch *secrets;
    bool is_settled;
};

static void settling_look(void *ctx, struct span namespace, struct span name)
{
    struct settling *settling = ctx;

    settling->is_settled =
        settling->is_settled && secret_watch_is_settled(settling->secrets, namespace, name);
}

static bool is_settled(const struct ingress_intake *intake, const struct kube_object *ingress)
{
    struct settling settling = { intake->secrets, true };

    ingress_secrets_of(ingress, intake->options, intake->may_cross, settling_look, &settling);
    return settling.is_settled;
}

/* ---- coming and going --------------------------------------------------------------------------
 */

static const struct kube_object *shown_find(const struct ingress_intake *intake,
                                            struct span namespace, struct span name)
{
    return kube_store_find(&intake->store->source->store, KUBE_INGRESS, namespace, name);
}

/* Its own wants were counted before, so that what both versions want is never without anyone. */
static void put(struct ingress_intake *intake, struct judge *judge, struct kube_object *ingress)
{
    const struct kube_object *former = shown_find(intake, ingress->namespace, ingress->name);

    if (intake->is_counting && former && is_ours(judge, intake, former))
        each_secret(intake, former, unwant);
    api_store_put(intake->store, ingress);
}

static bool is_named(const struct kube_object *ingress, struct span namespace, struct span name)
{
    return span_eq(ingress->namespace, namespace) && span_eq(ingress->name, name);
}

/* NULL: none of that name waits. */
static struct kube_object *held_take(struct ingress_intake *intake, struct span namespace,
                                     struct span name)
{
    uint64_t id = api_object_id(namespace, name);
    struct kube_object *held = idmap_find(&intake->held, id);

    if (!held || !is_named(held, namespace, name))
        return NULL;
    return idmap_remove(&intake->held, id);
}

static void held_drop(struct ingress_intake *intake, struct span namespace, struct span name)
{
    struct kube_object *held = held_take(intake, namespace, name);

    if (!held)
        return;
    if (intake->is_counting) /* only what is ours waits */
        each_secret(intake, held, unwant);
    kube_object_free(held);
}

/* Two whose identities are the same by a forged name do not both wait. */
static void hold_or_put(struct ingress_intake *intake, struct judge *judge,
                        struct kube_object *ingress)
{
    uint64_t id = api_object_id(ingress->namespace, ingress->name);

    if (is_settled(intake, ingress) || idmap_find(&intake->held, id))
        put(intake, judge, ingress);
    else
        idmap_put(&intake->held, id, ingress);
}

void ingress_intake_take(struct ingress_intake *intake, struct kube_object *ingress)
{
    SCOPED(judge_deinit) struct judge judge;

    judge_init(&judge, intake);
    if (!intake->is_counting || !is_ours(&judge, intake, ingress)) {
        held_drop(intake, ingress->namespace, ingress->name);
        put(intake, &judge, ingress);
        return;
    }
    each_secret(intake, ingress, want);
    held_drop(intake, ingress->namespace, ingress->name);
    hold_or_put(intake, &judge, ingress);
}

void ingress_intake_drop(struct ingress_intake *intake, struct span namespace, struct span name)
{
    SCOPED(judge_deinit) struct judge judge;
    const struct kube_object *former = shown_find(intake, namespace, name);

    held_drop(intake, namespace, name);
    judge_init(&judge, intake);
    if (intake->is_counting && former && is_ours(&judge, intake, former))
        each_secret(intake, former, unwant);
}

typedef VEC(struct kube_object *) ingress_vec;

static void held_collect(struct ingress_intake *intake, bool all, ingress_vec *collected)
{
    struct kube_object *ingress;

    for (size_t at = 0; (ingress = idmap_next(&intake->held, &at));) {
        if (all || is_settled(intake, ingress))
            vec_push(collected, ingress);
    }
    vec_for_each (each, collected)
        idmap_remove(&intake->held, api_object_id((*each)->namespace, (*each)->name));
}

void ingress_intake_release(struct ingress_intake *intake)
{
    SCOPED(judge_deinit) struct judge judge;
    ingress_vec ready = { 0 };

    held_collect(intake, false, &ready);
    judge_init(&judge, intake);
    vec_for_each (ingress, &ready)
        put(intake, &judge, *ingress);
    vec_deinit(&ready);
}

/* ---- counting ----------------------------------------------------------------------------------
 */

void ingress_intake_suspend(struct ingress_intake *intake)
{
    intake->is_counting = false;
}

void ingress_intake_recount(struct ingress_intake *intake)
{
    const struct kube_store *store = &intake->store->source->store;
    SCOPED(judge_deinit) struct judge judge;
    const struct kube_object *ingress;
    ingress_vec held = { 0 };

    /* Those that wait are not counted now: they come again, as if new. */
    intake->is_counting = false;
    held_collect(intake, true, &held);
    judge_init(&judge, intake);
    secret_watch_recount_begin(intake->secrets);
    intake->may_cross = ingress_secrets_may_cross(store, intake->options);
    ingress_secrets_common(store, intake->options, want, intake->secrets);
    for (size_t at = 0; (ingress = kube_store_next(store, KUBE_INGRESS, &at));) {
        if (is_ours(&judge, intake, ingress))
            each_secret(intake, ingress, want);
    }
    intake->is_counting = true;
    vec_for_each (each, &held)
        ingress_intake_take(intake, *each);
    secret_watch_recount_end(intake->secrets);
    vec_deinit(&held);
}

/* ---- life --------------------------------------------------------------------------------------
 */

void ingress_intake_init(struct ingress_intake *intake, struct api_store *store,
                         struct secret_watch *secrets, const struct ingress_options *options)
{
    *intake = (struct ingress_intake){ .store = store, .secrets = secrets, .options = options };
}

void ingress_intake_deinit(struct ingress_intake *intake)
{
    struct kube_object *ingress;

    for (size_t at = 0; (ingress = idmap_next(&intake->held, &at));)
        kube_object_free(ingress);
    idmap_deinit(&intake->held);
}

size_t ingress_intake_held(const struct ingress_intake *intake)
{
    return intake->held.len;
}
