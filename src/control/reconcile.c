/* Three ways lead to an image. A change of EndpointSlices only refreshes the model's endpoints and writes
 * the shards that hold them. Among many Ingresses, a change of few objects compiles only the hosts that
 * it concerns, and writes their shards. What is wrong with objects is found apart from that, a little at
 * a time. Everything else compiles the model anew. All end in image_written(), which delivers. */
#include "control/reconcile.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/delivery.h"
#include "control/diag_log.h"
#include "control/diagnosis.h"
#include "control/port_failures.h"
#include "image/writer.h"

const uint64_t reconcile_apply_bounds_us[RECONCILE_APPLY_BUCKETS] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000, UINT64_MAX,
};

struct reconcile {
    struct loop *loop;
    const struct ingress_options *options;
    const struct source *source;
    void (*on_serving)(void *ctx, struct image_view *view);
    void *on_serving_ctx;
    void (*on_diags)(void *ctx);
    void *on_diags_ctx;

    struct source_change pending;
    uint64_t pending_since_ns; /* 0: nothing is pending */
    struct loop_task task;
    struct loop_timer recheck_timer;

    struct route_model *model;
    bool needs_whole; /* the model is not what was written: it is to be compiled anew */
    struct loop_timer settle_timer; /* of the next diagnosis */
    bool is_settling;               /* it follows a change, and not the clock alone */
    struct diagnosis diagnosis;
    struct port_failures port_failures;
    struct diag_list diags;
    struct diag_log diag_log;

    struct image_writer *writer;
    struct delivery delivery;
    struct image_view *serving;
    struct image_view *previous; /* served before `serving`: workers may have to go back to it */

    uint64_t in_flight_generation; /* 0: none */
    uint64_t in_flight_since_ns;
    uint64_t hold_until_ms; /* of the loop's clock; 0: what was sent last was not rejected */
    struct reconcile_facts facts;
};

/* ---- failure and success ----------------------------------------------------------------------
 */

static void failed(struct reconcile *reconcile)
{
    reconcile->facts.last_ok = false;
    reconcile->facts.config_hash = 0;
    reconcile->facts.failures++;
    reconcile->facts.last_failure_wall_ns = clock_wall_ns();
}

static void apply_duration_count(struct reconcile_facts *facts, uint64_t us)
{
    size_t bucket = 0;

    while (us > reconcile_apply_bounds_us[bucket])
        bucket++;
    facts->apply_buckets[bucket]++;
    facts->apply_sum_us += us;
    facts->apply_count++;
}

/* Takes over the reference; NULL: what is served is not known. */
static void serving_set(struct reconcile *reconcile, struct image_view *view)
{
    reconcile->serving = view;
    reconcile->facts.generation = view ? view->generation : 0;
    log_set_generation(reconcile->facts.generation);
    if (view && reconcile->on_serving)
        reconcile->on_serving(reconcile->on_serving_ctx, view);
}

static void served(struct reconcile *reconcile)
{
    struct reconcile_facts *facts = &reconcile->facts;

    image_view_unref(reconcile->previous);
    reconcile->previous = reconcile->serving;
    serving_set(reconcile, image_view_ref(reconcile->delivery.newest));
    facts->config_hash = reconcile->delivery.newest_hash;
    facts->last_ok = true;
    reconcile->hold_until_ms = 0;
    facts->successes++;
    facts->last_success_wall_ns = clock_wall_ns();
    uint64_t took_us = (clock_mono_ns() - reconcile->in_flight_since_ns) / 1000;
    apply_duration_count(facts, took_us);
    log_info("image_published", F_UINT("took_us", took_us));
}

/* What every worker served kills them: they are back with the image before it. */
static void serving_lost(struct reconcile *reconcile)
{
    image_view_unref(reconcile->serving);
    serving_set(reconcile, reconcile->previous);
    reconcile->previous = NULL;
    failed(reconcile);
}

/* ---- from bytes to the supervisor -------------------------------------------------------------
 */

/* What the writer remembers has no descriptors behind it: let it write everything anew. */
static void writer_restart(struct reconcile *reconcile, uint64_t generation)
{
    delivery_forget(&reconcile->delivery);
    image_writer_free(reconcile->writer);
    reconcile->writer = image_writer_new();
    image_writer_set_generation(reconcile->writer, generation);
}

