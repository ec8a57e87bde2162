#include "control/source_api.h"

#include "base/log.h"
#include "base/scope.h"
#include "control/api_feed.h"
#include "control/ingress_intake.h"
#include "kube/pack.h"

/* Each kind has a feed, which fills the store; Ingresses go by way of the intake, which knows the Secrets
 * that they refer to. What changed is told once a turn of the loop, and for the first time when all feeds
 * have told all that there is, and the Secrets are known or out of reach. */

enum {
    FEEDS_MAX = 10,
    /* A server that is back is asked for all kinds within so long. */
    FEED_HURRY_MS = 200,
};

struct source_api {
    struct source source;
    struct loop *loop;
    struct api_client *client;
    struct source_api_options options;
    struct api_store store;
    struct api_feed *feeds[FEEDS_MAX];
    size_t feeds_len;
    struct secret_watch *secrets;
    struct ingress_intake intake;
    struct loop_task settle_task;
    bool is_listed; /* all feeds have told all once */
    uint64_t
        secrets_until_ms; /* of the loop's clock: what changed is not told before Secrets are settled,
                                  or it is so late; 0: no need to wait */
    bool was_told;
};

static struct source_api *api_of(const struct source *source)
{
    return container_of(source, struct source_api, source);
}

static void settle_later(struct source_api *api)
{
    loop_task_queue(api->loop, &api->settle_task);
}

/* ---- settling ----------------------------------------------------------------------------------
 */

/* Without the right to list IngressClasses, which only a ClusterRole can give, all else works. Told twice:
 * an API server that starts refuses everybody until it has read the rights. */
static bool is_excused(const struct api_feed *feed)
{
    return api_feed_kind(feed) == KUBE_INGRESS_CLASS && api_feed_is_forbidden(feed) &&
           api_feed_facts(feed)->same_in_row >= 2;
}

static bool are_feeds_synced(const struct source_api *api)
{
    for (size_t i = 0; i < api->feeds_len; i++) {
        if (!api_feed_facts(api->feeds[i])->is_synced && !is_excused(api->feeds[i]))
            return false;
    }
    return true;
}

/* Ingresses that are in the store already have come to be ours: their Secrets are not known yet. */
static void recount(struct source_api *api)
{
    ingress_intake_recount(&api->intake);
    api->secrets_until_ms = loop_now_ms(api->loop) + SECRET_WATCH_WAIT_MS;
}

static bool must_wait(struct source_api *api)
{
    if (!api->is_listed) {
        if (!are_feeds_synced(api))
            return true;
        api->is_listed = true;
        if (api->options.has_wide_secrets)
            secret_watch_widen(api->secrets, api->options.ingress->watch_namespace);
        recount(api);
    } else if (!api->intake.is_counting) {
        recount(api);
    }
    if (secret_watch_are_settled(api->secrets) || loop_now_ms(api->loop) >= api->secrets_until_ms)
        api->secrets_until_ms = 0;
    return api->secrets_until_ms != 0;
}

static void settle(struct source_api *api)
{
    if (must_wait(api))
        return;
    ingress_intake_release(&api->intake);
    if (!api->was_told || !source_change_is_empty(&api->store.change)) {
        if (!api->was_told)
            log_info("api_synced",
                     F_UINT("ingresses", kube_store_len(&api->source.store, KUBE_INGRESS)));
        api->was_told = true;
        api->source.on_change(api->source.on_change_ctx, &api->store.change);
    }
    api_store_settle(&api->store);
}

static void on_settle(struct loop_task *task)
{
    settle(container_of(task, struct source_api, settle_task));
}

static void on_secret_news(void *ctx)
{
    settle_later(ctx);
}

/* ---- what feeds tell ---------------------------------------------------------------------------
 */

static void on_object(void *ctx, struct kube_object *object)
{
    struct source_api *api = ctx;

    api_store_put(&api->store, object);
    settle_later(api);
}

static void on_gone(void *ctx, struct span namespace, struct span name)
{
    (void)namespace;
    (void)name;
    settle_later(ctx);
}

static void on_ingress(void *ctx, struct kube_object *ingress)
{
    struct source_api *api = ctx;

    ingress_intake_take(&api->intake, ingress);
    settle_later(api);
}

static void on_ingress_gone(void *ctx, struct span namespace, struct span name)
{
    struct source_api *api = ctx;

    ingress_intake_drop(&api->intake, namespace, name);
    settle_later(api);
}

/* IngressClasses and Namespaces decide which Ingresses are ours, and the ConfigMap whose Secrets they may
 * name. */
static void on_rule(void *ctx, struct kube_object *object)
{
    struct source_api *api = ctx;

    ingress_intake_suspend(&api->intake);
    on_object(ctx, object);
}

