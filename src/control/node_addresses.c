/* One call at a time: our own Pod, for its labels, once; then the nodes that are not known well enough, one
 * after the other. What is told is told when all are known, so that a list never shrinks for the time that a read takes. */
#include "control/node_addresses.h"

#include "api/reflector.h"
#include "base/log.h"
#include "base/map.h"
#include "base/scope.h"
#include "control/api_object.h"
#include "control/replicas.h"

enum { HTTP_FORBIDDEN = 403, HTTP_NOT_FOUND = 404 };

struct pod {
    struct span name; /* key of the map */
    struct span node; /* empty: it is not ready, or nowhere */
    char texts[];
};

struct node {
    struct span name; /* key of the map */
    bool is_known, is_used;
    uint64_t read_at_ms; /* when it is to be read (again) */
    struct address_list addresses;
    char text[];
};

struct node_addresses {
    struct loop *loop;
    struct api_client *client;
    struct node_addresses_options options;
    void (*on_addresses)(void *ctx, const struct address_list *list);
    void *ctx;

    struct reflector *watch; /* of the Pods; NULL: our labels are not known yet */
    bool is_synced;
    struct map pods, nodes;
    struct api_call *call;
    struct node *reading; /* what `call` reads; NULL: our Pod */
    struct loop_task task;
    struct loop_timer timer;
};

/* ---- pods and nodes ---------------------------------------------------------------------------
 */

static void pod_remove(struct node_addresses *nodes, struct span name)
{
    mem_free(map_remove(&nodes->pods, name));
}

static void pod_put(struct node_addresses *nodes, struct span name, struct span node)
{
    struct pod *pod = mem_alloc(sizeof(*pod) + name.len + node.len);

    memcpy(pod->texts, name.ptr, name.len);
    memcpy(pod->texts + name.len, node.ptr, node.len);
    pod->name = span_of(pod->texts, name.len);
    pod->node = span_of(pod->texts + name.len, node.len);
    pod_remove(nodes, name);
    map_put(&nodes->pods, pod->name, pod);
}

static void pods_clear(struct node_addresses *nodes)
{
    struct pod *pod;

    for (size_t cursor = 0; (pod = map_next(&nodes->pods, &cursor));)
        mem_free(pod);
    map_deinit(&nodes->pods);
}

static struct node *node_get(struct node_addresses *nodes, struct span name)
{
    struct node *node = map_find(&nodes->nodes, name);

    if (node)
        return node;
    node = mem_alloc_zero(sizeof(*node) + name.len);
    memcpy(node->text, name.ptr, name.len);
    node->name = span_of(node->text, name.len);
    address_list_init(&node->addresses);
    map_put(&nodes->nodes, node->name, node);
    return node;
}

static void node_free(struct node_addresses *nodes, struct node *node)
{
    map_remove(&nodes->nodes, node->name);
    address_list_deinit(&node->addresses);
    mem_free(node);
}