static void image_written(struct reconcile *reconcile, const struct image_bytes *bytes)
{
    if (!delivery_is_news(&reconcile->delivery, bytes))
        return;
    if (delivery_send(&reconcile->delivery, bytes)) {
        reconcile->in_flight_generation = bytes->generation;
        reconcile->in_flight_since_ns = reconcile->pending_since_ns;
        return;
    }
    failed(reconcile);
    writer_restart(reconcile, bytes->generation);
    loop_timer_set(reconcile->loop, &reconcile->recheck_timer, RECONCILE_RETRY_MS);
}

/* ---- from the store to bytes ------------------------------------------------------------------
 */

static void too_large_report(struct reconcile *reconcile)
{
    struct diag diag = {
        .severity = DIAG_ERROR,
        .code = DIAG_IMAGE_LIMIT,
        .message = SPAN("the routing image would be larger than its format allows"),
        .mend = SPAN("serve fewer objects with this gate"),
    };

    diag_add(&reconcile->diags, &diag);
    failed(reconcile);
    reconcile->needs_whole = true;
}

static void diags_take(struct reconcile *reconcile, const struct diag_list *compiled)
{
    diag_list_deinit(&reconcile->diags);
    diag_list_init(&reconcile->diags);
    source_diags_append(reconcile->source, &reconcile->diags);
    port_failures_report(&reconcile->port_failures, reconcile->model, &reconcile->diags);
    diag_list_append(&reconcile->diags, compiled);
    diag_list_sort(&reconcile->diags);
}

static void diags_tell(struct reconcile *reconcile)
{
    reconcile->is_settling = false;
    loop_timer_set(reconcile->loop, &reconcile->settle_timer, RECONCILE_RECHECK_MS);
    diag_log_update(&reconcile->diag_log, &reconcile->diags);
    if (reconcile->on_diags)
        reconcile->on_diags(reconcile->on_diags_ctx);
}

static void compile_all(struct reconcile *reconcile)
{
    struct ingress_options options = *reconcile->options;
    SCOPED(diag_list_deinit) struct diag_list compiled;
    struct image_bytes bytes;

    loop_timer_cancel(&reconcile->recheck_timer);
    diagnosis_cancel(&reconcile->diagnosis);
    diag_list_init(&compiled);
    options.now_s = clock_wall_s();
    reconcile->needs_whole = false;
    route_model_free(reconcile->model);
    reconcile->model = ingress_compile(&reconcile->source->store, &options, &compiled);
    int r = image_write(reconcile->writer, reconcile->model, &bytes);
    if (r == IMAGE_WRITE_OK)
        image_written(reconcile, &bytes); /* first of all, for traffic waits for it */
    diags_take(reconcile, &compiled);
    if (r == IMAGE_WRITE_TOO_LARGE)
        too_large_report(reconcile);
    diags_tell(reconcile);
}

/* Diagnostics follow, however long changes go on; but where finding them takes long, they shall not take all
 * the time. */
static void settle_later(struct reconcile *reconcile)
{
    uint64_t rest_ms = reconcile->diagnosis.worked_us / 1000 * RECONCILE_DIAGNOSIS_SHARE;

    if (reconcile->is_settling)
        return;
    reconcile->is_settling = true;
    loop_timer_set(reconcile->loop, &reconcile->settle_timer,
                   MAX(rest_ms, (uint64_t)RECONCILE_SETTLE_MS));
}

static void on_settle(struct loop_timer *timer)
{
    struct reconcile *reconcile = container_of(timer, struct reconcile, settle_timer);

    if (diagnosis_is_running(&reconcile->diagnosis))
        return;                     /* another follows it */
    reconcile->is_settling = false; /* for what changes from now on */
    if (reconcile->needs_whole || !reconcile->model)
        reconcile_all(reconcile);
    else
        diagnosis_start(&reconcile->diagnosis, &reconcile->source->store, reconcile->options,
                        reconcile->model);
}

static void on_diagnosed(void *ctx)
{
    struct reconcile *reconcile = ctx;
    bool is_settling = reconcile->is_settling;

    diags_take(reconcile, &reconcile->diagnosis.diags);
    diags_tell(reconcile);
    if (is_settling)
        settle_later(reconcile);
}

struct refreshed {
    VEC(struct route_service *) services;
};

static void on_service_refreshed(void *ctx, struct route_service *service)
{
    struct refreshed *refreshed = ctx;

    vec_push(&refreshed->services, service);
}

static void changes_write(struct reconcile *reconcile, const struct route_changes *changes)
{
    struct image_bytes bytes;

    settle_later(reconcile);
    if (image_write_changes(reconcile->writer, reconcile->model, changes, &bytes) == IMAGE_WRITE_OK)
        image_written(reconcile, &bytes);
    else
        too_large_report(reconcile);
}

