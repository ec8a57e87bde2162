#include "control/last_replica.h"

#include "base/log.h"
#include "base/scope.h"
#include "control/api_object.h"
#include "control/replicas.h"

enum { ANSWER_MS = 3000 }; /* the end of a process does not wait long */

struct last_replica {
    struct api_client *client;
    struct span namespace, pod;
    void (*on_answer)(void *ctx, bool is_last);
    void *ctx;
    struct api_call *call;
};

static void answer_unknown(struct last_replica *question, const struct api_reply *reply)
{
    log_warn("replicas_not_known", F_STR("result", api_call_result_name(reply->result)),
             F_UINT("status", reply->status), F_SPAN("message", reply->message));
    question->on_answer(question->ctx, false);
}

static bool has_another(const struct last_replica *question, const struct kube_node *pods)
{
    for (size_t i = 0; i < api_object_len(pods); i++) {
        if (replica_is_staying(pods->items[i]) &&
            !span_eq(api_object_text(pods->items[i], "metadata.name"), question->pod))
            return true;
    }
    return false;
}

static void on_pods(void *ctx, const struct api_reply *reply)
{
    struct last_replica *question = ctx;
    SCOPED(arena_deinit) struct arena arena;

    question->call = NULL;
    arena_init(&arena, 16384);
    const struct kube_node *list =
        reply->result == API_CALL_OK ? api_object_parse(&arena, reply->body) : NULL;
    if (list)
        question->on_answer(question->ctx, !has_another(question, api_object_find(list, "items")));
    else
        answer_unknown(question, reply);
}

static void get(struct last_replica *question, const struct api_call_events *events,
                struct span path)
{
    question->call = api_call_start(question->client,
                                    &(struct api_request){ .path = path, .timeout_ms = ANSWER_MS },
                                    events, question);
}

/* Of what labels are made of, only these two mean something else in a query. */
static void query_append(struct span selector, struct buf *out)
{
    for (size_t i = 0; i < selector.len; i++) {
        if (selector.ptr[i] == '=')
            buf_append(out, SPAN("%3D"));
        else if (selector.ptr[i] == ',')
            buf_append(out, SPAN("%2C"));
        else
            buf_append_byte(out, selector.ptr[i]);
    }
}

static void on_own_pod(void *ctx, const struct api_reply *reply)
{
    static const struct api_call_events events = { .on_done = on_pods };
    struct last_replica *question = ctx;
    SCOPED(arena_deinit) struct arena arena;
    SCOPED(buf_deinit) struct buf selector = { 0 };
    SCOPED(buf_deinit) struct buf path = { 0 };

    question->call = NULL;
    arena_init(&arena, 16384);
    if (reply->result != API_CALL_OK) {
        answer_unknown(question, reply);
        return;
    }
    replicas_selector_append(api_object_parse(&arena, reply->body), &selector);
    if (selector.len == 0) { /* without labels, nothing is like it */
        question->on_answer(question->ctx, true);
        return;
    }
    buf_printf(&path, "/api/v1/namespaces/" SPAN_FMT "/pods?labelSelector=",
               SPAN_ARG(question->namespace));
    query_append(buf_span(&selector), &path);
    get(question, &events, buf_span(&path));
}

struct last_replica *last_replica_ask(struct api_client *client, struct span namespace,
                                      struct span pod, void (*on_answer)(void *ctx, bool is_last),
                                      void *ctx)
{
    static const struct api_call_events events = { .on_done = on_own_pod };
    struct last_replica *question = mem_alloc_zero(sizeof(*question));
    SCOPED(buf_deinit) struct buf path = { 0 };

    question->client = client;
    question->namespace = namespace;
    question->pod = pod;
    question->on_answer = on_answer;
    question->ctx = ctx;
    buf_printf(&path, "/api/v1/namespaces/" SPAN_FMT "/pods/" SPAN_FMT, SPAN_ARG(namespace),
               SPAN_ARG(pod));
    get(question, &events, buf_span(&path));
    return question;
}

struct last_replica *last_replica_free(struct last_replica *question)
{
    if (!question)
        return NULL;
    question->call = api_call_cancel(question->call);
    return mem_free(question);
}
