#include "api/client.h"

#include <errno.h>

#include "api/call.h"
#include "api/credentials.h"
#include "api/outcome.h"
#include "api/transport.h"
#include "base/mem.h"

/* Calls wait in one list, run in another, and leave at the loop's next turn when they are cancelled:
 * libcurl must not be called from within its own callbacks, where users start and cancel calls. */

struct api_client {
    struct loop *loop;
    struct api_config *config;
    struct api_address address;
    struct api_credentials *credentials;
    struct api_transport *transport;
    struct list waiting, running, cancelled;
    struct list starting;  /* of the waiting ones, those whose turn it is */
    struct loop_task task; /* starts what waits, frees what was cancelled */
    struct api_client_facts facts;
    bool is_unreachable;
    api_client_reach_fn *on_reach;
    void *on_reach_ctx;
};

static const char *const result_names[API_CALL_RESULTS_LEN] = {
    [API_CALL_OK] = "ok",
    [API_CALL_STATUS] = "status",
    [API_CALL_UNREACHABLE] = "unreachable",
    [API_CALL_CUT] = "cut",
    [API_CALL_TIMED_OUT] = "timed-out",
    [API_CALL_CREDENTIALS] = "credentials",
    [API_CALL_TOO_LARGE] = "too-large",
};

const char *api_call_result_name(enum api_call_result result)
{
    return result_names[result];
}

/* Puts all of `from` at the end of `to`. */
static void list_move(struct list *from, struct list *to)
{
    while (!list_is_empty(from)) {
        struct list *node = from->next;

        list_remove(node);
        list_push_back(to, node);
    }
}

/* ---- the end of a call ---------------------------------------------------------------------------- */

static void call_set_state(struct api_call *call, enum api_call_state state)
{
    struct api_client *client = call->client;

    invariant(call->state != CALL_ENDING);
    list_remove(&call->link);
    call->state = state;
    switch (state) {
    case CALL_WAITING:
        list_push_back(&client->waiting, &call->link);
        break;
    case CALL_RUNNING:
        list_push_back(&client->running, &call->link);
        break;
    case CALL_CANCELLED:
        list_push_back(&client->cancelled, &call->link);
        break;
    case CALL_ENDING:
        break;
    }
}

static void reach_set(struct api_client *client, bool is_reachable, struct span message)
{
    bool is_news = is_reachable ? client->is_unreachable : !client->is_unreachable;

    client->facts.is_reachable = is_reachable;
    client->is_unreachable = !is_reachable;
    if (is_news && client->on_reach)
        client->on_reach(client->on_reach_ctx, is_reachable, message);
}

/* Any answer shows that the server is there; of failures, those that came without one that it is not. */
static void on_answer(struct api_call *call)
{
    reach_set(call->client, true, SPAN_EMPTY);
}

static bool is_unreached(enum api_call_result result)
{
    return result == API_CALL_UNREACHABLE || result == API_CALL_CREDENTIALS ||
           result == API_CALL_TIMED_OUT;
}

static void call_end(struct api_call *call, const struct api_reply *reply)
{
    struct api_client *client = call->client;

    call_set_state(call, CALL_ENDING);
    client->facts.calls[reply->result]++;
    client->facts.in_flight--;
    if (is_unreached(reply->result))
        reach_set(client, false, reply->message);
    call->events->on_done(call->ctx, reply);
    api_call_free(call);
}

static void call_end_without_answer(struct api_call *call, enum api_call_result result,
                                    struct span message)
{
    call_end(call, &(struct api_reply){
                       .result = result, .status = api_call_status(call), .message = message });
}

static void call_end_with_status(struct api_call *call, uint32_t code)
{
    struct api_reply reply;
    struct arena arena;

    arena_init(&arena, 4096);
    api_outcome_status(call, call->client->config, code, &arena, &reply);
    call_end(call, &reply);
    arena_deinit(&arena);
}

static void call_end_broken(struct api_call *call, CURLcode code)
{
    struct buf message = { 0 };

    api_outcome_failure(call, call->client->config, code, &message);
    call_end_without_answer(call, api_call_result_of(call, code), buf_span(&message));
    buf_deinit(&message);
}

/* ---- libcurl has done with it ---------------------------------------------------------------------- */

/* Whoever was refused is asked again who he is, once. */
static bool call_repeat(struct api_call *call)
{
    struct api_client *client = call->client;

    if (call->was_repeated || !api_credentials_reject(client->credentials, call->identity))
        return false;
    call->was_repeated = true;
    call->body.len = 0;
    call_set_state(call, CALL_WAITING);
    loop_task_queue(client->loop, &client->task);
    return true;
}

