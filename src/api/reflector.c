/*
 *              ┌────────── refused: no streaming lists here ─────────┐
 *              │                                                     ▼
 *   start ─▶ STREAMING ──all told──▶ WATCHING ◀──last page── PAGING ─┐
 *              ▲                      │    ▲                  ▲    └─┘ next page
 *              │                410 Gone   cut, stalled,      │
 *              │                      │    timed out          │
 *              └──────────────────────┴─── (both by WAITING) ─┘
 *
 * A failure in any state leads back into it, after a wait; only 410 Gone, which says that the server no
 * longer knows what came after our version, leads to another listing. Nobody is told that anything is gone
 * before a listing is complete. */
#include "api/reflector.h"

#include "api/backoff.h"
#include "api/json_text.h"
#include "api/list_page.h"
#include "api/watch_frame.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/scope.h"

enum reflector_state {
    REFLECTOR_STREAMING, /* listing, by a watch that begins with all that there is */
    REFLECTOR_PAGING,    /* listing, in pages */
    REFLECTOR_WATCHING,
};

enum {
    MESSAGE_BYTES_MAX = 1024,
    VERSION_BYTES_MAX = 256,      /* of a resourceVersion, which is opaque and short */
    TOKEN_BYTES_MAX = 16 << 10,   /* of a continue token, likewise */
    PAGE_TIMEOUT_MS = 120 * 1000, /* of a page, which without a limit may be all that there is */
    PAGE_STALL_MS = 30 * 1000,
    WATCH_SLACK_S = 30,   /* past its time, a watch that the server did not end is dead */
    WATCH_ERRORS_MAX = 5, /* ERROR events in a row: our version may be at fault */
};

struct reflector {
    struct loop *loop;
    struct api_client *client;
    const struct reflector_events *events;
    void *ctx;
    struct buf texts; /* behind the target */
    struct reflector_target target;

    enum reflector_state state;
    bool is_listing;      /* on_listing was told, and on_synced not yet */
    bool has_no_streams;  /* the server refused a streaming list */
    bool is_unpaged;      /* a list expired between two pages: the next comes in one */
    bool is_retried_soon; /* the wait is for an answer, and not one that the server asked for */
    struct buf version;   /* to watch from */
    struct buf token;     /* of the next page; empty: the first */
    struct watch_frame frame;
    struct list_page page;

    struct api_call *call;
    struct loop_timer timer;
    struct api_backoff backoff;
    uint64_t opened_ms;    /* of the loop's clock: when the call's head came; 0: not yet */
    uint64_t synced_ms;    /* likewise: when all was told last */
    uint32_t error_code;   /* of the ERROR event that ended this call; 0: none did */
    uint32_t watch_errors; /* such ends in a row, without an event between them */
    struct buf message;
    uint64_t failure_hash; /* of the last failure; 0: none since it was in step */
    struct reflector_facts facts;

    uint32_t busy; /* frames of ours on the stack that go on after a callback */
    bool is_freed; /* and what the last of them has to do */
};

static void call_start(struct reflector *reflector);

/* ---- telling -----------------------------------------------------------------------------------
 */

static void buf_set(struct buf *buf, struct span text)
{
    buf->len = 0;
    buf_append(buf, text);
}

static void version_set(struct reflector *reflector, struct span version)
{
    if (version.len && version.len <= VERSION_BYTES_MAX)
        buf_set(&reflector->version, version);
}

static void unreadable_tell(struct reflector *reflector, struct span what)
{
    reflector->facts.unreadable++;
    if (reflector->events->on_unreadable)
        reflector->events->on_unreadable(reflector->ctx, what);
}

static void trouble_tell(struct reflector *reflector)
{
    if (reflector->events->on_trouble)
        reflector->events->on_trouble(reflector->ctx);
}

static void listing_tell(struct reflector *reflector)
{
    reflector->is_listing = true;
    reflector->facts.lists++;
    if (reflector->events->on_listing)
        reflector->events->on_listing(reflector->ctx);
}

static void synced_tell(struct reflector *reflector)
{
    reflector->is_listing = false;
    reflector->is_unpaged = false;
    reflector->synced_ms = loop_now_ms(reflector->loop);
    reflector->facts.is_synced = true;
    if (reflector->events->on_synced)
        reflector->events->on_synced(reflector->ctx);
}