static void on_rule_gone(void *ctx, struct span namespace, struct span name)
{
    struct source_api *api = ctx;

    ingress_intake_suspend(&api->intake);
    on_gone(ctx, namespace, name);
}

static void on_synced(void *ctx, struct api_feed *feed)
{
    (void)feed;
    settle_later(ctx);
}

/* One of a class by name needs no IngressClass, where there is no right to read any. */
static void class_stand_in_put(struct source_api *api)
{
    const struct ingress_options *ingress = api->options.ingress;
    struct kube_object stand_in = {
        .kind = KUBE_INGRESS_CLASS,
        .name = ingress->ingress_class,
        .ingress_class.controller.text = ingress->controller_class,
    };

    if (ingress->class_by_name)
        on_rule(api, kube_object_pack(&stand_in));
}

static void hurry_others(struct source_api *api, const struct api_feed *feed)
{
    for (size_t i = 0; i < api->feeds_len; i++) {
        if (api->feeds[i] != feed)
            api_feed_hurry(api->feeds[i], FEED_HURRY_MS);
    }
    secret_watch_hurry(api->secrets);
}

static void trouble_log(const struct api_feed *feed)
{
    const struct reflector_facts *facts = api_feed_facts(feed);

    if (facts->is_in_step)
        log_at(facts->failures ? LOG_INFO : LOG_DEBUG, "api_watch_stands",
               F_STR("kind", kube_kind_name(api_feed_kind(feed))));
    else
        log_warn("api_watch_failed", F_STR("kind", kube_kind_name(api_feed_kind(feed))),
                 F_STR("result", api_call_result_name(facts->result)),
                 F_UINT("status", facts->status), F_SPAN("message", facts->message));
}

static void on_trouble(void *ctx, struct api_feed *feed)
{
    struct source_api *api = ctx;
    const struct reflector_facts *facts = api_feed_facts(feed);

    trouble_log(feed);
    if (facts->is_in_step)
        hurry_others(api, feed);
    if (!facts->is_synced && is_excused(feed))
        class_stand_in_put(api);
    api->store.change.has_new_diags = true;
    settle_later(api);
}

static const struct api_feed_events events = {
    .on_object = on_object,
    .on_gone = on_gone,
    .on_synced = on_synced,
    .on_trouble = on_trouble,
};

static const struct api_feed_events ingress_events = {
    .on_object = on_ingress,
    .on_gone = on_ingress_gone,
    .on_synced = on_synced,
    .on_trouble = on_trouble,
};

static const struct api_feed_events rule_events = {
    .on_object = on_rule,
    .on_gone = on_rule_gone,
    .on_synced = on_synced,
    .on_trouble = on_trouble,
};

/* ---- which feeds there are ---------------------------------------------------------------------
 */

static void feed_add(struct source_api *api, struct api_feed_options options,
                     const struct api_feed_events *with)
{
    invariant(api->feeds_len < FEEDS_MAX);
    options.annotations_prefix = api->options.ingress->annotations_prefix;
    api->feeds[api->feeds_len++] =
        api_feed_new(api->loop, api->client, &api->store, &options, with, api);
}

/* The EndpointSlices of one Service are found by a label. */
static void backend_feeds_add(struct source_api *api)
{
    const struct ingress_object_name *backend = &api->options.ingress->default_backend;
    SCOPED(buf_deinit) struct buf selector = { 0 };

    buf_printf(&selector, "kubernetes.io/service-name=" SPAN_FMT, SPAN_ARG(backend->name));
    feed_add(api,
             (struct api_feed_options){
                 .kind = KUBE_SERVICE,
                 .scope = { .namespace = backend->namespace, .name = backend->name },
             },
             &events);
    feed_add(api,
             (struct api_feed_options){
                 .kind = KUBE_ENDPOINT_SLICE,
                 .scope = { .namespace = backend->namespace, .service = backend->name },
                 .label_selector = buf_span(&selector),
             },
             &events);
}

static void config_map_feed_add(struct source_api *api, const struct ingress_object_name *map,
                                const struct api_feed_events *with)
{
    if (map->name.len)
        feed_add(api,
                 (struct api_feed_options){
                     .kind = KUBE_CONFIG_MAP,
                     .scope = { .namespace = map->namespace, .name = map->name },
                 },
                 with);
}

static void named_feeds_add(struct source_api *api)
{
    const struct ingress_options *ingress = api->options.ingress;

    config_map_feed_add(api, &ingress->config_map, &rule_events);
    config_map_feed_add(api, &ingress->tcp_services, &events);
    config_map_feed_add(api, &ingress->udp_services, &events);
    if (ingress->default_backend.name.len && ingress->watch_namespace.len &&
        !span_eq(ingress->watch_namespace, ingress->default_backend.namespace))
        backend_feeds_add(api);
}

