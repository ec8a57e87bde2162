/* Lists read once, page by page: what a person at a terminal waits for. */
#include <errno.h>
#include <string.h>

#include "api/client.h"
#include "api/target.h"
#include "base/scope.h"
#include "cli/print.h"
#include "cli/rbac_flags.h"
#include "kube/decode.h"
#include "kube/json.h"

enum { PAGE_OBJECTS = 500, HTTP_FORBIDDEN = 403 };

/* One list, as it is read. */
struct listing {
    struct rbac_cluster *cluster;
    struct buf token; /* of the next page; empty: that was the last */
    bool is_done, is_forbidden;
    struct buf error;
};

static void token_read(struct listing *listing, const struct kube_node *root)
{
    const struct kube_node *metadata = kube_node_find(root, SPAN("metadata"));
    const struct kube_node *token = metadata ? kube_node_find(metadata, SPAN("continue")) : NULL;

    listing->token.len = 0;
    if (token && token->kind == KUBE_NODE_STRING)
        buf_append(&listing->token, token->text);
}

static void page_take(struct listing *listing, struct span json)
{
    SCOPED(arena_deinit) struct arena arena;
    size_t nodes_left = KUBE_NODES_MAX, bytes;
    const struct kube_node *root;
    struct kube_fault fault;

    arena_init(&arena, 64 << 10);
    if (kube_json_parse(&arena, json, (struct kube_pos){ 1, 1 }, false, &nodes_left, &root, &bytes,
                        &fault) != KUBE_PARSE_OK) {
        buf_append(&listing->error, SPAN("its answer is no JSON"));
        return;
    }
    struct kube_bundle *bundle = kube_bundle_decode_tree(root);
    vec_push(&listing->cluster->bundles, bundle);
    vec_for_each (object, &bundle->objects)
        (void)kube_store_put(&listing->cluster->store, object);
    token_read(listing, root);
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    struct listing *listing = ctx;

    listing->is_done = true;
    listing->token.len = 0;
    if (reply->result == API_CALL_OK) {
        page_take(listing, reply->body);
        return;
    }
    listing->is_forbidden = reply->status == HTTP_FORBIDDEN;
    buf_append(&listing->error, reply->message);
}

static bool page_read(struct loop *loop, struct api_client *client, struct listing *listing,
                      const struct reflector_target *target)
{
    static const struct api_call_events events = { .on_done = on_done };
    SCOPED(buf_deinit) struct buf path = { 0 };
    SCOPED(buf_deinit) struct buf token = { 0 };

    buf_append(&token, buf_span(&listing->token));
    target_list_path(target, PAGE_OBJECTS, buf_span(&token), &path);
    struct api_request request = { .path = buf_span(&path), .timeout_ms = API_TIMEOUT_MS };
    listing->is_done = false;
    (void)api_call_start(client, &request, &events, listing);
    while (!listing->is_done) {
        int r = loop_turn(loop, 1000);
        if (r < 0) {
            buf_append(&listing->error, span_from_str(strerror(-r)));
            return false;
        }
    }
    return listing->error.len == 0;
}

/* True: read, or not to be read by whoever asks where that does no harm. */
static bool list_read(struct loop *loop, struct api_client *client, struct rbac_cluster *cluster,
                      const struct reflector_target *target, bool may_be_forbidden)
{
    struct listing listing = { .cluster = cluster };
    bool is_read;

    do
        is_read = page_read(loop, client, &listing, target);
    while (is_read && listing.token.len > 0);
    if (!is_read && !(listing.is_forbidden && may_be_forbidden)) {
        print_error("rbac: " SPAN_FMT ": " SPAN_FMT ": " SPAN_FMT,
                    SPAN_ARG(api_client_server(client)), SPAN_ARG(target->resource),
                    SPAN_ARG(buf_span(&listing.error)));
    }
    bool is_well = is_read || (listing.is_forbidden && may_be_forbidden);
    buf_deinit(&listing.token);
    buf_deinit(&listing.error);
    return is_well;
}

static bool lists_read(const struct rbac_flags *flags, struct loop *loop, struct api_client *client,
                       struct rbac_cluster *cluster)
{
    struct span networking = SPAN("/apis/networking.k8s.io/v1"), core = SPAN("/api/v1");
    const struct reflector_target ingresses = {
        .base = networking,
        .resource = SPAN("ingresses"),
        .namespace = flags->meaning.watch_namespace,
    };
    const struct reflector_target classes = { .base = networking,
                                              .resource = SPAN("ingressclasses") };
    const struct reflector_target namespaces = { .base = core,
                                                 .resource = SPAN("namespaces"),
                                                 .label_selector = flags->namespace_selector };

    if (flags->namespace_selector.len > 0 && !list_read(loop, client, cluster, &namespaces, false))
        return false;
    return list_read(loop, client, cluster, &classes, flags->meaning.class_by_name) &&
           list_read(loop, client, cluster, &ingresses, false);
}

/* Those of namespaces that are not selected are none of ours. */
static void unselected_remove(struct rbac_cluster *cluster)
{
    vec_for_each (bundle, &cluster->bundles) {
        vec_for_each (object, &(*bundle)->objects) {
            if (object->kind == KUBE_INGRESS &&
                !kube_store_find(&cluster->store, KUBE_NAMESPACE, SPAN_EMPTY, object->namespace))
                kube_store_remove(&cluster->store, object);
        }
    }
}

static bool config_load(const struct rbac_flags *flags, struct api_config **ret_config)
{
    SCOPED(buf_deinit) struct buf error = { 0 };
    struct api_config_choice choice = {
        .kubeconfig = flags->kubeconfig,
        .context = flags->kubeconfig_context,
    };

    if (api_config_load(&choice, ret_config, &error) == API_CONFIG_OK)
        return true;
    print_error("rbac: " SPAN_FMT, SPAN_ARG(buf_span(&error)));
    return false;
}

bool rbac_cluster_read(const struct rbac_flags *flags, struct rbac_cluster *cluster)
{
    struct api_config *config = NULL;
    struct api_client *client = NULL;
    struct loop *loop = NULL;

    *cluster = (struct rbac_cluster){ 0 };
    kube_store_init(&cluster->store);
    if (!config_load(flags, &config))
        return false;
    int r = loop_new(&loop);
    if (r == 0)
        r = api_client_new(loop, config, &client);
    else
        api_config_free(config);
    if (r < 0)
        print_error("rbac: %s", strerror(-r));
    bool is_read = r == 0 && lists_read(flags, loop, client, cluster);
    if (is_read && flags->namespace_selector.len > 0)
        unselected_remove(cluster);
    api_client_free(client);
    loop_free(loop);
    return is_read;
}

void rbac_cluster_deinit(struct rbac_cluster *cluster)
{
    kube_store_deinit(&cluster->store);
    vec_for_each (bundle, &cluster->bundles)
        kube_bundle_free(*bundle);
    vec_deinit(&cluster->bundles);
}
