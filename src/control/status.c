/* What is written does not depend on what was there: a patch that sets the list, and names the uid, so that an
 * Ingress that was made anew under the same name is judged anew. So there are no conflicts with those who
 * edit the Ingress meanwhile, and doing it twice does nothing. */
#include "control/status.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/token_bucket.h"
#include "control/ours.h"
#include "kube/load_balancer.h"

enum { HTTP_FORBIDDEN = 403, HTTP_NOT_FOUND = 404, HTTP_TOO_MANY = 429 };

enum item_state { ITEM_QUEUED, ITEM_WRITING, ITEM_RESTING, ITEM_QUIET };

struct item {
    struct status *status;
    struct span key; /* "namespace/name" */
    struct span namespace, name;
    enum item_state state;
    struct list link; /* QUEUED: in the queue */
    struct loop_timer timer;
    struct api_call *call;
    uint64_t content;  /* what is being written, or was: addresses and uid */
    uint32_t writes;   /* of that content */
    uint32_t failures; /* since the last write */
    char text[];
};

struct status {
    struct loop *loop;
    struct api_client *client;
    const struct source *source;
    const struct ingress_options *options;
    uint32_t interval_ms;

    bool is_active, has_addresses;
    struct buf addresses; /* as JSON */
    uint64_t wanted;      /* their hash */
    uint64_t cleared;     /* hash of those that are taken out, with on_cleared */
    void (*on_cleared)(void *ctx);
    void *cleared_ctx;

    struct map items;
    struct list queue;
    struct token_bucket bucket;
    uint64_t paused_until_ms;
    struct loop_timer pump_timer, sweep_timer;
    struct loop_task sweep_task;
    size_t sweep_cursor;
    bool must_sweep_again;
    size_t in_flight;
    uint64_t written_before; /* facts.writes when it was last said how many there were */
    struct status_facts facts;
};

static void pump(struct status *status);
static void sweep(struct status *status);

/* ---- judging ----------------------------------------------------------------------------------
 */

static void ours_look(struct ours *ours, const struct status *status)
{
    ours_init(ours, &status->source->store, status->options);
}

static bool differs(const struct status *status, struct ours *ours,
                    const struct kube_object *ingress)
{
    uint64_t is = ingress->ingress.load_balancer;

    if (status->on_cleared ? is != status->cleared : is == status->wanted)
        return false;
    return ours_has(ours, ingress);
}

static const struct kube_object *item_object(const struct item *item)
{
    return kube_store_find(&item->status->source->store, KUBE_INGRESS, item->namespace, item->name);
}

static bool item_differs(const struct item *item)
{
    SCOPED(ours_deinit) struct ours ours;
    const struct kube_object *ingress = item_object(item);

    ours_look(&ours, item->status);
    return ingress && differs(item->status, &ours, ingress);
}

/* ---- items ------------------------------------------------------------------------------------
 */

static bool item_is_contended(const struct item *item)
{
    return item->writes >= STATUS_CONTENDED;
}

static void item_free(struct item *item)
{
    struct status *status = item->status;

    status->facts.contended -= item_is_contended(item);
    status->in_flight -= item->call != NULL;
    item->call = api_call_cancel(item->call);
    loop_timer_cancel(&item->timer);
    list_remove(&item->link);
    map_remove(&status->items, item->key);
    mem_free(item);
}

static void item_queue(struct item *item, bool is_first)
{
    item->state = ITEM_QUEUED;
    loop_timer_cancel(&item->timer);
    if (is_first)
        list_push_front(&item->status->queue, &item->link);
    else
        list_push_back(&item->status->queue, &item->link);
}

static void item_rest(struct item *item, enum item_state state, uint64_t rest_ms)
{
    item->state = state;
    loop_timer_cancel(&item->timer); /* to have it sooner than it was set, too */
    loop_timer_set(item->status->loop, &item->timer, rest_ms);
}

static uint64_t doubled_ms(uint64_t base_ms, uint32_t times)
{
    uint64_t ms = base_ms << MIN(times, 20u);

    return MIN(ms, (uint64_t)STATUS_REST_MAX_MS);
}