void source_api_start(struct source *source)
{
    struct source_api *api = api_of(source);
    struct api_scope scope = { .namespace = api->options.ingress->watch_namespace };

    if (api->options.namespace_selector.len)
        feed_add(api,
                 (struct api_feed_options){ .kind = KUBE_NAMESPACE,
                                            .label_selector = api->options.namespace_selector },
                 &rule_events);
    feed_add(api, (struct api_feed_options){ .kind = KUBE_INGRESS_CLASS }, &rule_events);
    feed_add(api, (struct api_feed_options){ .kind = KUBE_INGRESS, .scope = scope },
             &ingress_events);
    feed_add(api, (struct api_feed_options){ .kind = KUBE_SERVICE, .scope = scope }, &events);
    feed_add(api, (struct api_feed_options){ .kind = KUBE_ENDPOINT_SLICE, .scope = scope },
             &events);
    named_feeds_add(api);
}

/* ---- what is wrong -----------------------------------------------------------------------------
 */

/* Not for a moment, as while an API server starts. */
static bool is_forbidden_for_long(const struct api_feed *feed)
{
    const struct reflector_facts *facts = api_feed_facts(feed);

    return api_feed_is_forbidden(feed) &&
           (!facts->is_synced || facts->same_in_row >= REFLECTOR_PERSISTS);
}

static void forbidden_report(const struct api_feed *feed, struct diag_list *diags)
{
    SCOPED(buf_deinit) struct buf message = { 0 };
    bool is_class = api_feed_kind(feed) == KUBE_INGRESS_CLASS;
    struct diag diag = {
        .severity = is_class ? DIAG_WARNING : DIAG_ERROR,
        .code = DIAG_API_FORBIDDEN,
        .mend =
            is_class
                ? SPAN("give the right by a ClusterRole (yett rbac --base prints it), or name the "
                       "class by --ingress-class with --ingress-class-by-name")
                : SPAN("give the right: yett rbac --base prints the Role"),
    };

    buf_printf(&message, "%s objects may not be read: " SPAN_FMT,
               kube_kind_name(api_feed_kind(feed)), SPAN_ARG(api_feed_facts(feed)->message));
    diag.message = buf_span(&message);
    diag_add(diags, &diag);
}

static void diags_append(const struct source *source, struct diag_list *diags)
{
    const struct source_api *api = api_of(source);

    for (size_t i = 0; i < api->feeds_len; i++) {
        if (is_forbidden_for_long(api->feeds[i]))
            forbidden_report(api->feeds[i], diags);
    }
    api_store_diags_append(&api->store, diags);
}

struct source_api_facts source_api_facts(const struct source *source)
{
    const struct source_api *api = api_of(source);
    struct source_api_facts facts = {
        .is_synced = api->was_told,
        .is_in_step = api->feeds_len > 0,
        .secrets = secret_watch_facts(api->secrets),
        .held = (uint32_t)ingress_intake_held(&api->intake),
    };

    for (size_t i = 0; i < api->feeds_len; i++) {
        const struct reflector_facts *of = api_feed_facts(api->feeds[i]);
        facts.is_in_step = facts.is_in_step && of->is_in_step;
        facts.lists += of->lists;
        facts.watches += of->watches;
        facts.events += of->events;
        facts.unreadable += of->unreadable;
        facts.failures += of->failures;
    }
    return facts;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void source_api_free(struct source *source)
{
    struct source_api *api = api_of(source);

    loop_task_cancel(&api->settle_task);
    for (size_t i = 0; i < api->feeds_len; i++)
        api_feed_free(api->feeds[i]);
    ingress_intake_deinit(&api->intake);
    secret_watch_free(api->secrets);
    api_store_deinit(&api->store);
    mem_free(api);
}

static const struct source_ops api_ops = {
    .diags_append = diags_append,
    .free = source_api_free,
};

struct source *source_api_new(struct loop *loop, struct api_client *client,
                              const struct source_api_options *options,
                              source_changed_fn *on_change, void *ctx)
{
    struct source_api *api = mem_alloc_zero(sizeof(*api));

    api->source = (struct source){ .ops = &api_ops, .on_change = on_change, .on_change_ctx = ctx };
    kube_store_init(&api->source.store);
    api->loop = loop;
    api->client = client;
    api->options = *options;
    api_store_init(&api->store, &api->source);
    api->store.selects_namespaces = options->namespace_selector.len > 0;
    api->store.shown_namespace = options->ingress->default_backend.namespace;
    api->secrets = secret_watch_new(loop, client, &api->store, on_secret_news, api);
    ingress_intake_init(&api->intake, &api->store, api->secrets, options->ingress);
    loop_task_init(&api->settle_task, on_settle);
    return &api->source;
}