static void message_set(struct reflector *reflector, struct span message)
{
    buf_set(&reflector->message, span_upto(message, MESSAGE_BYTES_MAX));
    if (reflector->facts.result != API_CALL_OK) /* the text that it points to may have moved */
        reflector->facts.message = buf_span(&reflector->message);
}

/* Numbers aside: ports, times and streams differ each time. */
static uint64_t message_hash(struct span message)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < message.len; i++) {
        if (message.ptr[i] < '0' || message.ptr[i] > '9')
            hash = hash_combine(hash, (unsigned char)message.ptr[i]);
    }
    return hash;
}

/* With the message that was set before. */
static void failure_note(struct reflector *reflector, enum api_call_result result, uint32_t status)
{
    struct reflector_facts *facts = &reflector->facts;
    uint64_t hash =
        hash_combine(message_hash(buf_span(&reflector->message)), (uint64_t)result << 32 | status);
    bool is_same = !facts->is_in_step && reflector->failure_hash == hash;

    facts->failures++;
    facts->same_in_row = is_same ? facts->same_in_row + 1 : 1;
    facts->is_in_step = false;
    facts->result = result;
    facts->status = status;
    facts->message = buf_span(&reflector->message);
    reflector->failure_hash = hash;
    if ((facts->same_in_row & (facts->same_in_row - 1)) == 0)
        trouble_tell(reflector);
}

static void in_step_note(struct reflector *reflector)
{
    struct reflector_facts *facts = &reflector->facts;

    if (facts->is_in_step)
        return;
    facts->is_in_step = true;
    facts->same_in_row = 0;
    reflector->failure_hash = 0;
    facts->result = API_CALL_OK;
    facts->status = 0;
    facts->message = SPAN_EMPTY;
    trouble_tell(reflector);
}

/* ---- what comes in -----------------------------------------------------------------------------
 */

static void bookmark(struct reflector *reflector, const struct watch_event *event)
{
    if (reflector->state == REFLECTOR_STREAMING && event->kind == WATCH_BOOKMARK) {
        /* It watches without having listed: it does not know the parameter. */
        reflector->has_no_streams = true;
        watch_frame_stop(&reflector->frame);
        loop_timer_set(reflector->loop, &reflector->timer, 0);
        return;
    }
    version_set(reflector, event->object.resource_version);
    if (reflector->state != REFLECTOR_STREAMING)
        return;
    reflector->state = REFLECTOR_WATCHING;
    synced_tell(reflector);
}

static void object_tell(struct reflector *reflector, const struct reflector_object *object,
                        bool is_deleted)
{
    reflector->facts.events++;
    reflector->watch_errors = 0;
    /* A cut streaming list must begin anew: its version is known at its end only. */
    if (reflector->state == REFLECTOR_WATCHING)
        version_set(reflector, object->resource_version);
    if (is_deleted)
        reflector->events->on_deleted(reflector->ctx, object);
    else
        reflector->events->on_object(reflector->ctx, object);
}

static void watch_error(struct reflector *reflector, const struct watch_event *event)
{
    reflector->error_code = event->error_code;
    message_set(reflector, event->message);
    watch_frame_stop(&reflector->frame);
}

static void on_event(void *ctx, struct span json)
{
    struct reflector *reflector = ctx;
    struct watch_event event = watch_event_read(json);

    switch (event.kind) {
    case WATCH_OBJECT:
    case WATCH_DELETED:
        object_tell(reflector, &event.object, event.kind == WATCH_DELETED);
        return;
    case WATCH_BOOKMARK:
    case WATCH_INITIAL_END:
        bookmark(reflector, &event);
        return;
    case WATCH_ERROR:
        watch_error(reflector, &event);
        return;
    case WATCH_UNKNOWN:
        unreadable_tell(reflector, event.message);
        return;
    }
    unreachable();
}

static void on_item(void *ctx, struct span json)
{
    struct reflector *reflector = ctx;
    struct reflector_object object = reflector_object_read(json);

    object_tell(reflector, &object, false);
}

static void on_oversized(void *ctx)
{
    unreadable_tell(ctx, SPAN("an object larger than 8 MiB"));
}

static const struct watch_frame_events frame_events = { on_event, on_oversized };
static const struct list_page_events page_events = { on_item, on_oversized };