static void on_rested(struct loop_timer *timer)
{
    struct item *item = container_of(timer, struct item, timer);
    struct status *status = item->status;

    if (item_differs(item))
        item_queue(item, true);
    else if (item->state == ITEM_RESTING && item_object(item))
        item_rest(item, ITEM_QUIET, STATUS_QUIET_MS);
    else
        item_free(item);
    pump(status);
}

static struct item *item_new(struct status *status, struct span namespace, struct span name)
{
    struct item *item = mem_alloc_zero(sizeof(*item) + namespace.len + 1 + name.len);

    memcpy(item->text, namespace.ptr, namespace.len);
    item->text[namespace.len] = '/';
    memcpy(item->text + namespace.len + 1, name.ptr, name.len);
    item->key = span_of(item->text, namespace.len + 1 + name.len);
    item->namespace = span_upto(item->key, namespace.len);
    item->name = span_from(item->key, namespace.len + 1);
    item->status = status;
    list_init(&item->link);
    loop_timer_init(&item->timer, on_rested);
    map_put(&status->items, item->key, item);
    return item;
}

/* What is to be written: addresses, and the very object. */
static uint64_t content_of(const struct status *status, const struct kube_object *ingress)
{
    return hash_combine(status->wanted, hash_bytes(ingress->uid, 0));
}

/* An Ingress that differs. One that is being seen to is left to that, unless it rests from writing
 * something else. */