/* Afterwards, nodes are those that a ready Pod of ours is on. */
static void nodes_match_pods(struct node_addresses *nodes)
{
    VEC(struct node *) unused = { 0 };
    struct node *node;
    struct pod *pod;

    for (size_t cursor = 0; (node = map_next(&nodes->nodes, &cursor));)
        node->is_used = false;
    for (size_t cursor = 0; (pod = map_next(&nodes->pods, &cursor));) {
        if (pod->node.len)
            node_get(nodes, pod->node)->is_used = true;
    }
    for (size_t cursor = 0; (node = map_next(&nodes->nodes, &cursor));) {
        if (!node->is_used)
            vec_push(&unused, node);
    }
    vec_for_each (each, &unused)
        node_free(nodes, *each);
    vec_deinit(&unused);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void read_failed(const struct node_addresses *nodes, const struct api_reply *reply)
{
    log_limited(LOG_WARN, "status_addresses_not_read",
                F_SPAN("node", nodes->reading ? nodes->reading->name : SPAN_EMPTY),
                F_STR("result", api_call_result_name(reply->result)),
                F_UINT("status", reply->status), F_SPAN("message", reply->message),
                F_STR("mend", reply->status == HTTP_FORBIDDEN
                                  ? "grant get on nodes, and get, list and watch on Pods in the "
                                    "controller's namespace; or give --publish-service or "
                                    "--publish-status-address"
                                  : ""));
}

static void addresses_of_type(const struct kube_node *node, const char *type,
                              struct address_list *list)
{
    const struct kube_node *addresses = api_object_find(node, "status.addresses");

    for (size_t i = 0; i < api_object_len(addresses); i++) {
        if (span_eq(api_object_text(addresses->items[i], "type"), span_from_str(type)))
            address_list_add_text(list, api_object_text(addresses->items[i], "address"));
    }
}

static void node_learn(const struct node_addresses *nodes, struct node *node, struct span json)
{
    SCOPED(arena_deinit) struct arena arena;

    arena_init(&arena, 16384);
    const struct kube_node *object = api_object_parse(&arena, json);
    address_list_deinit(&node->addresses);
    address_list_init(&node->addresses);
    if (!nodes->options.internal)
        addresses_of_type(object, "ExternalIP", &node->addresses);
    if (node->addresses.items.len == 0)
        addresses_of_type(object, "InternalIP", &node->addresses);
    node->is_known = true;
}

static void on_node(void *ctx, const struct api_reply *reply)
{
    struct node_addresses *nodes = ctx;
    struct node *node = nodes->reading;
    uint64_t now_ms = loop_now_ms(nodes->loop);

    nodes->call = NULL;
    node->read_at_ms = now_ms + nodes->options.interval_ms;
    if (reply->result == API_CALL_OK) {
        node_learn(nodes, node, reply->body);
    } else if (reply->result == API_CALL_STATUS && reply->status == HTTP_NOT_FOUND) {
        node_learn(nodes, node, SPAN("{}"));
    } else {
        node->read_at_ms = now_ms + MAX((uint32_t)NODE_ADDRESSES_RETRY_MS, reply->retry_after_ms);
        read_failed(nodes, reply);
    }
    loop_task_queue(nodes->loop, &nodes->task);
}

static void node_read(struct node_addresses *nodes, struct node *node)
{
    static const struct api_call_events events = { .on_done = on_node };
    SCOPED(buf_deinit) struct buf path = { 0 };

    buf_printf(&path, "/api/v1/nodes/" SPAN_FMT, SPAN_ARG(node->name));
    nodes->reading = node;
    nodes->call = api_call_start(
        nodes->client,
        &(struct api_request){ .path = buf_span(&path), .timeout_ms = API_TIMEOUT_MS }, &events,
        nodes);
}

static void tell(const struct node_addresses *nodes)
{
    SCOPED(address_list_deinit) struct address_list all;
    struct node *node;

    address_list_init(&all);
    for (size_t cursor = 0; (node = map_next(&nodes->nodes, &cursor));)
        address_list_append(&all, &node->addresses);
    nodes->on_addresses(nodes->ctx, &all);
}

/* Reads what is to be read now; where all is known, tells. */
static void work(struct node_addresses *nodes)
{
    uint64_t now_ms = loop_now_ms(nodes->loop);
    uint64_t next_ms = now_ms + nodes->options.interval_ms;
    bool are_known = true;
    struct node *node;

    if (nodes->call || !nodes->is_synced)
        return; /* its end comes here again */
    nodes_match_pods(nodes);
    for (size_t cursor = 0; (node = map_next(&nodes->nodes, &cursor));) {
        if (node->read_at_ms <= now_ms) {
            node_read(nodes, node);
            return;
        }
        next_ms = MIN(next_ms, node->read_at_ms);
        are_known &= node->is_known;
    }
    loop_timer_cancel(&nodes->timer); /* to have it sooner than it was set, too */
    loop_timer_set(nodes->loop, &nodes->timer, next_ms - now_ms);
    if (are_known)
        tell(nodes);
}

static void on_task(struct loop_task *task)
{
    work(container_of(task, struct node_addresses, task));
}

/* ---- our Pod, and those like it ---------------------------------------------------------------
 */

/* Nothing is told before all Pods are known again. */
static void on_listing(void *ctx)
{
    struct node_addresses *nodes = ctx;

    nodes->is_synced = false;
    pods_clear(nodes);
}

static void on_object(void *ctx, const struct reflector_object *object)
{
    struct node_addresses *nodes = ctx;
    SCOPED(arena_deinit) struct arena arena;

    arena_init(&arena, 16384);
    const struct kube_node *pod = api_object_parse(&arena, object->json);
    pod_put(nodes, api_object_text(pod, "metadata.name"),
            replica_is_ready(pod) ? api_object_text(pod, "spec.nodeName") : SPAN_EMPTY);
    loop_task_queue(nodes->loop, &nodes->task);
}

static void on_deleted(void *ctx, const struct reflector_object *object)
{
    struct node_addresses *nodes = ctx;

    pod_remove(nodes, object->name);
    loop_task_queue(nodes->loop, &nodes->task);
}

static void on_synced(void *ctx)
{
    struct node_addresses *nodes = ctx;

    nodes->is_synced = true;
    loop_task_queue(nodes->loop, &nodes->task);
}

static void pods_watch(struct node_addresses *nodes, struct span json)
{
    static const struct reflector_events events = {
        .on_listing = on_listing,
        .on_object = on_object,
        .on_deleted = on_deleted,
        .on_synced = on_synced,
    };
    SCOPED(arena_deinit) struct arena arena;
    SCOPED(buf_deinit) struct buf selector = { 0 };

    arena_init(&arena, 16384);
    replicas_selector_append(api_object_parse(&arena, json), &selector);
    nodes->watch = reflector_new(nodes->loop, nodes->client,
                                 &(struct reflector_target){
                                     .base = SPAN("/api/v1"),
                                     .resource = SPAN("pods"),
                                     .namespace = nodes->options.namespace,
                                     .name = selector.len ? SPAN_EMPTY : nodes->options.pod,
                                     .label_selector = buf_span(&selector),
                                 },
                                 &events, nodes);
}

static void on_own_pod(void *ctx, const struct api_reply *reply)
{
    struct node_addresses *nodes = ctx;

    nodes->call = NULL;
    if (reply->result == API_CALL_OK) {
        pods_watch(nodes, reply->body);
        return;
    }
    read_failed(nodes, reply);
    loop_timer_set(nodes->loop, &nodes->timer,
                   MAX((uint32_t)NODE_ADDRESSES_RETRY_MS, reply->retry_after_ms));
}

static void own_pod_read(struct node_addresses *nodes)
{
    static const struct api_call_events events = { .on_done = on_own_pod };
    SCOPED(buf_deinit) struct buf path = { 0 };

    buf_printf(&path, "/api/v1/namespaces/" SPAN_FMT "/pods/" SPAN_FMT,
               SPAN_ARG(nodes->options.namespace), SPAN_ARG(nodes->options.pod));
    nodes->call = api_call_start(
        nodes->client,
        &(struct api_request){ .path = buf_span(&path), .timeout_ms = API_TIMEOUT_MS }, &events,
        nodes);
}

static void on_timer(struct loop_timer *timer)
{
    struct node_addresses *nodes = container_of(timer, struct node_addresses, timer);

    if (nodes->watch)
        work(nodes);
    else
        own_pod_read(nodes);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct node_addresses *node_addresses_new(
    struct loop *loop, struct api_client *client, const struct node_addresses_options *options,
    void (*on_addresses)(void *ctx, const struct address_list *list), void *ctx)
{
    struct node_addresses *nodes = mem_alloc_zero(sizeof(*nodes));

    nodes->loop = loop;
    nodes->client = client;
    nodes->options = *options;
    nodes->on_addresses = on_addresses;
    nodes->ctx = ctx;
    loop_task_init(&nodes->task, on_task);
    loop_timer_init(&nodes->timer, on_timer);
    own_pod_read(nodes);
    return nodes;
}

static void all_free(struct node_addresses *nodes)
{
    struct node *node;

    pods_clear(nodes);
    for (size_t cursor = 0; (node = map_next(&nodes->nodes, &cursor));) {
        address_list_deinit(&node->addresses);
        mem_free(node);
    }
    map_deinit(&nodes->nodes);
}

struct node_addresses *node_addresses_free(struct node_addresses *nodes)
{
    if (!nodes)
        return NULL;
    nodes->call = api_call_cancel(nodes->call);
    nodes->watch = reflector_free(nodes->watch);
    loop_task_cancel(&nodes->task);
    loop_timer_cancel(&nodes->timer);
    all_free(nodes);
    return mem_free(nodes);
}