/* A connection could not be made for one call: nor could it for those that wait for that very connection. */
static void waiting_fail(struct api_client *client, struct span message)
{
    list_move(&client->waiting, &client->starting);
    while (!list_is_empty(&client->starting))
        call_end_without_answer(list_entry(client->starting.next, struct api_call, link),
                                API_CALL_UNREACHABLE, message);
}

static void call_end_unconnected(struct api_call *call, CURLcode code)
{
    struct api_client *client = call->client;
    struct buf message = { 0 };

    api_outcome_failure(call, client->config, code, &message);
    call_end_without_answer(call, API_CALL_UNREACHABLE, buf_span(&message));
    waiting_fail(client, buf_span(&message));
    buf_deinit(&message);
}

static void on_transfer_done(void *ctx, struct api_transfer *transfer, CURLcode code)
{
    struct api_client *client = ctx;
    struct api_call *call = container_of(transfer, struct api_call, transfer);
    bool is_connected = transfer->is_connected;

    if (call->state == CALL_CANCELLED)
        return; /* leaves with the task */
    api_transport_remove(client->transport, transfer);
    uint32_t status = api_call_status(call);
    switch (api_call_result_of(call, code)) {
    case API_CALL_OK:
        call_end(call, &(struct api_reply){ .result = API_CALL_OK,
                                            .status = status,
                                            .body = buf_span(&call->body) });
        return;
    case API_CALL_STATUS:
        if (status != 401 || !call_repeat(call))
            call_end_with_status(call, status);
        return;
    case API_CALL_UNREACHABLE:
        if (!is_connected) {
            call_end_unconnected(call, code);
            return;
        }
        call_end_broken(call, code);
        return;
    case API_CALL_CUT:
    case API_CALL_TIMED_OUT:
    case API_CALL_CREDENTIALS:
    case API_CALL_TOO_LARGE:
    case API_CALL_RESULTS_LEN:
        call_end_broken(call, code);
        return;
    }
}

/* ---- time limits ------------------------------------------------------------------------------------ */

static uint64_t call_deadline_ms(const struct api_call *call)
{
    uint64_t whole = call->timeout_ms ? call->started_ms + call->timeout_ms : UINT64_MAX;
    uint64_t stall = call->stall_ms ? call->heard_ms + call->stall_ms : UINT64_MAX;

    return MIN(whole, stall);
}

