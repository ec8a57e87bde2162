/* A replica never compares clocks with another one: a Lease has run out when its holder wrote nothing into
 * it for its time, by the clock of him who watches. Two may try to take it then; both name the version that
 * they saw, so the API server lets one of them. He who leads stops believing it long before the others may
 * stop: by the time when a renewal was asked for, not when it was answered. */
#include "control/leader.h"

#include "api/reflector.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/lease.h"

enum leader_state { LEADER_FOLLOWING, LEADER_LEADING, LEADER_RELEASING, LEADER_ENDED };

enum leader_ask { ASK_READ, ASK_NEW, ASK_HOLD, ASK_RELEASE };

/* Somebody else being faster time and again is no reason to try without pause. */
enum { ROUNDS_MAX = 6 };

enum { HTTP_FORBIDDEN = 403, HTTP_NOT_FOUND = 404, HTTP_CONFLICT = 409 };

struct leader {
    struct loop *loop;
    struct api_client *client;
    struct leader_options options;
    void (*on_change)(void *ctx, bool is_leading);
    void *ctx;
    void (*on_released)(void *ctx);
    void *released_ctx;

    enum leader_state state;
    struct reflector *watch;
    struct loop_timer tick_timer, deadline_timer;
    struct api_call *call; /* NULL: none is in flight */
    enum leader_ask ask;   /* what it asks for */
    uint64_t asked_ms;
    uint32_t rounds; /* calls that followed each other at once */
    bool is_poked;   /* the watch told of something while a call was in flight */

    struct arena arena; /* of `seen` */
    struct lease seen;  /* as it was last */
    bool is_seen, has_followed;
    uint64_t record_ms; /* when its record was first seen like this */
    uint64_t draws;
};

static void ask(struct leader *leader, enum leader_ask what);

/* ---- time -------------------------------------------------------------------------------------
 */

static uint32_t deadline_ms(const struct leader *leader)
{
    return leader->options.ttl_ms / LEADER_DEADLINE_PARTS;
}

static uint32_t retry_ms(const struct leader *leader)
{
    return leader->options.ttl_ms / LEADER_RETRY_PARTS;
}

/* From 0 to `span_ms`, other values on each replica. */
static uint64_t jitter_ms(struct leader *leader, uint64_t span_ms)
{
    return hash_bytes(leader->options.identity, ++leader->draws) % (span_ms + 1);
}

static void tick_set(struct leader *leader, uint64_t delay_ms)
{
    loop_timer_set(leader->loop, &leader->tick_timer, delay_ms);
}

/* ---- what is known of the Lease ---------------------------------------------------------------
 */

static bool is_ours(const struct leader *leader)
{
    return leader->is_seen && span_eq(leader->seen.holder, leader->options.identity);
}

static bool is_free(const struct leader *leader)
{
    return leader->is_seen && leader->seen.holder.len == 0;
}

static uint64_t runs_out_ms(const struct leader *leader)
{
    uint64_t duration_ms = (uint64_t)leader->seen.duration_s * 1000;

    if (duration_ms == 0)
        duration_ms = leader->options.ttl_ms;
    return leader->record_ms + MIN(duration_ms, (uint64_t)LEADER_TTL_MAX_MS);
}

static bool may_take(const struct leader *leader)
{
    return is_free(leader) || is_ours(leader) || loop_now_ms(leader->loop) >= runs_out_ms(leader);
}

/* False: `json` is no Lease. */
static bool see(struct leader *leader, struct span json)
{
    struct arena arena;
    struct lease lease;

    arena_init(&arena, 1024);
    if (!lease_decode(&arena, json, &lease)) {
        arena_deinit(&arena);
        return false;
    }
    if (!leader->is_seen || lease.record != leader->seen.record)
        leader->record_ms = loop_now_ms(leader->loop);
    if (!leader->is_seen || !span_eq(lease.holder, leader->seen.holder))
        log_info("leader_seen", F_SPAN("leader", lease.holder));
    arena_deinit(&leader->arena);
    leader->arena = arena;
    leader->seen = lease;
    leader->is_seen = true;
    leader->has_followed |= !is_free(leader) && !is_ours(leader);
    return true;
}