/* ---- waiting and asking ------------------------------------------------------------------------
 */

static struct reflector *memory_free(struct reflector *reflector)
{
    buf_deinit(&reflector->texts);
    buf_deinit(&reflector->version);
    buf_deinit(&reflector->token);
    buf_deinit(&reflector->message);
    watch_frame_deinit(&reflector->frame);
    list_page_deinit(&reflector->page);
    return mem_free(reflector);
}

static void enter(struct reflector *reflector)
{
    reflector->busy++;
}

static void leave(struct reflector *reflector)
{
    if (--reflector->busy == 0 && reflector->is_freed)
        memory_free(reflector);
}

static void wait(struct reflector *reflector, uint32_t least_ms, bool is_answered)
{
    bool is_short = !is_answered && !reflector->target.name.len;
    uint32_t wait_ms =
        api_backoff_next(&reflector->backoff, is_short ? REFLECTOR_SILENCE_MS : API_BACKOFF_MAX_MS);

    if (least_ms) /* what the server asked for, or what is sensible, and no two at once */
        wait_ms =
            MAX(wait_ms, least_ms + api_backoff_random(&reflector->backoff, least_ms / 4 + 1));
    reflector->is_retried_soon = least_ms == 0;
    loop_timer_set(reflector->loop, &reflector->timer, wait_ms);
}

static void list_later(struct reflector *reflector)
{
    reflector->version.len = reflector->token.len = 0;
    reflector->state = reflector->has_no_streams ? REFLECTOR_PAGING : REFLECTOR_STREAMING;
    reflector->is_listing = false;
    reflector->watch_errors = 0;
}

/* ---- how a call ends ---------------------------------------------------------------------------
 */

static bool is_refused(uint32_t status)
{
    return status == 401 || status == 403 || status == 404 || status == 405;
}

/* A server that does not have streaming lists says that their parameters are forbidden. */
static bool has_refused_stream(const struct reflector *reflector, const struct api_reply *reply)
{
    return reflector->state == REFLECTOR_STREAMING && reply->result == API_CALL_STATUS &&
           (reply->status == 400 || reply->status == 422);
}

/* The version that we name is unknown: too old, or of a server that was set back. */
static bool is_version_lost(const struct reflector *reflector, const struct api_reply *reply)
{
    return reply->result == API_CALL_STATUS &&
           (reply->status == 410 ||
            (reply->status == 504 && reflector->state == REFLECTOR_WATCHING &&
             span_contains(reply->message, SPAN("Too large resource version"))));
}

/* That a version expires that was listed long ago is in the nature of it, after an outage too, which left a long
 * wait behind; one that expires as soon as it was listed would have us list without end. */
static void expiry_note(struct reflector *reflector)
{
    if (loop_now_ms(reflector->loop) - reflector->synced_ms >= REFLECTOR_STABLE_MS)
        api_backoff_reset(&reflector->backoff);
}

static void call_failed(struct reflector *reflector, const struct api_reply *reply)
{
    uint32_t least_ms = reply->retry_after_ms;

    if (is_version_lost(reflector, reply)) {
        expiry_note(reflector);
        /* The server offers a token that goes on from another version than the pages before had; then
         * what changed in those between the two would never be told. All in one page has one version. */
        reflector->is_unpaged = reflector->state == REFLECTOR_PAGING;
        list_later(reflector);
        wait(reflector, least_ms, true);
        return;
    }
    if (reply->result == API_CALL_STATUS && is_refused(reply->status) &&
        !reflector->facts.is_synced)
        least_ms = MAX(least_ms, (uint32_t)REFLECTOR_REFUSED_MS);
    if (reflector->state == REFLECTOR_STREAMING)
        list_later(reflector);
    wait(reflector, least_ms, reply->result == API_CALL_STATUS);
    message_set(reflector, reply->message);
    failure_note(reflector, reply->result, reply->status);
}

/* The watch ended with an ERROR event. One that says nothing of our version may yet be due to it, where it
 * comes each time that we ask. */
static void watch_failed(struct reflector *reflector)
{
    if (reflector->error_code == 410)
        expiry_note(reflector);
    if (reflector->error_code == 410 || reflector->state == REFLECTOR_STREAMING ||
        ++reflector->watch_errors >= WATCH_ERRORS_MAX)
        list_later(reflector);
    wait(reflector, 0, true);
    if (reflector->error_code != 410)
        failure_note(reflector, API_CALL_STATUS, reflector->error_code);
}

