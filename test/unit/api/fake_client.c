#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/vec.h"
#include "fake_client.h"

struct api_call {
    char *path;
    uint32_t timeout_ms, stall_ms;
    const struct api_call_events *events;
    void *ctx;
    bool is_over, is_busy;
};

static VEC(struct api_call *) calls;
static size_t started;

static void call_free(struct api_call *call)
{
    mem_free(call->path);
    mem_free(call);
}

static void call_drop(struct api_call *call)
{
    for (size_t i = 0; i < calls.len; i++) {
        if (calls.items[i] != call)
            continue;
        for (; i + 1 < calls.len; i++)
            calls.items[i] = calls.items[i + 1];
        calls.len--;
        return;
    }
    fail_msg("a call that is none");
}

struct api_call *api_call_start(struct api_client *client, const struct api_request *request,
                                const struct api_call_events *events, void *ctx)
{
    struct api_call *call = mem_alloc_zero(sizeof(*call));

    (void)client;
    assert_int_equal(request->method, API_GET);
    call->path = mem_alloc_zero(request->path.len + 1);
    memcpy(call->path, request->path.ptr, request->path.len);
    call->timeout_ms = request->timeout_ms;
    call->stall_ms = request->stall_ms;
    call->events = events;
    call->ctx = ctx;
    vec_push(&calls, call);
    started++;
    return call;
}

struct api_call *api_call_cancel(struct api_call *call)
{
    if (!call)
        return NULL;
    call_drop(call);
    call->is_over = true;
    if (!call->is_busy)
        call_free(call);
    return NULL;
}

const char *api_call_result_name(enum api_call_result result)
{
    return result == API_CALL_OK ? "ok" : "as the test says";
}

size_t fake_calls(void)
{
    return calls.len;
}

size_t fake_calls_started(void)
{
    return started;
}

struct fake_call fake_call_at(size_t index)
{
    if (index >= calls.len)
        return (struct fake_call){ 0 };
    struct api_call *call = calls.items[index];
    return (struct fake_call){ call, call->path, call->timeout_ms, call->stall_ms };
}

struct fake_call fake_call_with(const char *part)
{
    struct fake_call found = { 0 };

    for (size_t i = 0; i < calls.len; i++) {
        if (!strstr(calls.items[i]->path, part))
            continue;
        if (found.call)
            fail_msg("two calls with %s", part);
        found = fake_call_at(i);
    }
    if (!found.call)
        fail_msg("no call with %s", part);
    return found;
}

static void busy_end(struct api_call *call)
{
    call->is_busy = false;
    if (call->is_over)
        call_free(call);
}

void fake_open(struct fake_call call)
{
    call.call->is_busy = true;
    if (call.call->events->on_open)
        call.call->events->on_open(call.call->ctx);
    busy_end(call.call);
}

void fake_body_span(struct fake_call call, struct span bytes)
{
    call.call->is_busy = true;
    call.call->events->on_body(call.call->ctx, bytes);
    busy_end(call.call);
}

void fake_body(struct fake_call call, const char *text)
{
    fake_body_span(call, span_from_str(text));
}

void fake_end_reply(struct fake_call call, struct api_reply reply)
{
    call_drop(call.call);
    call.call->events->on_done(call.call->ctx, &reply);
    call_free(call.call);
}

void fake_end(struct fake_call call)
{
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_OK, .status = 200 });
}

void fake_end_status(struct fake_call call, uint32_t status, const char *message)
{
    fake_end_reply(call, (struct api_reply){ .result = API_CALL_STATUS,
                                             .status = status,
                                             .message = span_from_str(message) });
}

void fake_client_reset(void)
{
    assert_int_equal(calls.len, 0);
    vec_deinit(&calls);
    started = 0;
}