/* ---- changes of state -------------------------------------------------------------------------
 */

static void state_set(struct leader *leader, enum leader_state state)
{
    bool was_leading = leader->state == LEADER_LEADING;

    invariant(leader->state != LEADER_ENDED && state != leader->state);
    leader->state = state;
    if (state == LEADER_LEADING)
        log_info("leading", F_SPAN("lease", leader->options.name));
    else if (was_leading)
        log_info("leading_ended", F_SPAN("lease", leader->options.name));
    if (was_leading || state == LEADER_LEADING)
        leader->on_change(leader->ctx, state == LEADER_LEADING);
}

static void step_down(struct leader *leader)
{
    loop_timer_cancel(&leader->deadline_timer);
    state_set(leader, LEADER_FOLLOWING);
}

static void end(struct leader *leader)
{
    leader->call = api_call_cancel(leader->call);
    loop_timer_cancel(&leader->tick_timer);
    loop_timer_cancel(&leader->deadline_timer);
    state_set(leader, LEADER_ENDED);
    leader->on_released(leader->released_ctx);
}

/* Looks again after a while, or when the Lease runs out, if that is sooner. */
static void follow(struct leader *leader)
{
    uint64_t now_ms = loop_now_ms(leader->loop);
    uint64_t delay_ms = retry_ms(leader) + jitter_ms(leader, retry_ms(leader));

    if (leader->is_poked)
        delay_ms = jitter_ms(leader, retry_ms(leader) / 64);
    else if (leader->is_seen && !is_free(leader) && runs_out_ms(leader) > now_ms)
        delay_ms =
            MIN(delay_ms, runs_out_ms(leader) - now_ms + jitter_ms(leader, retry_ms(leader) / 8));
    tick_set(leader, delay_ms);
}

/* The Lease is ours, as of when that was asked for. */
static void held(struct leader *leader)
{
    uint64_t now_ms = loop_now_ms(leader->loop);
    uint64_t until_ms = leader->asked_ms + deadline_ms(leader);

    if (leader->state == LEADER_RELEASING) {
        ask(leader, ASK_RELEASE);
        return;
    }
    loop_timer_set(leader->loop, &leader->deadline_timer,
                   until_ms > now_ms ? until_ms - now_ms : 0);
    tick_set(leader, retry_ms(leader));
    if (leader->state == LEADER_FOLLOWING)
        state_set(leader, LEADER_LEADING);
}