/* A watch that the server ended: by its time, or because it stops. */
static void watch_ended(struct reflector *reflector, bool was_stable)
{
    if (reflector->state == REFLECTOR_STREAMING)
        list_later(reflector);
    if (was_stable)
        call_start(reflector);
    else
        wait(reflector, 0, true);
}

static void page_failed(struct reflector *reflector, const char *what)
{
    struct api_reply reply = { .result = API_CALL_CUT, .message = span_from_str(what) };

    call_failed(reflector, &reply);
}

static void page_ended(struct reflector *reflector)
{
    struct span metadata = list_page_metadata(&reflector->page);
    struct span version = json_text_string(json_text_member(metadata, SPAN("resourceVersion")));
    struct span token_value = json_text_member(metadata, SPAN("continue"));
    struct span token = json_text_string(token_value);
    bool is_token_good = token.len <= TOKEN_BYTES_MAX && (token.len || token_value.len <= 2);

    if (!list_page_is_whole(&reflector->page) || !version.len || version.len > VERSION_BYTES_MAX ||
        !is_token_good) {
        page_failed(reflector, "the answer is no list");
        return;
    }
    buf_set(&reflector->token, token);
    if (!token.len) {
        version_set(reflector, version);
        reflector->state = REFLECTOR_WATCHING;
        synced_tell(reflector);
    }
    list_page_reset(&reflector->page);
    if (!reflector->is_freed)
        call_start(reflector);
}

static bool is_stable(const struct reflector *reflector)
{
    return reflector->state == REFLECTOR_WATCHING && reflector->opened_ms &&
           loop_now_ms(reflector->loop) - reflector->opened_ms >= REFLECTOR_STABLE_MS;
}

static void call_ended(struct reflector *reflector, const struct api_reply *reply)
{
    bool was_stable = is_stable(reflector);

    if (was_stable)
        api_backoff_reset(&reflector->backoff);
    if (has_refused_stream(reflector, reply)) {
        reflector->has_no_streams = true;
        list_later(reflector);
        call_start(reflector);
    } else if (reflector->error_code) {
        watch_failed(reflector);
    } else if (reply->result != API_CALL_OK) {
        call_failed(reflector, reply);
    } else if (reflector->state == REFLECTOR_PAGING) {
        page_ended(reflector);
    } else {
        watch_ended(reflector, was_stable);
    }
}

/* ---- calls -------------------------------------------------------------------------------------
 */

static void on_open(void *ctx)
{
    struct reflector *reflector = ctx;

    enter(reflector);
    reflector->opened_ms = MAX(loop_now_ms(reflector->loop), (uint64_t)1);
    if (reflector->state == REFLECTOR_WATCHING)
        in_step_note(reflector);
    leave(reflector);
}

static void on_body(void *ctx, struct span bytes)
{
    struct reflector *reflector = ctx;

    enter(reflector);
    if (reflector->state == REFLECTOR_PAGING)
        list_page_feed(&reflector->page, bytes, &page_events, reflector);
    else
        watch_frame_feed(&reflector->frame, bytes, &frame_events, reflector);
    if (!reflector->is_freed && reflector->state == REFLECTOR_WATCHING)
        in_step_note(reflector);
    leave(reflector);
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    struct reflector *reflector = ctx;

    enter(reflector);
    reflector->call = NULL;
    watch_frame_reset(&reflector->frame);
    call_ended(reflector, reply);
    leave(reflector);
}

static const struct api_call_events call_events = { on_open, on_body, on_done };

static void page_start(struct reflector *reflector)
{
    SCOPED(buf_deinit) struct buf path = { 0 };
    struct api_request request = { .timeout_ms = PAGE_TIMEOUT_MS, .stall_ms = PAGE_STALL_MS };

    list_page_reset(&reflector->page);
    target_list_path(&reflector->target, reflector->is_unpaged ? 0 : REFLECTOR_PAGE,
                     buf_span(&reflector->token), &path);
    request.path = buf_span(&path);
    reflector->call = api_call_start(reflector->client, &request, &call_events, reflector);
}