static void take(struct status *status, const struct kube_object *ingress, bool is_first)
{
    SCOPED(buf_deinit) struct buf key = { 0 };

    buf_printf(&key, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(ingress->namespace), SPAN_ARG(ingress->name));
    struct item *item = map_find(&status->items, buf_span(&key));
    if (!item)
        item = item_new(status, ingress->namespace, ingress->name);
    else if (item->state == ITEM_QUEUED || item->state == ITEM_WRITING ||
             (item->state == ITEM_RESTING && item->content == content_of(status, ingress)))
        return;
    item_queue(item, is_first);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void contended_log(const struct item *item)
{
    log_warn("status_contended", F_SPAN("ingress", item->key), F_UINT("writes", item->writes),
             F_STR("mend", "somebody else keeps changing its status.loadBalancer: leave it to one "
                           "of the two, by the Ingress' class or by --update-status=false"));
}

static void item_written(struct item *item)
{
    item->failures = 0;
    item->writes++;
    item->status->facts.writes++;
    if (item->writes == STATUS_CONTENDED) {
        item->status->facts.contended++;
        contended_log(item);
    }
    item_rest(item, ITEM_RESTING, doubled_ms(STATUS_REST_MS, item->writes - 1));
}

static void failure_log(const struct item *item, const struct api_reply *reply)
{
    log_limited(LOG_WARN, "status_not_written", F_SPAN("ingress", item->key),
                F_STR("result", api_call_result_name(reply->result)),
                F_UINT("status", reply->status), F_SPAN("message", reply->message),
                F_STR("mend", reply->status == HTTP_FORBIDDEN
                                  ? "grant patch on ingresses/status of networking.k8s.io, or give "
                                    "--update-status=false"
                                  : ""));
}

/* Of this object, or of the way to the API server? */
static void item_failed(struct item *item, const struct api_reply *reply)
{
    struct status *status = item->status;
    bool is_general =
        reply->result != API_CALL_STATUS || reply->status == HTTP_TOO_MANY || reply->status >= 500;

    failure_log(item, reply);
    status->facts.failures++;
    if (is_general) {
        status->paused_until_ms =
            loop_now_ms(status->loop) + MAX((uint32_t)STATUS_PAUSE_MS, reply->retry_after_ms);
        item_queue(item, false);
        return;
    }
    item_rest(item, ITEM_RESTING, doubled_ms(STATUS_REST_MS, item->failures++));
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    struct item *item = ctx;
    struct status *status = item->status;

    item->call = NULL;
    status->in_flight--;
    if (reply->result == API_CALL_OK)
        item_written(item);
    else if (reply->result == API_CALL_STATUS && reply->status == HTTP_NOT_FOUND)
        item_free(item);
    else
        item_failed(item, reply);
    pump(status);
}

/* Another content than before is no dispute with anybody. */
static void content_note(struct item *item, const struct kube_object *ingress)
{
    uint64_t content = content_of(item->status, ingress);

    if (item->content == content)
        return;
    item->status->facts.contended -= item_is_contended(item);
    item->content = content;
    item->writes = item->failures = 0;
}

static void item_write(struct item *item, const struct kube_object *ingress)
{
    static const struct api_call_events events = { .on_done = on_done };
    struct status *status = item->status;
    SCOPED(buf_deinit) struct buf path = { 0 };
    SCOPED(buf_deinit) struct buf body = { 0 };

    content_note(item, ingress);
    buf_printf(&path,
               "/apis/networking.k8s.io/v1/namespaces/" SPAN_FMT "/ingresses/" SPAN_FMT "/status",
               SPAN_ARG(item->namespace), SPAN_ARG(item->name));
    json_open(&body, NULL, '{');
    json_open(&body, "metadata", '{');
    json_text(&body, "uid", ingress->uid);
    json_close(&body, '}');
    json_open(&body, "status", '{');
    json_open(&body, "loadBalancer", '{');
    json_key(&body, "ingress");
    buf_append(&body, buf_span(&status->addresses));
    buf_append(&body, SPAN("}}}"));
    item->state = ITEM_WRITING;
    status->in_flight++;
    item->call = api_call_start(status->client,
                                &(struct api_request){
                                    .method = API_PATCH,
                                    .path = buf_span(&path),
                                    .content_type = SPAN("application/merge-patch+json"),
                                    .body = buf_span(&body),
                                    .timeout_ms = API_TIMEOUT_MS,
                                },
                                &events, item);
}

/* The first of the queue, if it may go now: else the time until it may. */
static bool next_may_go(struct status *status)
{
    static const struct token_rate rate = { STATUS_BURST, STATUS_TOKEN_MS };
    uint64_t now_ms = loop_now_ms(status->loop), wait_ms = 0;

    if (list_is_empty(&status->queue) || status->in_flight >= STATUS_IN_FLIGHT_MAX)
        return false;
    if (!status->on_cleared)
        wait_ms = token_bucket_wait_ms(&status->bucket, rate, now_ms);
    if (status->paused_until_ms > now_ms)
        wait_ms = MAX(wait_ms, status->paused_until_ms - now_ms);
    if (wait_ms > 0) {
        loop_timer_set(status->loop, &status->pump_timer, wait_ms);
        return false;
    }
    (void)token_bucket_take(&status->bucket, rate, now_ms);
    return true;
}

static void all_done(struct status *status)
{
    if (status->facts.writes > status->written_before)
        log_info("status_published",
                 F_UINT("ingresses", status->facts.writes - status->written_before),
                 F_SPAN("addresses", buf_span(&status->addresses)));
    status->written_before = status->facts.writes;
    if (status->on_cleared) {
        status->is_active = false;
        status->on_cleared(status->cleared_ctx);
    }
}

static bool is_sweeping(const struct status *status)
{
    return !list_is_empty(&status->sweep_task.link);
}

static void pump(struct status *status)
{
    if (!status->is_active)
        return;
    while (next_may_go(status)) {
        struct item *item = list_entry(status->queue.next, struct item, link);
        list_remove(&item->link);
        if (item_differs(item))
            item_write(item, item_object(item));
        else
            item_free(item);
    }
    if (list_is_empty(&status->queue) && status->in_flight == 0 && !is_sweeping(status))
        all_done(status);
}

static void on_pump(struct loop_timer *timer)
{
    pump(container_of(timer, struct status, pump_timer));
}

/* ---- all of them, in slices -------------------------------------------------------------------
 */

/* What changes meanwhile is told apart, and what a change makes it miss is found by the next one. */
static void sweep_slice(struct loop_task *task)
{
    struct status *status = container_of(task, struct status, sweep_task);
    const struct kube_object *ingress = NULL;
    SCOPED(ours_deinit) struct ours ours;

    ours_look(&ours, status);
    for (size_t i = 0; i < STATUS_SWEEP_SLICE; i++) {
        ingress = kube_store_next(&status->source->store, KUBE_INGRESS, &status->sweep_cursor);
        if (!ingress)
            break;
        if (differs(status, &ours, ingress))
            take(status, ingress, false);
    }
    if (ingress)
        loop_task_queue(status->loop, &status->sweep_task);
    else if (status->must_sweep_again)
        sweep(status);
    else
        loop_timer_set(status->loop, &status->sweep_timer, status->interval_ms);
    pump(status);
}

/* One that is under way is ended first: else, where all changes all the time, none would ever end. */
static void sweep(struct status *status)
{
    if (!status->is_active || !status->has_addresses)
        return;
    status->must_sweep_again = is_sweeping(status);
    if (status->must_sweep_again)
        return;
    status->sweep_cursor = 0;
    loop_task_queue(status->loop, &status->sweep_task);
}

static void on_sweep(struct loop_timer *timer)
{
    sweep(container_of(timer, struct status, sweep_timer));
}

/* ---- events -----------------------------------------------------------------------------------
 */

static bool is_writing(const struct status *status)
{
    return status->is_active && status->has_addresses && !status->on_cleared;
}

void status_on_status(struct status *status, const struct kube_object *ingress)
{
    SCOPED(ours_deinit) struct ours ours;

    ours_look(&ours, status);
    if (is_writing(status) && differs(status, &ours, ingress))
        take(status, ingress, true);
    pump(status);
}

void status_on_change(struct status *status, const struct source_change *change)
{
    if (!is_writing(status))
        return;
    if (change->touched.is_whole || change->kinds & (1u << KUBE_INGRESS_CLASS))
        sweep(status);
    vec_for_each (touched, &change->touched.objects) {
        const struct kube_object *ingress =
            touched->kind == KUBE_INGRESS ? kube_store_find(&status->source->store, KUBE_INGRESS,
                                                            touched->namespace, touched->name)
                                          : NULL;
        if (ingress)
            status_on_status(status, ingress);
    }
}

void status_set_addresses(struct status *status, const struct address_list *list)
{
    invariant(list->items.len > 0);
    buf_deinit(&status->addresses);
    address_list_encode(list, &status->addresses);
    status->wanted = address_list_hash(list);
    status->has_addresses = true;
    sweep(status);
}

static void all_free(struct status *status)
{
    VEC(struct item *) all = { 0 };
    struct item *item;

    for (size_t cursor = 0; (item = map_next(&status->items, &cursor));)
        vec_push(&all, item);
    vec_for_each (each, &all)
        item_free(*each);
    vec_deinit(&all);
}

void status_set_active(struct status *status, bool is_active)
{
    if (status->is_active == is_active)
        return; /* clearing ended it */
    status->is_active = is_active;
    if (is_active) {
        sweep(status);
        return;
    }
    all_free(status);
    loop_task_cancel(&status->sweep_task);
    loop_timer_cancel(&status->sweep_timer);
    loop_timer_cancel(&status->pump_timer);
}

void status_clear(struct status *status, void (*on_cleared)(void *ctx), void *ctx)
{
    struct address_list none;

    if (!is_writing(status)) {
        on_cleared(ctx);
        return;
    }
    all_free(status);
    status->cleared = status->wanted;
    status->on_cleared = on_cleared;
    status->cleared_ctx = ctx;
    address_list_init(&none);
    buf_deinit(&status->addresses);
    address_list_encode(&none, &status->addresses);
    status->wanted = address_list_hash(&none);
    address_list_deinit(&none);
    sweep(status);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct status_facts status_facts(const struct status *status)
{
    struct status_facts facts = status->facts;

    facts.waiting = status->in_flight;
    list_for_each (it, &status->queue)
        facts.waiting++;
    return facts;
}

struct status *status_new(struct loop *loop, struct api_client *client, const struct source *source,
                          const struct ingress_options *options, uint32_t interval_ms)
{
    struct status *status = mem_alloc_zero(sizeof(*status));

    status->loop = loop;
    status->client = client;
    status->source = source;
    status->options = options;
    status->interval_ms = interval_ms;
    list_init(&status->queue);
    loop_timer_init(&status->pump_timer, on_pump);
    loop_timer_init(&status->sweep_timer, on_sweep);
    loop_task_init(&status->sweep_task, sweep_slice);
    return status;
}

struct status *status_free(struct status *status)
{
    if (!status)
        return NULL;
    status_set_active(status, false);
    all_free(status);
    map_deinit(&status->items);
    buf_deinit(&status->addresses);
    return mem_free(status);
}
