#include "ingress/compile.h"
#include "ingress/service.h"

/* What lies in an arena stays there, and a model may live for weeks while its Pods come and go: an array is
 * used again as long as it has room, and grows in powers of two. */

static bool endpoints_are(const struct route_service *service,
                          const struct service_endpoints *endpoints)
{
    if (service->endpoints_len != endpoints->len)
        return false;
    for (size_t i = 0; i < endpoints->len; i++) {
        const struct route_endpoint *a = &service->endpoints[i], *b = &endpoints->items[i];

        if (a->kind != b->kind || a->port != b->port || !ip_eq(&a->ip, &b->ip) ||
            !span_eq(a->dns_name, b->dns_name))
            return false;
    }
    return true;
}

static void endpoints_set(struct arena *arena, struct route_service *service,
                          const struct service_endpoints *endpoints)
{
    if (endpoints->len > service->endpoints_cap) {
        size_t cap = MAX((size_t)4, service->endpoints_cap);
        while (cap < endpoints->len)
            cap *= 2;
        service->endpoints = arena_new_array(arena, struct route_endpoint, cap);
        service->endpoints_cap = cap;
    }
    for (size_t i = 0; i < endpoints->len; i++) {
        service->endpoints[i] = endpoints->items[i];
        if (endpoints->items[i].kind == ROUTE_ENDPOINT_DNS)
            service->endpoints[i].dns_name = arena_dup(arena, endpoints->items[i].dns_name);
    }
    service->endpoints_len = endpoints->len;
}

void ingress_endpoints_refresh(const struct kube_store *store,
                               const struct ingress_options *options, struct route_model *model,
                               struct span namespace, struct span name,
                               void (*on_change)(void *ctx, struct route_service *service),
                               void *ctx)
{
    struct route_service *port = route_service_find(model, namespace, name);
    struct arena scratch;

    if (!port || (options->watch_namespace.len && !span_eq(options->watch_namespace, namespace)))
        return;
    arena_init(&scratch, 4096);
    for (; port; port = port->next_port) {
        struct service_endpoints endpoints;
        int r = ingress_service_resolve(store, port, &scratch, &endpoints);
        invariant(r == SERVICE_OK || endpoints.len == 0);
        if (endpoints_are(port, &endpoints))
            continue;
        endpoints_set(route_service_arena(model, port), port, &endpoints);
        on_change(ctx, port);
    }
    arena_deinit(&scratch);
}