/* What to do about the Lease as it was just read. */
static void decide(struct leader *leader)
{
    switch (leader->state) {
    case LEADER_FOLLOWING:
        if (may_take(leader))
            ask(leader, ASK_HOLD);
        else
            follow(leader);
        return;
    case LEADER_LEADING:
        if (is_ours(leader) || is_free(leader)) {
            ask(leader, ASK_HOLD);
            return;
        }
        step_down(leader);
        follow(leader);
        return;
    case LEADER_RELEASING:
        if (is_ours(leader))
            ask(leader, ASK_RELEASE);
        else
            end(leader);
        return;
    case LEADER_ENDED:
        return;
    }
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static void failed(struct leader *leader, const struct api_reply *reply)
{
    uint64_t delay_ms = retry_ms(leader) / 4;

    log_limited(LOG_WARN, "leader_election_failed",
                F_STR("result", api_call_result_name(reply->result)),
                F_UINT("status", reply->status), F_SPAN("message", reply->message),
                F_STR("mend", reply->status == HTTP_FORBIDDEN
                                  ? "grant create, get, list, watch and patch on leases of "
                                    "coordination.k8s.io, as deploy/ does"
                                  : ""));
    if (leader->state == LEADER_FOLLOWING && leader->is_seen) /* somebody may well be leading */
        delay_ms = retry_ms(leader) + jitter_ms(leader, retry_ms(leader));
    tick_set(leader, MAX(delay_ms, (uint64_t)reply->retry_after_ms));
}

static void on_read(struct leader *leader, const struct api_reply *reply)
{
    if (reply->result == API_CALL_STATUS && reply->status == HTTP_NOT_FOUND) {
        if (leader->state == LEADER_RELEASING)
            end(leader);
        else
            ask(leader, ASK_NEW);
    } else if (reply->result == API_CALL_OK && see(leader, reply->body)) {
        decide(leader);
    } else {
        failed(leader, reply);
    }
}

/* Of ASK_NEW, ASK_HOLD and ASK_RELEASE. Where somebody else was faster, it is read anew. */
static void on_written(struct leader *leader, const struct api_reply *reply)
{
    bool is_status = reply->result == API_CALL_STATUS;

    if (reply->result == API_CALL_OK && see(leader, reply->body)) {
        if (leader->ask == ASK_RELEASE)
            end(leader);
        else
            held(leader);
    } else if (is_status && leader->rounds < ROUNDS_MAX &&
               (reply->status == HTTP_CONFLICT || reply->status == HTTP_NOT_FOUND)) {
        ask(leader, ASK_READ);
    } else {
        failed(leader, reply);
    }
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    struct leader *leader = ctx;

    leader->call = NULL;
    if (leader->ask == ASK_READ)
        on_read(leader, reply);
    else
        on_written(leader, reply);
}

static void body_encode(const struct leader *leader, enum leader_ask what, struct buf *out)
{
    const struct leader_options *options = &leader->options;
    uint32_t duration_s = options->ttl_ms / 1000;
    uint64_t now_ns = clock_wall_ns();

    switch (what) {
    case ASK_READ:
        return;
    case ASK_NEW:
        lease_encode_new(out, options->name, options->identity, duration_s, now_ns);
        return;
    case ASK_HOLD:
        lease_encode_hold(out, &leader->seen, options->identity, duration_s, now_ns);
        return;
    case ASK_RELEASE:
        lease_encode_release(out, &leader->seen, now_ns);
        return;
    }
}

static void ask(struct leader *leader, enum leader_ask what)
{
    static const enum api_method methods[] = {
        [ASK_READ] = API_GET,
        [ASK_NEW] = API_POST,
        [ASK_HOLD] = API_PATCH,
        [ASK_RELEASE] = API_PATCH,
    };
    static const struct api_call_events events = { .on_done = on_done };
    SCOPED(buf_deinit) struct buf path = { 0 };
    SCOPED(buf_deinit) struct buf body = { 0 };

    invariant(!leader->call);
    buf_printf(&path, "/apis/coordination.k8s.io/v1/namespaces/" SPAN_FMT "/leases",
               SPAN_ARG(leader->options.namespace));
    if (what != ASK_NEW)
        buf_printf(&path, "/" SPAN_FMT, SPAN_ARG(leader->options.name));
    body_encode(leader, what, &body);
    leader->ask = what;
    leader->rounds++;
    leader->asked_ms = loop_now_ms(leader->loop);
    leader->call = api_call_start(
        leader->client,
        &(struct api_request){
            .method = methods[what],
            .path = buf_span(&path),
            .content_type = methods[what] == API_PATCH ? LEASE_PATCH_TYPE : SPAN_EMPTY,
            .body = buf_span(&body),
            .timeout_ms = MIN(retry_ms(leader), (uint32_t)API_TIMEOUT_MS),
        },
        &events, leader);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void on_tick(struct loop_timer *timer)
{
    struct leader *leader = container_of(timer, struct leader, tick_timer);

    if (leader->call)
        return; /* its end goes on */
    leader->rounds = 0;
    leader->is_poked = false;
    ask(leader, leader->state == LEADER_LEADING ? ASK_HOLD : ASK_READ);
}

static void on_deadline(struct loop_timer *timer)
{
    struct leader *leader = container_of(timer, struct leader, deadline_timer);

    log_warn("lease_not_renewed", F_SPAN("lease", leader->options.name),
             F_UINT("for_ms", deadline_ms(leader)));
    step_down(leader);
    if (!leader->call)
        follow(leader);
}

/* Does somebody else have what we think is ours? Then we ask. */
static void doubt(struct leader *leader, struct span json)
{
    SCOPED(arena_deinit) struct arena arena;
    struct lease lease;

    arena_init(&arena, 1024);
    if (lease_decode(&arena, json, &lease) && !span_eq(lease.holder, leader->options.identity))
        tick_set(leader, 0);
}

/* What the watch tells may be older than what our own calls told. So it moves a follower's clock, which
 * makes him the more careful, and is else a reason to look, no more. */
static void on_object(void *ctx, const struct reflector_object *object)
{
    struct leader *leader = ctx;

    leader->is_poked |= leader->call != NULL;
    if (leader->call || leader->state != LEADER_FOLLOWING) {
        doubt(leader, object->json);
        return;
    }
    if (!see(leader, object->json))
        return;
    leader->is_poked = is_free(leader);
    follow(leader);
}

static void on_deleted(void *ctx, const struct reflector_object *object)
{
    struct leader *leader = ctx;

    (void)object;
    leader->is_poked |= leader->call != NULL;
    if (leader->state == LEADER_FOLLOWING || leader->state == LEADER_LEADING)
        tick_set(leader, jitter_ms(leader, retry_ms(leader) / 64));
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct leader *leader_new(struct loop *loop, struct api_client *client,
                          const struct leader_options *options,
                          void (*on_change)(void *ctx, bool is_leading), void *ctx)
{
    /* Whether it is there at all is told by our own calls. */
    static const struct reflector_events events = {
        .on_object = on_object,
        .on_deleted = on_deleted,
    };
    struct leader *leader = mem_alloc_zero(sizeof(*leader));

    invariant(options->ttl_ms >= LEADER_TTL_MIN_MS && options->ttl_ms <= LEADER_TTL_MAX_MS);
    leader->loop = loop;
    leader->client = client;
    leader->options = *options;
    leader->on_change = on_change;
    leader->ctx = ctx;
    arena_init(&leader->arena, 1024);
    loop_timer_init(&leader->tick_timer, on_tick);
    loop_timer_init(&leader->deadline_timer, on_deadline);
    leader->watch = reflector_new(loop, client,
                                  &(struct reflector_target){
                                      .base = SPAN("/apis/coordination.k8s.io/v1"),
                                      .resource = SPAN("leases"),
                                      .namespace = options->namespace,
                                      .name = options->name,
                                  },
                                  &events, leader);
    tick_set(leader, 0);
    return leader;
}

struct leader *leader_free(struct leader *leader)
{
    if (!leader)
        return NULL;
    leader->call = api_call_cancel(leader->call);
    leader->watch = reflector_free(leader->watch);
    loop_timer_cancel(&leader->tick_timer);
    loop_timer_cancel(&leader->deadline_timer);
    arena_deinit(&leader->arena);
    return mem_free(leader);
}

bool leader_is_leading(const struct leader *leader)
{
    return leader->state == LEADER_LEADING;
}

bool leader_has_followed(const struct leader *leader)
{
    return leader->has_followed;
}

void leader_release(struct leader *leader, void (*on_released)(void *ctx), void *ctx)
{
    bool may_hold = leader->state == LEADER_LEADING || (leader->call && leader->ask != ASK_READ);

    invariant(leader->state == LEADER_FOLLOWING || leader->state == LEADER_LEADING);
    leader->on_released = on_released;
    leader->released_ctx = ctx;
    loop_timer_cancel(&leader->deadline_timer);
    loop_timer_cancel(&leader->tick_timer);
    state_set(leader, LEADER_RELEASING);
    if (!may_hold)
        end(leader);
    else if (!leader->call)
        ask(leader, ASK_RELEASE);
}