static void call_timer_set(struct api_call *call)
{
    uint64_t deadline_ms = call_deadline_ms(call), now_ms = loop_now_ms(call->loop);

    if (deadline_ms != UINT64_MAX)
        loop_timer_set(call->loop, &call->timer, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

static void call_end_late(struct api_call *call)
{
    struct api_client *client = call->client;
    struct buf message = { 0 };
    uint64_t now_ms = loop_now_ms(client->loop);

    api_outcome_late(call, client->config, now_ms, &message);
    if (call->state == CALL_RUNNING) {
        api_transport_break_if_silent(client->transport, &call->transfer);
        api_transport_remove(client->transport, &call->transfer);
    }
    call_end_without_answer(call, API_CALL_TIMED_OUT, buf_span(&message));
    buf_deinit(&message);
}

static void call_nudge(struct api_call *call)
{
    uint64_t left_ms = call_deadline_ms(call) - loop_now_ms(call->loop);

    call->nudge_ms = call->nudge_ms < CALL_NUDGES_MAX_MS ? call->nudge_ms * 2 : 0;
    if (call->nudge_ms)
        loop_timer_set(call->loop, &call->timer, MIN(left_ms, (uint64_t)call->nudge_ms));
    else
        call_timer_set(call);
    api_transport_nudge(&call->transfer);
}

/* Bytes push the deadline out without touching the timer. */
static void on_call_timer(struct loop_timer *timer)
{
    struct api_call *call = container_of(timer, struct api_call, timer);

    if (loop_now_ms(call->loop) >= call_deadline_ms(call))
        call_end_late(call);
    else if (call->nudge_ms && call->state == CALL_RUNNING)
        call_nudge(call);
    else
        call_timer_set(call);
}

/* ---- starting ---------------------------------------------------------------------------------------- */

/* False: it has to wait, and so have all others. */
static bool call_go(struct api_client *client, struct api_call *call)
{
    struct api_identity *identity = NULL;

    if (!api_transport_has_room(client->transport))
        return false;
    switch (api_credentials_get(client->credentials, &identity)) {
    case API_CREDENTIALS_OK:
        api_call_prepare(call, client->config, identity);
        call_set_state(call, CALL_RUNNING);
        api_transport_add(client->transport, &call->transfer);
        return true;
    case API_CREDENTIALS_PENDING:
        return false;
    case API_CREDENTIALS_BAD:
        call_end_without_answer(call, API_CALL_CREDENTIALS,
                                api_credentials_error(client->credentials));
        return true;
    }
    unreachable();
}

static void cancelled_free(struct api_client *client)
{
    while (!list_is_empty(&client->cancelled)) {
        struct api_call *call = list_entry(client->cancelled.next, struct api_call, link);

        api_transport_remove(client->transport, &call->transfer);
        api_call_free(call);
    }
}

/* Calls that callbacks start meanwhile wait for the next turn: a caller that repeats at once what fails
 * at once must not keep the loop. */
static void on_task(struct loop_task *task)
{
    struct api_client *client = container_of(task, struct api_client, task);

    cancelled_free(client);
    list_move(&client->waiting, &client->starting);
    while (!list_is_empty(&client->starting)) {
        if (!call_go(client, list_entry(client->starting.next, struct api_call, link)))
            break;
    }
    /* What waits on does so before those that callbacks started meanwhile. */
    list_move(&client->waiting, &client->starting);
    list_move(&client->starting, &client->waiting);
}

/* Credentials are there, or a connection is. */
static void on_room(void *ctx)
{
    struct api_client *client = ctx;

    loop_task_queue(client->loop, &client->task);
}

struct api_call *api_call_start(struct api_client *client, const struct api_request *request,
                                const struct api_call_events *events, void *ctx)
{
    struct api_call *call = api_call_new(client->loop, request, &client->address);

    call->client = client;
    call->events = events;
    call->ctx = ctx;
    call->on_answer = on_answer;
    loop_timer_init(&call->timer, on_call_timer);
    call_timer_set(call);
    call_set_state(call, CALL_WAITING);
    client->facts.in_flight++;
    loop_task_queue(client->loop, &client->task);
    return call;
}

struct api_call *api_call_cancel(struct api_call *call)
{
    if (!call || call->state == CALL_CANCELLED || call->state == CALL_ENDING)
        return NULL;
    loop_timer_cancel(&call->timer);
    call_set_state(call, CALL_CANCELLED);
    call->client->facts.in_flight--;
    loop_task_queue(call->client->loop, &call->client->task);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static const struct api_transport_events transport_events = { on_transfer_done, on_room };

int api_client_new(struct loop *loop, struct api_config *config, struct api_client **ret_client)
{
    struct api_client *client = mem_alloc_zero(sizeof(*client));

    client->loop = loop;
    client->config = config;
    list_init(&client->waiting);
    list_init(&client->starting);
    list_init(&client->running);
    list_init(&client->cancelled);
    loop_task_init(&client->task, on_task);
    int r = api_transport_new(loop, &transport_events, client, &client->transport);
    if (r == 0 && !api_address_init(&client->address, config->server, config->tls_server_name))
        r = -EINVAL;
    if (r < 0) {
        api_client_free(client);
        return r;
    }
    client->credentials = api_credentials_new(loop, config, on_room, client);
    *ret_client = client;
    return 0;
}

static void calls_cancel(struct list *calls)
{
    while (!list_is_empty(calls))
        api_call_cancel(list_entry(calls->next, struct api_call, link));
}

struct api_client *api_client_free(struct api_client *client)
{
    if (!client)
        return NULL;
    calls_cancel(&client->waiting);
    calls_cancel(&client->starting);
    calls_cancel(&client->running);
    cancelled_free(client);
    loop_task_cancel(&client->task);
    api_transport_free(client->transport);
    api_credentials_free(client->credentials);
    api_address_deinit(&client->address);
    api_config_free(client->config);
    return mem_free(client);
}

struct span api_client_namespace(const struct api_client *client)
{
    return client->config->namespace;
}

struct span api_client_server(const struct api_client *client)
{
    return client->config->server;
}

const struct api_client_facts *api_client_facts(struct api_client *client)
{
    client->facts.connections = api_transport_connections(client->transport);
    return &client->facts;
}

void api_client_set_on_reach(struct api_client *client, api_client_reach_fn *on_reach, void *ctx)
{
    client->on_reach = on_reach;
    client->on_reach_ctx = ctx;
}
