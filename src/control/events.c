#include "control/events.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/api_object.h"
#include "control/diag_log.h"
#include "control/event_limits.h"
#include "control/event_subject.h"
#include "kube/timestamp.h"

enum { HTTP_NOT_FOUND = 404, HTTP_CONFLICT = 409, HTTP_TOO_MANY = 429 };

enum record_state { RECORD_WAITING, RECORD_QUEUED, RECORD_WRITING, RECORD_RESTING };
enum record_call { CALL_NEW, CALL_READ, CALL_REPEAT };

/* What is new goes before what was there when we began. */
enum queue { QUEUE_FRESH, QUEUE_OLD, QUEUE_SYNC, QUEUES_LEN };

struct record {
    struct events *events;
    uint64_t id;                 /* of what is said, about whatever object has the name */
    const struct diag *diag;     /* NULL: it is gone; or this is a Sync */
    struct span namespace, name; /* of a Sync: of its Ingress */
    enum record_state state;
    enum record_call calling;
    struct list link; /* QUEUED: in a queue */
    struct loop_timer timer;
    struct api_call *call;
    uint64_t event_id;       /* of the Event that `count` is about */
    uint32_t count;          /* as written; 0: there is no such Event as far as we know */
    uint32_t seen;           /* times that it happened since */
    uint32_t rests;          /* that it had */
    uint32_t round;          /* of the list that it was seen in last */
    uint64_t known_since_ms; /* by the loop's clock */
    char text[];
};

struct events {
    struct loop *loop;
    struct api_client *client;
    const struct source *source;
    const struct ingress_options *options;
    struct span instance;

    bool is_active;
    struct idmap records;
    struct event_limits limits;
    struct list queues[QUEUES_LEN];
    uint64_t paused_until_ms;
    struct loop_timer pump_timer;
    size_t in_flight, syncs;
    uint32_t round;
    size_t over; /* of the newest list, that are not followed */
    struct events_facts facts;
};

static void pump(struct events *events);

/* ---- records ----------------------------------------------------------------------------------
 */

static bool is_sync(const struct record *record)
{
    return record->name.len > 0;
}

static void record_free(struct record *record)
{
    struct events *events = record->events;

    events->syncs -= is_sync(record);
    events->in_flight -= record->call != NULL;
    record->call = api_call_cancel(record->call);
    loop_timer_cancel(&record->timer);
    list_remove(&record->link);
    idmap_remove(&events->records, record->id);
    mem_free(record);
}

static void record_queue(struct record *record, enum queue queue)
{
    record->state = RECORD_QUEUED;
    loop_timer_cancel(&record->timer);
    list_push_back(&record->events->queues[is_sync(record) ? QUEUE_SYNC : queue], &record->link);
}

static void record_rest(struct record *record, uint64_t rest_ms)
{
    record->state = RECORD_RESTING;
    loop_timer_cancel(&record->timer); /* to have it sooner than it was set, too */
    loop_timer_set(record->events->loop, &record->timer, rest_ms);
}

/* How long an Event stays as it was written. */
static uint64_t rest_ms(const struct record *record)
{
    if (is_sync(record))
        return EVENTS_SYNC_REST_MS;
    uint32_t doublings = MIN(record->rests, 8u);
    return MIN((uint64_t)EVENTS_REST_MS << doublings, (uint64_t)EVENTS_REST_MAX_MS);
}

static void on_rested(struct loop_timer *timer)
{
    struct record *record = container_of(timer, struct record, timer);
    struct events *events = record->events;

    if (record->diag && record->seen == 0)
        record->seen = 1; /* still so */
    if (record->seen > 0 && (record->diag || is_sync(record)))
        record_queue(record, QUEUE_OLD);
    else
        record_free(record);
    pump(events);
}

static struct record *record_new(struct events *events, uint64_t id, struct span namespace,
                                 struct span name)
{
    struct record *record = mem_alloc_zero(sizeof(*record) + namespace.len + name.len);

