#include "fake_api.h"

#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"

struct api_client {
    struct fake_api *api;
};

static char *text_new(struct span text)
{
    char *copy = mem_alloc(text.len + 1);

    memcpy(copy, text.ptr ? text.ptr : "", text.len);
    copy[text.len] = '\0';
    return copy;
}

/* ---- api/client.h -----------------------------------------------------------------------------
 */

static struct api_call *call_free(struct api_call *call)
{
    list_remove(&call->link);
    mem_free(call->path);
    mem_free(call->body);
    mem_free(call->content_type);
    return mem_free(call);
}

struct api_call *api_call_start(struct api_client *client, const struct api_request *request,
                                const struct api_call_events *events, void *ctx)
{
    struct api_call *call = mem_alloc_zero(sizeof(*call));

    call->method = request->method;
    call->path = text_new(request->path);
    call->body = text_new(request->body);
    call->content_type = text_new(request->content_type);
    call->timeout_ms = request->timeout_ms;
    call->events = events;
    call->ctx = ctx;
    list_init(&call->link);
    list_push_back(&client->api->calls, &call->link);
    return call;
}

struct api_call *api_call_cancel(struct api_call *call)
{
    return call ? call_free(call) : NULL;
}

struct span api_client_namespace(const struct api_client *client)
{
    (void)client;
    return SPAN_EMPTY;
}

const char *api_call_result_name(enum api_call_result result)
{
    return result == API_CALL_OK ? "ok" : result == API_CALL_STATUS ? "status" : "unreachable";
}

struct api_call *fake_api_call(struct fake_api *api)
{
    if (list_is_empty(&api->calls))
        return NULL;
    return list_entry(api->calls.next, struct api_call, link);
}

size_t fake_api_calls(const struct fake_api *api)
{
    size_t count = 0;

    list_for_each (it, &api->calls)
        count++;
    return count;
}

void fake_api_answer(struct fake_api *api, struct api_call *call, uint32_t status, const char *body)
{
    char *borrowed = text_new(span_from_str(body)); /* gone after the callback, as the real one */
    struct api_reply reply = {
        .result = status == 0    ? API_CALL_UNREACHABLE
                  : status < 300 ? API_CALL_OK
                                 : API_CALL_STATUS,
        .status = status,
        .body = span_from_str(borrowed),
        .reason = SPAN_EMPTY,
        .message = SPAN("as the test says"),
    };
    struct api_call kept = *call;

    list_remove(&call->link);
    kept.events->on_done(kept.ctx, &reply);
    mem_free(borrowed);
    call_free(call);
    invariant(loop_turn(api->loop, 0) == 0);
}

/* ---- api/reflector.h --------------------------------------------------------------------------
 */

struct reflector *reflector_new(struct loop *loop, struct api_client *client,
                                const struct reflector_target *target,
                                const struct reflector_events *events, void *ctx)
{
    struct reflector *reflector = mem_alloc_zero(sizeof(*reflector));
    struct buf path = { 0 };

    (void)loop;
    buf_printf(&path, SPAN_FMT "/" SPAN_FMT " " SPAN_FMT " " SPAN_FMT " " SPAN_FMT,
               SPAN_ARG(target->base), SPAN_ARG(target->resource), SPAN_ARG(target->namespace),
               SPAN_ARG(target->name), SPAN_ARG(target->label_selector));
    reflector->path = text_new(buf_span(&path));
    buf_deinit(&path);
    reflector->events = events;
    reflector->ctx = ctx;
    list_init(&reflector->link);
    list_push_back(&client->api->reflectors, &reflector->link);
    return reflector;
}

struct reflector *reflector_free(struct reflector *reflector)
{
    if (!reflector)
        return NULL;
    list_remove(&reflector->link);
    mem_free(reflector->path);
    return mem_free(reflector);
}

const struct reflector_facts *reflector_facts(const struct reflector *reflector)
{
    return &reflector->facts;
}

struct reflector *fake_api_reflector(const struct fake_api *api, const char *path)
{
    list_for_each (it, &api->reflectors) {
        struct reflector *reflector = list_entry(it, struct reflector, link);

        if (strncmp(reflector->path, path, strlen(path)) == 0)
            return reflector;
    }
    return NULL;
}

void fake_reflector_tell(struct reflector *reflector, const char *json)
{
    struct reflector_object object = reflector_object_read(span_from_str(json));

    reflector->events->on_object(reflector->ctx, &object);
}

void fake_reflector_delete(struct reflector *reflector, const char *name)
{
    struct reflector_object object = { .json = SPAN("{}"), .name = span_from_str(name) };

    reflector->events->on_deleted(reflector->ctx, &object);
}

/* ---- life and time ----------------------------------------------------------------------------
 */

void fake_api_open(struct fake_api *api)
{
    invariant(loop_new(&api->loop) == 0);
    loop_clock_set_manual(api->loop, 1000000);
    api->client = mem_alloc_zero(sizeof(*api->client));
    api->client->api = api;
    list_init(&api->calls);
    list_init(&api->reflectors);
}

void fake_api_close(struct fake_api *api)
{
    invariant(list_is_empty(&api->calls) && list_is_empty(&api->reflectors));
    mem_free(api->client);
    api->loop = loop_free(api->loop);
}

void fake_api_wait(struct fake_api *api, uint64_t ms)
{
    uint64_t until_ms = loop_now_ms(api->loop) + ms;

    while (loop_now_ms(api->loop) < until_ms) {
        loop_clock_set_manual(api->loop, MIN(loop_now_ms(api->loop) + LOOP_TICK_MS, until_ms));
        invariant(loop_turn(api->loop, 0) == 0);
    }
    invariant(loop_turn(api->loop, 0) == 0);
}
