/* Which addresses a Service has depends on its type, as ingress-nginx sees it: a LoadBalancer those that its
 * cloud gave it and its externalIPs; a NodePort its externalIPs, or else its clusterIP; a ClusterIP just
 * that; an ExternalName the name. */
#include "control/publish_service.h"

#include "api/reflector.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/api_object.h"

struct publish_service {
    struct span namespace, name;
    void (*on_addresses)(void *ctx, const struct address_list *list);
    void *ctx;
    struct reflector *watch;
    bool is_there;
};

static void external_ips_add(const struct kube_node *service, struct address_list *list)
{
    const struct kube_node *ips = api_object_find(service, "spec.externalIPs");

    for (size_t i = 0; i < api_object_len(ips); i++)
        address_list_add(list, ips->items[i]->text, SPAN_EMPTY);
}

static void balancers_add(const struct kube_node *service, struct address_list *list)
{
    const struct kube_node *balancers = api_object_find(service, "status.loadBalancer.ingress");

    for (size_t i = 0; i < api_object_len(balancers); i++)
        address_list_add(list, api_object_text(balancers->items[i], "ip"),
                         api_object_text(balancers->items[i], "hostname"));
}

static void cluster_ip_add(const struct kube_node *service, struct address_list *list)
{
    struct span ip = api_object_text(service, "spec.clusterIP");

    if (!span_eq(ip, SPAN("None"))) /* headless */
        address_list_add(list, ip, SPAN_EMPTY);
}

static void addresses_add(const struct kube_node *service, struct address_list *list)
{
    struct span type = api_object_text(service, "spec.type");

    if (span_eq(type, SPAN("ExternalName"))) {
        address_list_add(list, SPAN_EMPTY, api_object_text(service, "spec.externalName"));
    } else if (span_eq(type, SPAN("LoadBalancer"))) {
        balancers_add(service, list);
        external_ips_add(service, list);
    } else {
        if (span_eq(type, SPAN("NodePort")))
            external_ips_add(service, list);
        if (list->items.len == 0)
            cluster_ip_add(service, list);
    }
}

static void on_listing(void *ctx)
{
    ((struct publish_service *)ctx)->is_there = false;
}

static void on_object(void *ctx, const struct reflector_object *object)
{
    struct publish_service *service = ctx;
    SCOPED(arena_deinit) struct arena arena;
    SCOPED(address_list_deinit) struct address_list list;

    service->is_there = true;
    arena_init(&arena, 4096);
    address_list_init(&list);
    addresses_add(api_object_parse(&arena, object->json), &list);
    service->on_addresses(service->ctx, &list);
}

static void missing_tell(const struct publish_service *service)
{
    log_warn("publish_service_missing", F_SPAN("namespace", service->namespace),
             F_SPAN("service", service->name),
             F_STR("mend", "create the Service, or name another one in --publish-service; "
                           "until then no status is changed"));
}

static void on_deleted(void *ctx, const struct reflector_object *object)
{
    struct publish_service *service = ctx;

    (void)object;
    service->is_there = false;
    missing_tell(service);
}

static void on_synced(void *ctx)
{
    const struct publish_service *service = ctx;

    if (!service->is_there)
        missing_tell(service);
}

static void on_trouble(void *ctx)
{
    const struct publish_service *service = ctx;
    const struct reflector_facts *facts = reflector_facts(service->watch);

    if (!facts->is_in_step)
        log_limited(LOG_WARN, "publish_service_not_followed",
                    F_SPAN("namespace", service->namespace), F_SPAN("service", service->name),
                    F_UINT("status", facts->status), F_SPAN("message", facts->message));
}

struct publish_service *publish_service_new(
    struct loop *loop, struct api_client *client, struct span namespace, struct span name,
    void (*on_addresses)(void *ctx, const struct address_list *list), void *ctx)
{
    static const struct reflector_events events = {
        .on_listing = on_listing,
        .on_object = on_object,
        .on_deleted = on_deleted,
        .on_synced = on_synced,
        .on_trouble = on_trouble,
    };
    struct publish_service *service = mem_alloc_zero(sizeof(*service));

    service->namespace = namespace;
    service->name = name;
    service->on_addresses = on_addresses;
    service->ctx = ctx;
    service->watch = reflector_new(loop, client,
                                   &(struct reflector_target){
                                       .base = SPAN("/api/v1"),
                                       .resource = SPAN("services"),
                                       .namespace = namespace,
                                       .name = name,
                                   },
                                   &events, service);
    return service;
}

struct publish_service *publish_service_free(struct publish_service *service)
{
    if (!service)
        return NULL;
    service->watch = reflector_free(service->watch);
    return mem_free(service);
}