/* What is wrong changed, but no object: an unreadable file. */
static bool has_diags_only(const struct reconcile *reconcile)
{
    return reconcile->pending.kinds == 0 && reconcile->pending.has_new_diags &&
           kube_store_len(&reconcile->source->store, KUBE_INGRESS) >= RECONCILE_SHORT_MIN;
}

/* False: the change concerns everything. */
static bool compile_touched(struct reconcile *reconcile)
{
    const struct ingress_change *touched = &reconcile->pending.touched;
    const struct kube_store *store = &reconcile->source->store;
    struct route_changes changes;

    if (touched->objects.len == 0 || kube_store_len(store, KUBE_INGRESS) < RECONCILE_SHORT_MIN)
        return false;
    route_changes_init(&changes);
    bool is_done =
        ingress_recompile(store, reconcile->options, touched, reconcile->model, &changes);
    if (is_done)
        changes_write(reconcile, &changes);
    route_changes_deinit(&changes);
    return is_done;
}

static void refresh_endpoints(struct reconcile *reconcile)
{
    struct refreshed refreshed = { 0 };
    struct image_bytes bytes;

    vec_for_each (service, &reconcile->pending.services)
        ingress_endpoints_refresh(&reconcile->source->store, reconcile->options, reconcile->model,
                                  service->namespace, service->name, on_service_refreshed,
                                  &refreshed);
    if (refreshed.services.len > 0) {
        settle_later(reconcile);
        int r = image_write_endpoints(reconcile->writer, reconcile->model, refreshed.services.items,
                                      refreshed.services.len, &bytes);
        if (r == IMAGE_WRITE_OK)
            image_written(reconcile, &bytes);
        else
            too_large_report(reconcile);
    }
    vec_deinit(&refreshed.services);
}

static void pending_clear(struct reconcile *reconcile)
{
    source_change_deinit(&reconcile->pending);
    source_change_init(&reconcile->pending);
    reconcile->pending_since_ns = 0;
}

/* The recheck at the end of the hold takes what is pending along. */
static bool is_on_hold(struct reconcile *reconcile)
{
    uint64_t now_ms = loop_now_ms(reconcile->loop);

    if (now_ms >= reconcile->hold_until_ms)
        return false;
    loop_timer_set(reconcile->loop, &reconcile->recheck_timer, reconcile->hold_until_ms - now_ms);
    return true;
}

static void work(struct reconcile *reconcile)
{
    bool is_endpoints_only = source_change_is_endpoints_only(&reconcile->pending);

    if (reconcile->in_flight_generation || !reconcile->pending_since_ns)
        return;
    if (is_endpoints_only && is_on_hold(reconcile))
        return;
    /* After a failure the writer has forgotten everything: then only the whole will do. */
    bool may_be_short =
        reconcile->delivery.has_newest && reconcile->model && !reconcile->needs_whole;
    if (may_be_short && is_endpoints_only)
        refresh_endpoints(reconcile);
    else if (may_be_short && has_diags_only(reconcile))
        settle_later(reconcile);
    else if (!may_be_short || !compile_touched(reconcile))
        compile_all(reconcile);
    pending_clear(reconcile);
}