static void watch_start(struct reflector *reflector)
{
    SCOPED(buf_deinit) struct buf path = { 0 };
    uint32_t timeout_s =
        REFLECTOR_WATCH_S + api_backoff_random(&reflector->backoff, REFLECTOR_WATCH_S);
    struct api_request request = {
        .is_quiet = reflector->target.name.len > 0,
        .timeout_ms = (timeout_s + WATCH_SLACK_S) * 1000,
        .stall_ms = REFLECTOR_STALL_MS,
    };

    reflector->facts.watches++;
    watch_frame_reset(&reflector->frame);
    target_watch_path(&reflector->target, buf_span(&reflector->version), timeout_s, &path);
    request.path = buf_span(&path);
    reflector->call = api_call_start(reflector->client, &request, &call_events, reflector);
}

/* The reflector may be freed by what it tells: the caller has entered. */
static void call_start(struct reflector *reflector)
{
    loop_timer_cancel(&reflector->timer);
    reflector->opened_ms = 0;
    reflector->error_code = 0;
    if (reflector->state != REFLECTOR_WATCHING && !reflector->is_listing)
        listing_tell(reflector);
    if (reflector->is_freed)
        return;
    if (reflector->state == REFLECTOR_PAGING)
        page_start(reflector);
    else
        watch_start(reflector);
}

static void on_timer(struct loop_timer *timer)
{
    struct reflector *reflector = container_of(timer, struct reflector, timer);

    enter(reflector);
    if (reflector->call) { /* a watch that began without the list that was asked for */
        reflector->call = api_call_cancel(reflector->call);
        list_later(reflector);
    }
    call_start(reflector);
    leave(reflector);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static struct span text_keep(struct buf *texts, struct span text)
{
    struct span kept = span_of(texts->ptr + texts->len, text.len);

    buf_append(texts, text);
    return kept;
}

static void target_keep(struct reflector *reflector, const struct reflector_target *target)
{
    struct buf *texts = &reflector->texts;

    /* All room at once, so that what is appended does not move what points into it. */
    (void)buf_reserve(texts, target->base.len + target->resource.len + target->namespace.len +
                                 target->name.len + target->label_selector.len);
    reflector->target = (struct reflector_target){
        .base = text_keep(texts, target->base),
        .resource = text_keep(texts, target->resource),
        .namespace = text_keep(texts, target->namespace),
        .name = text_keep(texts, target->name),
        .label_selector = text_keep(texts, target->label_selector),
    };
}

struct reflector *reflector_new(struct loop *loop, struct api_client *client,
                                const struct reflector_target *target,
                                const struct reflector_events *events, void *ctx)
{
    struct reflector *reflector = mem_alloc_zero(sizeof(*reflector));

    reflector->loop = loop;
    reflector->client = client;
    reflector->events = events;
    reflector->ctx = ctx;
    target_keep(reflector, target);
    watch_frame_init(&reflector->frame, REFLECTOR_EVENT_MAX);
    list_page_init(&reflector->page, REFLECTOR_EVENT_MAX);
    api_backoff_init(&reflector->backoff,
                     hash_combine(clock_mono_ns(), (uint64_t)(uintptr_t)reflector));
    loop_timer_init(&reflector->timer, on_timer);
    loop_timer_set(loop, &reflector->timer, 0);
    return reflector;
}

struct reflector *reflector_free(struct reflector *reflector)
{
    if (!reflector)
        return NULL;
    loop_timer_cancel(&reflector->timer);
    reflector->call = api_call_cancel(reflector->call);
    watch_frame_stop(&reflector->frame);
    list_page_stop(&reflector->page);
    reflector->is_freed = true;
    return reflector->busy ? NULL : memory_free(reflector);
}

void reflector_hurry(struct reflector *reflector, uint32_t within_ms)
{
    uint32_t wait_ms = api_backoff_random(&reflector->backoff, within_ms);

    if (loop_timer_is_set(&reflector->timer) && reflector->is_retried_soon &&
        reflector->timer.deadline_ms > loop_now_ms(reflector->loop) + wait_ms)
        loop_timer_set(reflector->loop, &reflector->timer, wait_ms);
}

const struct reflector_facts *reflector_facts(const struct reflector *reflector)
{
    return &reflector->facts;
}