    memcpy(record->text, namespace.ptr, namespace.len);
    memcpy(record->text + namespace.len, name.ptr, name.len);
    record->namespace = span_of(record->text, namespace.len);
    record->name = span_of(record->text + namespace.len, name.len);
    record->events = events;
    record->id = id;
    record->seen = 1;
    record->known_since_ms = loop_now_ms(events->loop);
    list_init(&record->link);
    loop_timer_init(&record->timer, on_rested);
    idmap_put(&events->records, id, record);
    events->syncs += is_sync(record);
    return record;
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static void on_done(void *ctx, const struct api_reply *reply);

/* What a record says now, with the texts that it needs. */
struct said {
    struct event event;
    struct buf reason, message;
};

static void said_deinit(struct said *said)
{
    buf_deinit(&said->reason);
    buf_deinit(&said->message);
}

/* False: the object is gone. */
static bool said_make(const struct record *record, struct said *said)
{
    const struct events *events = record->events;
    const struct kube_store *store = &events->source->store;
    const struct diag *diag = record->diag;
    struct event_subject *subject = &said->event.subject;
    bool is_found = diag
                        ? event_subject_find(store, events->options, diag, subject)
                        : event_subject_of_ingress(store, record->namespace, record->name, subject);

    if (!is_found)
        return false;
    if (diag) {
        event_reason_append(diag->code, &said->reason);
        event_message_append(diag, subject, &said->message);
    } else {
        buf_append(&said->reason, SPAN("Sync"));
        buf_append(&said->message, SPAN("Served by every worker"));
    }
    said->event.is_warning = diag != NULL;
    said->event.reason = buf_span(&said->reason);
    said->event.message = buf_span(&said->message);
    said->event.id = hash_combine(record->id, hash_bytes(subject->uid, 0));
    return true;
}

static void call_start(struct record *record, const struct event *event, enum record_call calling)
{
    static const enum api_method methods[] = {
        [CALL_NEW] = API_POST,
        [CALL_READ] = API_GET,
        [CALL_REPEAT] = API_PATCH,
    };
    static const struct api_call_events callbacks = { .on_done = on_done };
    struct events *events = record->events;
    struct span patch_type = SPAN("application/merge-patch+json");
    SCOPED(buf_deinit) struct buf path = { 0 };
    SCOPED(buf_deinit) struct buf body = { 0 };

    event_path_append(event, calling != CALL_NEW, &path);
    if (calling == CALL_NEW)
        event_encode_new(event, events->instance, record->seen, clock_wall_ns(), &body);
    else if (calling == CALL_REPEAT)
        event_encode_repeat(record->count + record->seen, clock_wall_ns(), &body);
    record->state = RECORD_WRITING;
    record->calling = calling;
    record->event_id = event->id;
    events->in_flight++;
    record->call =
        api_call_start(events->client,
                       &(struct api_request){
                           .method = methods[calling],
                           .path = buf_span(&path),
                           .content_type = calling == CALL_REPEAT ? patch_type : SPAN_EMPTY,
                           .body = buf_span(&body),
                           .timeout_ms = API_TIMEOUT_MS,
                       },
                       &callbacks, record);
}

/* Goes on with a call that needs no leave, since it belongs to one that had it. */
static void call_next(struct record *record, enum record_call calling)
{
    SCOPED(said_deinit) struct said said = { 0 };

    if ((record->diag || is_sync(record)) && said_make(record, &said))
        call_start(record, &said.event, calling);
    else
        record_free(record);
}

static void written(struct record *record)
{
    record->count += record->seen;
    record->seen = 0;
    record->events->facts.writes++;
    record_rest(record, rest_ms(record));
    record->rests++;
}

/* Somebody wrote it before: we, or the leader before us. If that is a while ago, it is counted up at once. */
static void found(struct record *record, struct span json)
{
    SCOPED(arena_deinit) struct arena arena;
    int64_t last_s = 0;

    arena_init(&arena, 4096);
    const struct kube_node *event = api_object_parse(&arena, json);
    record->count = MAX(api_object_u32(event, "count"), 1u);
    bool has_time = kube_timestamp_parse(api_object_text(event, "lastTimestamp"), &last_s);
    uint64_t now_s = (uint64_t)clock_wall_s();
    uint64_t age_ms = has_time && (uint64_t)last_s <= now_s ? (now_s - (uint64_t)last_s) * 1000 : 0;
    if (!has_time || age_ms >= rest_ms(record))
        call_next(record, CALL_REPEAT);
    else
        record_rest(record, rest_ms(record) - age_ms);
}

static void failed(struct record *record, const struct api_reply *reply)
{
    struct events *events = record->events;
    bool is_general =
        reply->result != API_CALL_STATUS || reply->status == HTTP_TOO_MANY || reply->status >= 500;

    log_limited(LOG_WARN, "event_not_written", F_STR("result", api_call_result_name(reply->result)),
                F_UINT("status", reply->status), F_SPAN("message", reply->message),
                F_STR("mend", reply->status == 403 ? "grant create, get and patch on events" : ""));
    events->facts.failures++;
    if (is_general) {
        events->paused_until_ms =
            loop_now_ms(events->loop) + MAX((uint32_t)EVENTS_PAUSE_MS, reply->retry_after_ms);
        record_queue(record, QUEUE_OLD);
        return;
    }
    events->facts.dropped++;
    record_rest(record, rest_ms(record));
    record->rests++;
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    struct record *record = ctx;
    struct events *events = record->events;
    uint32_t refused = reply->result == API_CALL_STATUS ? reply->status : 0;

    record->call = NULL;
    events->in_flight--;
    if (reply->result == API_CALL_OK && record->calling == CALL_READ)
        found(record, reply->body);
    else if (reply->result == API_CALL_OK)
        written(record);
    else if (record->calling == CALL_NEW && refused == HTTP_CONFLICT)
        call_next(record, CALL_READ);
    else if (record->calling == CALL_REPEAT && refused == HTTP_NOT_FOUND) {
        record->count = 0; /* the API server has forgotten it */
        call_next(record, CALL_NEW);
    } else {
        failed(record, reply);
    }
    pump(events);
}

/* ---- the queues -------------------------------------------------------------------------------
 */

static void write_first(struct record *record)
{
    SCOPED(said_deinit) struct said said = { 0 };

    list_remove(&record->link);
    if ((!record->diag && !is_sync(record)) || !said_make(record, &said)) {
        record_free(record);
        return;
    }
    struct events *events = record->events;
    if (!event_limits_take(&events->limits, &said.event, loop_now_ms(events->loop))) {
        events->facts.dropped++;
        record_rest(record, EVENT_OBJECT_TOKEN_MS);
        return;
    }
    if (record->event_id != said.event.id)
        record->count = 0; /* of an object that was made anew */
    call_start(record, &said.event, record->count ? CALL_REPEAT : CALL_NEW);
}

/* Milliseconds until the queue may go on; 0: now, and it has. */
static uint64_t leave_wait_ms(struct events *events, size_t queue)
{
    uint64_t now_ms = loop_now_ms(events->loop);

    if (events->paused_until_ms > now_ms)
        return events->paused_until_ms - now_ms;
    return event_limits_wait_ms(&events->limits, queue == QUEUE_SYNC, now_ms);
}

static void pump(struct events *events)
{
    uint64_t wait_ms = UINT64_MAX;

    for (size_t queue = 0; events->is_active && queue < QUEUES_LEN; queue++) {
        struct list *list = &events->queues[queue];
        while (!list_is_empty(list) && events->in_flight < EVENTS_IN_FLIGHT_MAX) {
            uint64_t leave_ms = leave_wait_ms(events, queue);
            if (leave_ms > 0) {
                wait_ms = MIN(wait_ms, leave_ms);
                break;
            }
            write_first(list_entry(list->next, struct record, link));
        }
    }
    if (wait_ms != UINT64_MAX) {
        loop_timer_cancel(&events->pump_timer);
        loop_timer_set(events->loop, &events->pump_timer, wait_ms);
    }
}

static void on_pump(struct loop_timer *timer)
{
    pump(container_of(timer, struct events, pump_timer));
}

/* ---- diagnostics ------------------------------------------------------------------------------
 */

static bool is_told(const struct diag *diag)
{
    return diag->severity != DIAG_NOTE && diag->kind.len > 0;
}

static void diag_note(struct events *events, const struct diag *diag, enum queue queue)
{
    uint64_t id = diag_fingerprint(diag);
    struct record *record = idmap_find(&events->records, id);

    if (!record && events->records.len - events->syncs >= EVENTS_MAX) {
        events->over++;
        return;
    }
    if (!record) {
        record = record_new(events, id, SPAN_EMPTY, SPAN_EMPTY);
        if (events->is_active)
            record_queue(record, queue);
    } else if (!record->diag && record->round != events->round) {
        record->seen++; /* it is back */
    }
    record->diag = diag;
    record->round = events->round;
}

/* Those that are not in the list any more. One that rests is kept until its rest is over: it may come back. */
static void gone_drop(struct events *events)
{
    VEC(struct record *) unused = { 0 };
    struct record *record;

    for (size_t cursor = 0; (record = idmap_next(&events->records, &cursor));) {
        if (is_sync(record) || record->round == events->round)
            continue;
        record->diag = NULL;
        if (record->state == RECORD_QUEUED || record->state == RECORD_WAITING)
            vec_push(&unused, record);
    }
    vec_for_each (each, &unused)
        record_free(*each);
    vec_deinit(&unused);
}

void events_on_diags(struct events *events, const struct diag_list *diags)
{
    enum queue queue = events->round == 0 ? QUEUE_OLD : QUEUE_FRESH;
    size_t over_before = events->over;

    events->round++;
    events->over = 0;
    /* Errors first: of an Ingress with more to tell than its bucket has, what does not serve has to be told. */
    vec_for_each (diag, &diags->diags) {
        if (is_told(diag) && diag->severity == DIAG_ERROR)
            diag_note(events, diag, queue);
    }
    vec_for_each (diag, &diags->diags) {
        if (is_told(diag) && diag->severity != DIAG_ERROR)
            diag_note(events, diag, queue);
    }
    if (events->is_active && events->over > over_before)
        events->facts.dropped += events->over - over_before;
    gone_drop(events);
    pump(events);
}

void events_on_sync(struct events *events, struct span namespace, struct span name)
{
    uint64_t id = hash_combine(hash_bytes(namespace, 1), hash_bytes(name, 2));
    struct record *record = idmap_find(&events->records, id);

    if (!events->is_active)
        return;
    if (record) {
        record->seen++;
        return;
    }
    if (events->syncs >= EVENTS_SYNC_MAX) {
        events->facts.dropped++;
        return;
    }
    record_queue(record_new(events, id, namespace, name), QUEUE_SYNC);
    pump(events);
}

/* ---- life -------------------------------------------------------------------------------------
 */

void events_begin(struct events *events, bool is_successor)
{
    uint64_t now_ms = loop_now_ms(events->loop);
    struct record *record;

    invariant(!events->is_active);
    events->is_active = true;
    for (size_t cursor = 0; (record = idmap_next(&events->records, &cursor));) {
        bool is_told_already = is_successor && now_ms - record->known_since_ms >= EVENTS_TOLD_MS;
        if (is_told_already) /* its turn comes, but not all at once */
            record_rest(record,
                        EVENTS_REST_MS + record->id % (EVENTS_REST_MAX_MS - EVENTS_REST_MS));
        else
            record_queue(record, QUEUE_OLD);
    }
    pump(events);
}

void events_end(struct events *events)
{
    VEC(struct record *) unused = { 0 };
    struct record *record;

    events->is_active = false;
    loop_timer_cancel(&events->pump_timer);
    for (size_t cursor = 0; (record = idmap_next(&events->records, &cursor));) {
        events->in_flight -= record->call != NULL;
        record->call = api_call_cancel(record->call);
        loop_timer_cancel(&record->timer);
        list_remove(&record->link);
        record->state = RECORD_WAITING;
        if (!record->diag)
            vec_push(&unused, record);
    }
    vec_for_each (each, &unused)
        record_free(*each);
    vec_deinit(&unused);
}

struct events_facts events_facts(const struct events *events)
{
    struct events_facts facts = events->facts;

    facts.waiting = events->in_flight;
    for (size_t queue = 0; queue < QUEUES_LEN; queue++) {
        list_for_each (it, &events->queues[queue])
            facts.waiting++;
    }
    return facts;
}

struct events *events_new(struct loop *loop, struct api_client *client, const struct source *source,
                          const struct ingress_options *options, struct span instance)
{
    struct events *events = mem_alloc_zero(sizeof(*events));

    events->loop = loop;
    events->client = client;
    events->source = source;
    events->options = options;
    events->instance = instance;
    for (size_t queue = 0; queue < QUEUES_LEN; queue++)
        list_init(&events->queues[queue]);
    loop_timer_init(&events->pump_timer, on_pump);
    return events;
}

static void records_free(struct events *events)
{
    struct record *record;

    for (size_t cursor = 0; (record = idmap_next(&events->records, &cursor));) {
        api_call_cancel(record->call);
        loop_timer_cancel(&record->timer);
        mem_free(record);
    }
    idmap_deinit(&events->records);
}

struct events *events_free(struct events *events)
{
    if (!events)
        return NULL;
    records_free(events);
    event_limits_deinit(&events->limits);
    loop_timer_cancel(&events->pump_timer);
    return mem_free(events);
}