static void on_task(struct loop_task *task)
{
    work(container_of(task, struct reconcile, task));
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void work_later(struct reconcile *reconcile)
{
    if (!reconcile->pending_since_ns)
        reconcile->pending_since_ns = clock_mono_ns();
    loop_task_queue(reconcile->loop, &reconcile->task);
}

void reconcile_on_change(void *ctx, const struct source_change *change)
{
    struct reconcile *reconcile = ctx;

    source_change_merge(&reconcile->pending, change);
    work_later(reconcile);
}

void reconcile_all(struct reconcile *reconcile)
{
    reconcile->pending.has_new_diags = reconcile->needs_whole = true;
    work_later(reconcile);
}

static void on_recheck(struct loop_timer *timer)
{
    reconcile_all(container_of(timer, struct reconcile, recheck_timer));
}

static void in_flight_end(struct reconcile *reconcile)
{
    reconcile->in_flight_generation = 0;
    if (reconcile->pending_since_ns)
        loop_task_queue(reconcile->loop, &reconcile->task);
}

static void on_published(struct reconcile *reconcile, uint64_t generation)
{
    if (generation != reconcile->in_flight_generation)
        return; /* sent by the controller before this one */
    served(reconcile);
    in_flight_end(reconcile);
}

static void on_rejected(struct reconcile *reconcile, uint64_t generation, int32_t reason)
{
    bool is_in_flight = generation == reconcile->in_flight_generation;
    bool is_serving = reconcile->serving && generation == reconcile->facts.generation;

    if (!is_in_flight && !is_serving)
        return;
    reconcile->hold_until_ms = loop_now_ms(reconcile->loop) + RECONCILE_HOLD_MS;
    if (is_in_flight)
        failed(reconcile);
    else
        serving_lost(reconcile);
    log_error("image_rolled_back", F_UINT("image", generation),
              F_STR("reason", proc_reject_name(reason)),
              F_UINT("serving", reconcile->facts.generation));
    if (is_in_flight)
        in_flight_end(reconcile);
}

static void on_port(struct reconcile *reconcile, const struct proc_message *message)
{
    port_failures_note(&reconcile->port_failures, message);
    if (!reconcile->model)
        return; /* nothing has been read yet, so nothing may be compiled */
    reconcile->pending.has_new_diags = true;
    work_later(reconcile);
}

void reconcile_on_message(struct reconcile *reconcile, const struct proc_message *message)
{
    if (message->kind == PROC_PUBLISHED)
        on_published(reconcile, message->generation);
    else if (message->kind == PROC_REJECTED)
        on_rejected(reconcile, message->generation, message->result);
    else if (message->kind == PROC_PORT)
        on_port(reconcile, message);
}

void reconcile_resume(struct reconcile *reconcile, uint64_t generation, struct image_view *served)
{
    invariant(!reconcile->in_flight_generation && !reconcile->serving);
    image_writer_set_generation(reconcile->writer, generation);
    if (served)
        serving_set(reconcile, image_view_ref(served));
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct reconcile *reconcile_new(struct loop *loop, int channel,
                                const struct ingress_options *options)
{
    struct reconcile *reconcile = mem_alloc_zero(sizeof(*reconcile));

    reconcile->loop = loop;
    delivery_init(&reconcile->delivery, channel);
    reconcile->options = options;
    source_change_init(&reconcile->pending);
    loop_task_init(&reconcile->task, on_task);
    loop_timer_init(&reconcile->recheck_timer, on_recheck);
    loop_timer_init(&reconcile->settle_timer, on_settle);
    diagnosis_init(&reconcile->diagnosis, loop, on_diagnosed, reconcile);
    diag_list_init(&reconcile->diags);
    reconcile->writer = image_writer_new();
    return reconcile;
}

struct reconcile *reconcile_free(struct reconcile *reconcile)
{
    if (!reconcile)
        return NULL;
    loop_task_cancel(&reconcile->task);
    loop_timer_cancel(&reconcile->recheck_timer);
    loop_timer_cancel(&reconcile->settle_timer);
    diagnosis_deinit(&reconcile->diagnosis);
    delivery_deinit(&reconcile->delivery);
    image_view_unref(reconcile->serving);
    image_view_unref(reconcile->previous);
    image_writer_free(reconcile->writer);
    route_model_free(reconcile->model);
    diag_list_deinit(&reconcile->diags);
    diag_log_deinit(&reconcile->diag_log);
    port_failures_deinit(&reconcile->port_failures);
    source_change_deinit(&reconcile->pending);
    return mem_free(reconcile);
}

void reconcile_set_source(struct reconcile *reconcile, const struct source *source)
{
    reconcile->source = source;
}

void reconcile_set_on_serving(struct reconcile *reconcile,
                              void (*on_serving)(void *ctx, struct image_view *view), void *ctx)
{
    reconcile->on_serving = on_serving;
    reconcile->on_serving_ctx = ctx;
}

void reconcile_set_on_diags(struct reconcile *reconcile, void (*on_diags)(void *ctx), void *ctx)
{
    reconcile->on_diags = on_diags;
    reconcile->on_diags_ctx = ctx;
}

const struct reconcile_facts *reconcile_facts(const struct reconcile *reconcile)
{
    return &reconcile->facts;
}

const struct diag_list *reconcile_diags(const struct reconcile *reconcile)
{
    return &reconcile->diags;
}

const struct image_view *reconcile_serving(const struct reconcile *reconcile)
{
    return reconcile->serving;
}

const struct route_model *reconcile_model(const struct reconcile *reconcile)
{
    return reconcile->model;
}

const struct source *reconcile_source(const struct reconcile *reconcile)
{
    return reconcile->source;
}

bool reconcile_model_is_current(const struct reconcile *reconcile)
{
    return reconcile->model && !reconcile->pending_since_ns && !reconcile->needs_whole;
}

const struct ingress_options *reconcile_options(const struct reconcile *reconcile)
{
    return reconcile->options;
}
